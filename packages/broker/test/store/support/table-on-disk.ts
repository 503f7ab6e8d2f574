import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SILENT } from 'ce-broker-proto';
import { onTestFinished } from 'vitest';
import { Cell, type Resource } from '../../../src/state/resource.js';
import { ResourceTable } from '../../../src/state/resource-table.js';
import { openDatabases } from '../../../src/store/databases.js';
import { DEFAULT_SETTINGS } from '../../../src/store/lmdb-settings.js';
import { LmdbStore } from '../../../src/store/lmdb-store.js';

/** A new folder that goes with its test. */
export function folderOfTest(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ce-broker-table-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A table with no room for what nobody holds, over a store in a folder. */
export class TableOnDisk {
  readonly store: LmdbStore;
  readonly table: ResourceTable;
  #heard: () => void = () => {};
  #position = 0;

  constructor(folder = folderOfTest()) {
    this.store = new LmdbStore(openDatabases(folder), folder, SILENT, DEFAULT_SETTINGS, () => {});
    onTestFinished(() => this.store.close());
    this.table = new ResourceTable(this.store, () => 'durable', 0);
    const durable = (): void => this.#heard();
    this.store.open(this.table, { durable, failed: () => {}, ends: () => {}, damaged: () => {} });
  }

  /** It has a newer spec. */
  keep(resource: Resource): void {
    this.#position += 1;
    const record = { position: this.#position, bytes: new Uint8Array([1]), at: 1, user: '' };
    const stored = this.store.append({ resource, kind: 'spec', ...record });
    if (resource.spec !== undefined) this.store.forget(resource.spec.stored);
    resource.spec = new Cell(resource, 'spec', stored, this.#position, 1, 1n);
    this.table.changed(resource);
  }

  /** Nothing is known of it any more. */
  forget(resource: Resource): void {
    if (resource.spec !== undefined) this.store.forget(resource.spec.stored);
    resource.spec = undefined;
    this.table.changed(resource);
  }

  /** Resolves with the next commit. */
  committed(): Promise<void> {
    return new Promise((resolve) => {
      this.#heard = resolve;
    });
  }

  /** Nothing was written between two ticks: resolves once all is where it belongs. */
  async settled(): Promise<void> {
    while (this.store.stats.unsettledHeads > 0) {
      for (let ticks = 0; ticks < 2; ticks++) this.store.tick(this.#position);
      await this.committed();
    }
  }
}
