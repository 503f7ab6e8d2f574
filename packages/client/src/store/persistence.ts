import { CeBrokerError, type Logger } from 'ce-broker-proto';
import type { ResourceObject } from '../generic/resource.js';
import { StoreFile } from './store-file.js';
import type { StoreEntry } from './store-index.js';
import { type StoredKey, type StoredLine, writeLine } from './store-lines.js';

const DEFAULT_DELAY_MS = 100;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;

type AnyEntry = StoreEntry<ResourceObject>;

export interface PersistenceOptions {
  readonly file: string;
  readonly flushDelayMs: number | undefined;
  readonly logger: Logger | undefined;
  /** Gives the opening up. */
  readonly signal: AbortSignal | undefined;
  /** What there is, for writing all of it. */
  readonly live: () => Iterable<AnyEntry>;
  readonly size: () => number;
}

interface Pending {
  readonly key: StoredKey;
  /** Undefined: deleted. */
  readonly resource: ResourceObject | undefined;
}

/** Brings changes to a file: together, one write at a time, again when one failed. Of each resource only its newest change waits. */
export class StorePersistence {
  readonly #options: PersistenceOptions;
  readonly #file: StoreFile;
  readonly #delayMs: number;
  #pending = new Map<string, Pending>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #retryMs = FIRST_RETRY_MS;
  #closed = false;

  private constructor(options: PersistenceOptions, file: StoreFile, delayMs: number) {
    this.#options = options;
    this.#file = file;
    this.#delayMs = delayMs;
  }

  /** The newest of each resource that the file holds. */
  static async open(
    options: PersistenceOptions,
  ): Promise<{ readonly persistence: StorePersistence; readonly resources: Iterable<unknown> }> {
    const delayMs = options.flushDelayMs ?? DEFAULT_DELAY_MS;
    if (!(delayMs >= 0 && delayMs < 2 ** 31)) {
      throw new CeBrokerError(
        'invalid_option',
        `flushDelayMs is ${delayMs}; it must be 0 or more milliseconds`,
        {
          field: 'flushDelayMs',
        },
      );
    }
    const held = new Map<string, unknown>();
    const keep = ({ key, resource }: StoredLine): void => {
      const id = key.join('\0');
      if (resource === undefined) held.delete(id);
      else held.set(id, resource);
    };
    const file = await StoreFile.open(options.file, keep, options.signal);
    return { persistence: new StorePersistence(options, file, delayMs), resources: held.values() };
  }

  changed({ id, key, resource }: AnyEntry, deleted: boolean): void {
    this.#pending.set(id, { key, resource: deleted ? undefined : resource });
    this.#timer ??= setTimeout(() => this.#inBackground(), this.#delayMs);
  }

  /** Resolves when all changes until now are safe on the disk. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.catch(() => undefined).then(() => this.#write());
    return this.#writing;
  }

  /** Rejects when the last changes could not be written; the file is let go all the same. */
  async close(): Promise<void> {
    this.#closed = true;
    try {
      await this.flush();
    } finally {
      clearTimeout(this.#timer);
      await this.#file.close();
    }
  }

  #inBackground(): void {
    this.flush().catch((error: Error) => this.#report(error));
  }

  async #write(): Promise<void> {
    const taken = this.#pending;
    if (taken.size === 0) return;
    this.#pending = new Map();
    const unwritable: Error[] = [];
    try {
      if (this.#file.wantsRewrite(this.#options.size())) {
        await this.#file.rewrite(linesOf([...this.#options.live()], unwritable));
      } else await this.#file.append(linesOf(taken.values(), unwritable));
    } catch (thrown) {
      // What changed meanwhile is newer.
      for (const [id, change] of this.#pending) taken.set(id, change);
      this.#pending = taken;
      this.#retry();
      throw this.#failed(thrown);
    }
    this.#retryMs = FIRST_RETRY_MS;
    const [first] = unwritable;
    if (first !== undefined) throw first;
  }

  #retry(): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => this.#inBackground(), this.#retryMs);
    this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 2);
  }

  #failed(thrown: unknown): CeBrokerError {
    if (thrown instanceof CeBrokerError) return thrown;
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const message = `the store file ${this.#options.file} cannot be written: ${why}`;
    return new CeBrokerError('unreadable_file', message, { field: 'file', cause: thrown });
  }

  #report(error: Error): void {
    const { logger, file } = this.#options;
    if (logger !== undefined) logger.error({ file, err: error }, error.message);
    else process.emitWarning(error.message, { type: 'CeBrokerWarning' });
  }
}

/** What cannot be written is left out, so that it does not keep all else from the disk. */
function* linesOf(changes: Iterable<Pending>, unwritable: Error[]): Generator<string> {
  for (const change of changes) {
    let line: string;
    try {
      line = writeLine(change);
    } catch (thrown) {
      unwritable.push(CeBrokerError.from(thrown));
      continue;
    }
    yield line;
  }
}
