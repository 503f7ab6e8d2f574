import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SILENT } from 'ce-broker-proto';
import { expect, it, onTestFinished } from 'vitest';
import { Cell } from '../../src/state/resource.js';
import { ResourceTable } from '../../src/state/resource-table.js';
import { openDatabases } from '../../src/store/databases.js';
import { DEFAULT_SETTINGS } from '../../src/store/lmdb-settings.js';
import { LmdbStore } from '../../src/store/lmdb-store.js';

it('a walk passes over nobody when the one that it came to last is gone and settled meanwhile', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ce-broker-walk-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const store = new LmdbStore(openDatabases(folder), folder, SILENT, DEFAULT_SETTINGS, () => {});
  onTestFinished(() => store.close());
  const table = new ResourceTable(store, () => 'durable', 0);
  let heard = (): void => {};
  store.open(table, { durable: () => heard(), failed: () => {}, ends: () => {}, damaged: () => {} });
  const committed = (): Promise<void> => new Promise((resolve) => (heard = resolve));
  const settled = async (): Promise<void> => {
    while (store.stats.unsettledHeads > 0) {
      store.tick(9);
      await committed();
    }
  };
  const partition = table.partition('works', 'c1');
  for (const [index, id] of ['a', 'b', 'c', 'd'].entries()) {
    const resource = partition.resource(id);
    const bytes = new Uint8Array([1]);
    const stored = store.append({ resource, kind: 'spec', position: index + 1, bytes, at: 1, user: '' });
    resource.spec = new Cell(resource, 'spec', stored, index + 1, 1, 1n);
    table.changed(resource);
  }
  await committed();
  await settled();

  const walk = store.scan(partition, new Set())[Symbol.iterator]();
  expect(walk.next().value?.[0]).toBe('a');
  const first = partition.resource('a');
  if (first.spec !== undefined) store.forget(first.spec.stored);
  first.spec = undefined;
  table.changed(first);
  await committed();
  await settled();
  const rest: string[] = [];
  for (let next = walk.next(); next.done !== true; next = walk.next()) rest.push(next.value[0]);
  expect(rest).toEqual(['b', 'c', 'd']);
});
