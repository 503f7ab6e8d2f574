import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { CeBrokerError } from 'ce-broker-proto';
import { damageError, Reader, type UncheckedPages } from './check-file.js';
import { DamageFound, FileWalk, type ReadRequest } from './file-walk.js';
import { type Damage, readMetas } from './page-format.js';

const BYTES_PER_SECOND = 32 * 1_048_576;
/** What looks damaged is looked at again when so much was read, and at the end: a look goes through all branch pages. */
const BYTES_PER_LOOK = 256 * 1_048_576;
/** So many times in a row a page must look damaged, in the newest state of the moment, before that is said. */
const LOOKS = 3;
const LOOK_EVERY_MS = 200;
/** A state may be overwritten while it is looked at, when commits are many. */
const TRIES = 20;

/** How {@link Scrub} goes about it. */
export interface ScrubOptions {
  /** Called with `data_loss` for each damaged page, and with `unreadable_file` when the file cannot be read, which ends it. */
  readonly onDamage: (error: CeBrokerError) => void;
  /** Default 32 MiB. */
  readonly bytesPerSecond?: number | undefined;
}

/**
 * Checks in the background, while the store is in use, what the check before opening had no time for. Pages that were written since then are
 * passed over. It reads in slices of a fraction of a millisecond, on the caller's event loop.
 */
export class Scrub {
  /** Resolves when all is checked, or it was closed. Never rejects. */
  readonly done: Promise<void>;
  readonly #rest: UncheckedPages;
  readonly #options: ScrubOptions;
  readonly #closing = new AbortController();
  /** By the leaf where a second look begins. */
  readonly #suspects = new Map<number, Damage>();

  constructor(rest: UncheckedPages, options: ScrubOptions) {
    this.#rest = rest;
    this.#options = options;
    this.done = this.#run().catch((cause: unknown) => {
      if (!this.#closing.signal.aborted) options.onDamage(asError(rest.path, cause));
    });
  }

  /** Ends it; resolves when it reads no more. */
  close(): Promise<void> {
    this.#closing.abort();
    return this.done;
  }

  async #run(): Promise<void> {
    const { walk, leaves, path } = this.#rest;
    const bytesPerSecond = this.#options.bytesPerSecond ?? BYTES_PER_SECOND;
    walk.live = true;
    walk.onDamage = (damage) => void this.#suspects.set(damage.via ?? damage.page, damage);
    const file = await open(path, 'r');
    try {
      let sinceLook = 0;
      let owed = 0;
      for (let next: ReadRequest | undefined = this.#rest.next; next !== undefined; ) {
        const { bytesRead } = await file.read(next.into, 0, next.into.length, next.position);
        const step = leaves.next(bytesRead);
        next = step.done === true ? undefined : step.value;
        sinceLook += bytesRead;
        owed += bytesRead;
        const pause = Math.floor((1_000 * owed) / bytesPerSecond);
        if (pause > 0) {
          await this.#pause(pause);
          owed = 0;
        }
        if (sinceLook > BYTES_PER_LOOK) {
          sinceLook = 0;
          await this.#lookAgain(file);
        }
      }
      await this.#lookAgain(file);
    } finally {
      await file.close();
    }
  }

  /** Most that looks damaged in a file that is written meanwhile has only been used for something else since. */
  async #lookAgain(file: FileHandle): Promise<void> {
    let trunk: Damage | undefined;
    for (
      let look = 0, again = 0, tries = 0;
      this.#suspects.size > 0 && look < LOOKS && tries < TRIES;
      tries++
    ) {
      await this.#pause(LOOK_EVERY_MS);
      const found = await this.#look(file);
      if (found !== undefined && !(found instanceof Map)) {
        // A branch page that is really damaged looks so each time.
        again = found.page === trunk?.page ? again + 1 : 1;
        trunk = found;
        if (again === LOOKS) throw damageError(this.#rest.path, found);
        continue;
      }
      if (found === undefined) continue;
      look += 1;
      for (const leaf of this.#suspects.keys()) if (!found.has(leaf)) this.#suspects.delete(leaf);
      if (look === LOOKS) {
        for (const damage of found.values()) this.#options.onDamage(damageError(this.#rest.path, damage));
      }
    }
    this.#suspects.clear();
  }

  /** Which of the suspects the newest state has, and has damaged; or what stands in the way of finding them. */
  async #look(file: FileHandle): Promise<Map<number, Damage> | Damage | undefined> {
    const { path } = this.#rest;
    const { size } = await file.stat();
    // Synchronously: a commit or two may come in between, more would take the ground away.
    const reader = new Reader(path, file.fd);
    const metas = readMetas(reader.head(), size);
    if (metas.kind === 'blank') return undefined;
    if (metas.kind === 'damaged') return metas.damage;
    const walk = new FileWalk(metas.meta, size);
    const found = new Map<number, Damage>();
    walk.live = true;
    walk.onDamage = (damage) => void found.set(damage.via ?? damage.page, damage);
    try {
      reader.run(walk.trunk());
      for (const leaf of this.#suspects.keys()) reader.run(walk.leaf(leaf));
    } catch (error) {
      if (error instanceof DamageFound) return error.damage;
      throw error;
    }
    return found;
  }

  #pause(ms: number): Promise<void> {
    return wait(ms, undefined, { ref: false, signal: this.#closing.signal });
  }
}

function asError(path: string, cause: unknown): CeBrokerError {
  if (cause instanceof CeBrokerError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new CeBrokerError(
    'unreadable_file',
    `the store's file ${path} cannot be checked any further: ${reason}; see that the disk is sound`,
    { field: 'dataDir', cause },
  );
}
