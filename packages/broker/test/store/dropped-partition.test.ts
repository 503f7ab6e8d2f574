import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SILENT } from 'ce-broker-proto';
import { expect, it, onTestFinished } from 'vitest';
import { Cell, type Resource } from '../../src/state/resource.js';
import { ResourceTable } from '../../src/state/resource-table.js';
import { openDatabases } from '../../src/store/databases.js';
import { DEFAULT_SETTINGS } from '../../src/store/lmdb-settings.js';
import { LmdbStore } from '../../src/store/lmdb-store.js';

const nobodyHolds = (): boolean => false;

it('a walk shows nothing of a partition that was dropped meanwhile, although it has not settled that it is gone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ce-broker-dropped-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const store = new LmdbStore(openDatabases(folder), folder, SILENT, DEFAULT_SETTINGS, () => {});
  onTestFinished(() => store.close());
  const table = new ResourceTable(store, () => 'durable', 0);
  let heard = (): void => {};
  store.open(table, { durable: () => heard(), failed: () => {}, ends: () => {}, damaged: () => {} });
  const committed = (): Promise<void> => new Promise((resolve) => (heard = resolve));
  const forgetAll = (): void => {
    for (let sweep = 0; sweep < 3; sweep++) table.sweep(nobodyHolds);
  };
  const partition = table.partition('works', 'c1');
  const each = (change: (resource: Resource, position: number) => void): void => {
    for (const [index, id] of ['x', 'y', 'z'].entries()) {
      const resource = partition.resource(id);
      change(resource, index + 1);
      table.changed(resource);
    }
  };

  each((resource, position) => {
    const bytes = new Uint8Array([1]);
    const stored = store.append({ resource, kind: 'spec', position, bytes, at: 1, user: '' });
    resource.spec = new Cell(resource, 'spec', stored, position, 1, 1n);
  });
  await committed();
  while (store.stats.unsettledHeads > 0) {
    store.tick(3);
    await committed();
  }
  forgetAll();
  const walk = partition.views()[Symbol.iterator]();
  expect(walk.next().value?.id).toBe('x');

  each((resource) => {
    if (resource.spec !== undefined) store.forget(resource.spec.stored);
    resource.spec = undefined;
  });
  await committed();
  forgetAll();
  table.dropIfEmpty(partition);
  expect(partition.number).toBe(0);
  expect(walk.next().done).toBe(true);
});
