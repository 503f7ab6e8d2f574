import { expect, it } from 'vitest';
import { TableOnDisk } from './support/table-on-disk.js';

const nobodyHolds = (): boolean => false;

it('a walk shows nothing of a partition that was dropped meanwhile, although it has not settled that it is gone', async () => {
  const kept = new TableOnDisk();
  const { table } = kept;
  const forgetAll = (): void => {
    for (let sweep = 0; sweep < 3; sweep++) table.sweep(nobodyHolds);
  };
  const partition = table.partition('works', 'c1');
  const ids = ['x', 'y', 'z'];
  for (const id of ids) kept.keep(partition.resource(id));
  await kept.committed();
  await kept.settled();
  forgetAll();
  const walk = partition.views()[Symbol.iterator]();
  expect(walk.next().value?.id).toBe('x');

  for (const id of ids) kept.forget(partition.resource(id));
  await kept.committed();
  forgetAll();
  table.dropIfEmpty(partition);
  expect(partition.number).toBe(0);
  expect(walk.next().done).toBe(true);
});
