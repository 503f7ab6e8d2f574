import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { CeBrokerError, SILENT } from 'ce-broker-proto';
import { DataTypePolicies } from '../access/data-type-policy.js';
import { BrokerCore, type Imported, RECONCILING_ENTRY, reconcilingMark } from '../core/index.js';
import type { OpenStore } from '../state/event-store.js';
import { LOCK_FILE } from '../store/data-dir-lock.js';
import { lmdbStore } from '../store/index.js';
import { processClock } from './clock.js';

const ROWS_PER_TICK = 1_000;
/** Earlier events that a data directory takes of each side of a resource. */
const HISTORY = 100;
const MOST_AT_REST = 10_000;

/** A data directory that is made of an export. */
export class ImportDirectory {
  readonly #directory: string;
  readonly #store: OpenStore;
  readonly #core: BrokerCore;
  #rows = 0;

  private constructor(directory: string, store: OpenStore) {
    this.#directory = directory;
    this.#store = store;
    this.#core = new BrokerCore({
      store,
      clock: () => processClock.now(),
      policies: new DataTypePolicies(),
      options: { history: HISTORY, mostAtRest: MOST_AT_REST },
      port: { wake: () => {}, newId: () => crypto.randomUUID(), note: () => {} },
    });
  }

  /** Throws `failed_precondition` when the folder is not empty or in use. */
  static async create(dataDir: string): Promise<ImportDirectory> {
    const directory = resolve(dataDir);
    const found = existsSync(directory) ? readdirSync(directory).filter((name) => name !== LOCK_FILE) : [];
    if (found.length > 0) {
      throw new CeBrokerError(
        'failed_precondition',
        `the data directory ${directory} is not empty (${found.slice(0, 3).join(', ')}): import into another one, or into a running broker with --admin`,
        { field: '--data-dir' },
      );
    }
    return new ImportDirectory(directory, await lmdbStore({ dataDir: directory }).open({ logger: SILENT }));
  }

  /** As `BrokerCore.import`; waits while the disk is behind. */
  async take(row: unknown): Promise<Imported | undefined> {
    for (let waited = 0; this.#store.refusal !== undefined; waited += 5) {
      if (waited > 30_000) throw new CeBrokerError(this.#store.refusal.code, this.#store.refusal.message);
      await wait(5);
    }
    const done = this.#core.import(row, processClock.now());
    this.#rows += 1;
    if (this.#rows % ROWS_PER_TICK === 0) {
      this.#core.tick(processClock.now());
      await new Promise((next) => setImmediate(next));
    }
    return done;
  }

  /** The folder is empty again: the export could not be read to its end. */
  async abandon(): Promise<void> {
    await this.#store.close();
    for (const name of ['data.mdb', 'lock.mdb']) rmSync(join(this.#directory, name), { force: true });
  }

  /** A broker that starts with it asks its sources before it answers alone, as one that was restored. */
  async close(): Promise<void> {
    const { position } = this.#core.view;
    const mark = reconcilingMark({ upTo: position, since: processClock.now() });
    this.#store.setEntry(RECONCILING_ENTRY, mark);
    await this.#store.close();
    if (this.#store.refusal !== undefined)
      throw new CeBrokerError(this.#store.refusal.code, this.#store.refusal.message);
  }
}
