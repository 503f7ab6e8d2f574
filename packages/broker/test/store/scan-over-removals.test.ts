import { expect, it } from 'vitest';
import { openDatabases } from '../../src/store/databases.js';
import { EndsLoader } from '../../src/store/ends-loader.js';
import { idOfKey, resourceKey } from '../../src/store/layout.js';
import { folderOfTest, TableOnDisk } from './support/table-on-disk.js';

it('a walk passes over nobody when the one that it came to last is gone and settled meanwhile', async () => {
  const kept = new TableOnDisk();
  const partition = kept.table.partition('works', 'c1');
  for (const id of ['a', 'b', 'c', 'd']) kept.keep(partition.resource(id));
  await kept.committed();
  await kept.settled();

  const walk = kept.store.scan(partition, new Set())[Symbol.iterator]();
  expect(walk.next().value?.[0]).toBe('a');
  kept.forget(partition.resource('a'));
  await kept.committed();
  await kept.settled();
  const rest: string[] = [];
  for (let next = walk.next(); next.done !== true; next = walk.next()) rest.push(next.value[0]);
  expect(rest).toEqual(['b', 'c', 'd']);
});

it('what ends is loaded without exception, when those that were loaded end before the next are', async () => {
  const databases = openDatabases(folderOfTest());
  const ids = Array.from({ length: 6_500 }, (_, index) => `r${String(index).padStart(5, '0')}`);
  await databases.root.batch(() => {
    for (const id of ids) void databases.ends.put(resourceKey(1, id), Buffer.alloc(0));
  });
  const loader = new EndsLoader(databases, new Map());
  const loaded: string[] = [];
  const nothing = (): void => {};
  const listener = { durable: nothing, failed: nothing, damaged: nothing };
  for (let before = -1; before < loaded.length; ) {
    before = loaded.length;
    loader.load({ ...listener, ends: (_place, id) => void loaded.push(id) });
    await databases.root.batch(() => {
      for (const id of loaded.slice(before)) void databases.ends.remove(resourceKey(1, id));
    });
  }
  expect(loaded).toEqual(ids);
  expect([...databases.ends.getKeys({})].map(idOfKey)).toEqual([]);
  await databases.root.close();
});
