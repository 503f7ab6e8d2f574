import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { CeBrokerError } from 'ce-broker-proto';
import { DamageFound, FileWalk, type ReadRequest, type Walk } from './file-walk.js';
import { hasCode } from './lock-file.js';
import { type Damage, METAS_READ_BYTES, readMetas } from './page-format.js';

/** The clock is not asked after every small read. */
const LOOK_EVERY = 16;

/** How {@link checkDataFile} goes about it. */
export interface CheckOptions {
  /**
   * How long it may read on through the leaf pages; default 1,000. All that leads to them is checked however long it takes: about a
   * hundredth of the file.
   */
  readonly budgetMs?: number | undefined;
}

/** What {@link checkDataFile} found in a file that is sound as far as it looked. */
export interface CheckResult {
  /**
   * `absent`: there is no file, or an empty one; `blank`: it was being created when the power went and holds nothing: LMDB does not open it,
   * so it must be removed; `used`: it holds a store.
   */
  readonly kind: 'absent' | 'blank' | 'used';
  /** Bytes of the file. */
  readonly bytes: number;
  /** Bytes that were read. */
  readonly bytesRead: number;
  readonly ms: number;
  /** What the budget left unchecked, for {@link Scrub}; undefined when all was checked. */
  readonly rest: UncheckedPages | undefined;
}

/** The pages of a store's file that still have to be checked. */
export interface UncheckedPages {
  readonly path: string;
  readonly walk: FileWalk;
  readonly leaves: Walk;
  /** What {@link leaves} has asked to read. */
  readonly next: ReadRequest;
}

/**
 * Checks the structure of an LMDB file with plain reads, before LMDB maps it into memory: there a page that leads astray, or is not there, would
 * end the process. Values are not looked at: they have checksums of their own. Throws `data_loss`, naming the file, the page, what is wrong and
 * what to do; `unreadable_file` when it cannot be read.
 */
export function checkDataFile(path: string, options: CheckOptions = {}): CheckResult {
  const began = performance.now();
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return { kind: 'absent', bytes: 0, bytesRead: 0, ms: 0, rest: undefined };
    throw unreadable(path, cause);
  }
  const reader = new Reader(path, fd);
  try {
    const bytes = fstatSync(fd).size;
    const done = (kind: CheckResult['kind'], rest?: UncheckedPages): CheckResult => ({
      kind,
      bytes,
      bytesRead: reader.bytesRead,
      ms: performance.now() - began,
      rest,
    });
    const metas = readMetas(reader.head(), bytes);
    if (metas.kind === 'blank') return done(bytes === 0 ? 'absent' : 'blank');
    if (metas.kind === 'damaged') throw damageError(path, metas.damage);
    const walk = new FileWalk(metas.meta, bytes);
    reader.run(walk.trunk());
    const leaves = walk.leaves();
    const next = reader.run(leaves, began + (options.budgetMs ?? 1_000));
    return done('used', next === undefined ? undefined : { path, walk, leaves, next });
  } catch (error) {
    throw error instanceof DamageFound ? damageError(path, error.damage) : error;
  } finally {
    closeSync(fd);
  }
}

/** The error that a damaged file is reported with. */
export function damageError(path: string, damage: Damage): CeBrokerError {
  return new CeBrokerError(
    'data_loss',
    `the store's file ${path} is damaged at page ${damage.page}: ${damage.what}. Restore a backup, or move the file away:` +
      ' the broker then starts empty, and sources and agents heal it by resync',
    { field: 'dataDir' },
  );
}

/** Answers the requests of walks with synchronous reads. */
export class Reader {
  readonly #path: string;
  readonly #fd: number;
  bytesRead = 0;

  constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
  }

  /** As much of the file's start as the meta pages may take. */
  head(): Buffer {
    const into = Buffer.alloc(METAS_READ_BYTES);
    return into.subarray(0, this.#read(into, 0));
  }

  /** Undefined at its end; what it asked for when the time is up before. */
  run(walk: Walk, until = Number.POSITIVE_INFINITY): ReadRequest | undefined {
    let step = walk.next();
    for (let reads = 0; step.done !== true; reads++) {
      const late = reads % LOOK_EVERY === 0 || step.value.into.length > 65_536;
      if (late && performance.now() > until) return step.value;
      step = walk.next(this.#read(step.value.into, step.value.position));
    }
    return undefined;
  }

  #read(into: Buffer, position: number): number {
    let read = 0;
    try {
      while (read < into.length) {
        const now = readSync(this.#fd, into, read, into.length - read, position + read);
        if (now === 0) break;
        read += now;
      }
    } catch (cause) {
      throw unreadable(this.#path, cause);
    }
    this.bytesRead += read;
    return read;
  }
}

function unreadable(path: string, cause: unknown): CeBrokerError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new CeBrokerError(
    'unreadable_file',
    `the store's file ${path} cannot be read: ${reason}; see that the disk is sound and that this user may read it`,
    { field: 'dataDir', cause },
  );
}
