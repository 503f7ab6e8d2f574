import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SILENT } from 'ce-broker-proto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Cell } from '../../src/state/resource.js';
import { ResourceTable } from '../../src/state/resource-table.js';
import { type Databases, openDatabases } from '../../src/store/databases.js';
import { DEFAULT_SETTINGS } from '../../src/store/lmdb-settings.js';
import { LmdbStore } from '../../src/store/lmdb-store.js';

const works = 'io.example.v1.works';
const folders: string[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ce-broker-lost-'));
  folders.push(folder);
  return folder;
}

/** A table over a store of real files, whose disk may be made to fail: a full one cannot be had in every place where tests run. */
class Kept {
  readonly databases: Databases;
  readonly store: LmdbStore;
  readonly table: ResourceTable;
  #position: number;
  #full = false;
  #heard: (() => void)[] = [];

  constructor(folder: string, keep: 'durable' | 'latest' = 'durable') {
    this.databases = openDatabases(folder);
    const { root } = this.databases;
    const batch = root.batch.bind(root);
    const full = Object.assign(new Error('No space left on device'), { code: 28 });
    root.batch = ((action: () => void) =>
      this.#full ? Promise.reject(full) : batch(action)) as typeof root.batch;
    this.store = new LmdbStore(this.databases, folder, SILENT, DEFAULT_SETTINGS, () => {});
    this.table = new ResourceTable(this.store, () => keep);
    this.#position = this.store.lastPosition;
    this.store.open(this.table, {
      durable: () => this.#hear(),
      failed: (_, changed) => {
        for (const resource of changed)
          this.table.restore(resource, this.store.load(resource.place, resource.id));
        this.#hear();
      },
      ends: () => {},
      damaged: () => {},
    });
  }

  set full(full: boolean) {
    this.#full = full;
  }

  /** Resolves once the store has told what became of what was done. */
  async told(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#heard.push(resolve);
    });
  }

  publish(id: string, version: bigint): Promise<void> {
    const resource = this.table.partition(works, 'c1').resource(id);
    this.#position += 1;
    const bytes = new Uint8Array([Number(version)]);
    const at = 1;
    const position = this.#position;
    const stored = this.store.append({ resource, kind: 'spec', position, bytes, at, user: 'u' });
    if (resource.spec !== undefined) this.store.forget(resource.spec.stored);
    resource.spec = new Cell(resource, 'spec', stored, position, at, version);
    this.table.changed(resource);
    return this.told();
  }

  forget(id: string): Promise<void> {
    const resource = this.table.partition(works, 'c1').resource(id);
    if (resource.spec !== undefined) this.store.forget(resource.spec.stored);
    resource.spec = undefined;
    this.table.changed(resource);
    return this.told();
  }

  async settled(): Promise<void> {
    while (this.store.stats.unsettledHeads > 0) {
      this.store.tick(this.#position);
      await this.told();
    }
  }

  #hear(): void {
    for (const resolve of this.#heard.splice(0)) resolve();
  }
}

describe('a group that the disk does not take', () => {
  it('does not bring back what was forgotten before and has not settled', async () => {
    const kept = new Kept(newFolder());
    await kept.publish('x', 1n);
    await kept.settled();
    await kept.forget('x');
    kept.full = true;
    await kept.publish('x', 2n);
    kept.full = false;
    const partition = kept.table.partition(works, 'c1');
    expect(partition.find('x')).toBeUndefined();
    expect([...partition.views()]).toEqual([]);
    expect(partition.size).toBe(0);
    await kept.store.close();
  });

  it('leaves nothing to do behind when the store is closed over it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const kept = new Kept(newFolder());
    await kept.publish('x', 1n);
    kept.full = true;
    kept.store.setEntry('hold/1', 'x');
    await kept.store.close();
    // The files are closed: whoever writes now ends the process.
    const write = vi.fn(() => Promise.resolve(true));
    Object.assign(kept.databases.root, { batch: write });
    vi.advanceTimersByTime(5_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(write).not.toHaveBeenCalled();
  });
});

describe('a record that cannot be written', () => {
  it('is lost with its group, and nothing else is', async () => {
    const kept = new Kept(newFolder());
    await kept.publish('x', 1n);
    const resource = kept.table.partition(works, 'c1').resource('y');
    resource.newestVersion = 2n ** 63n;
    await kept.publish('y', 1n);
    expect(kept.table.partition(works, 'c1').find('y')).toBeUndefined();
    await kept.publish('z', 1n);
    await kept.settled();
    expect(kept.table.partition(works, 'c1').size).toBe(2);
    await kept.store.close();
  });
});

describe('positions', () => {
  it('go on above those that were given out for what is kept in memory, also when nothing else was kept', async () => {
    const folder = newFolder();
    const first = new Kept(folder);
    first.store.setEntry('hold/1', 'x');
    await first.told();
    const { epoch } = first.store;
    await first.store.close();
    const second = new Kept(folder);
    expect(second.store.epoch).toBe(epoch);
    expect(second.store.lastPosition).toBeGreaterThan(0);
    await second.store.close();
  });
});

describe('a type that is not durable for a while', () => {
  it('is afterwards what it was before, also what had not settled', async () => {
    const folder = newFolder();
    const before = new Kept(folder);
    await before.publish('x', 1n);
    await before.publish('y', 1n);
    await before.settled();
    await before.publish('x', 2n);
    await before.forget('y');
    // As a kill would leave it.
    const left = newFolder();
    copyFileSync(join(folder, 'data.mdb'), join(left, 'data.mdb'));
    await before.store.close();
    const meanwhile = new Kept(left, 'latest');
    await meanwhile.store.close();
    const after = new Kept(left);
    const seen = [...after.table.partition(works, 'c1').views()].map(
      ({ id, spec }) => `${id} ${spec?.version}`,
    );
    expect(seen).toEqual(['x 2']);
    await after.store.close();
  });
});

describe('a walk over several turns', () => {
  it('shows what a resource is when its turn comes, though it was not in memory in between', async () => {
    const kept = new Kept(newFolder());
    for (const id of ['a', 'b', 'c']) await kept.publish(id, 1n);
    await kept.settled();
    const partition = kept.table.partition(works, 'c1');
    for (const resource of partition.hot.values()) partition.letGo(resource);
    const walk = partition.views()[Symbol.iterator]();
    expect(walk.next().value?.id).toBe('a');
    await kept.publish('c', 2n);
    await kept.forget('b');
    await kept.settled();
    // As a sweep leaves it: what is settled and not used has left memory.
    for (const resource of partition.hot.values()) partition.letGo(resource);
    const seen = [...{ [Symbol.iterator]: () => walk }].map(({ id, spec }) => `${id} ${spec?.version}`);
    expect(seen).toEqual(['c 2']);
    await kept.store.close();
  });
});
