import { readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { readFile, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { CeBrokerError } from 'ce-broker-proto';
import { describeMark, fateOf, hasCode, markOfThisProcess, parseMark, removeStale } from './lock-file.js';
import { makeDirectory } from './make-directory.js';

/** The lock's file in a data directory. */
export const LOCK_FILE = 'broker.lock';

/** A holder shows so often that it lives. */
const BEAT_MS = 1_000;
/** So long is a holder watched of which nothing but its beat can be seen; two beats and some room. */
const WATCH_MS = 2_400;
const LOOK_EVERY_MS = 100;
/** Of two that take over the same dead holder's lock at the same moment one moves the other's away: so long it takes to show. */
const SETTLE_MS = 30;

/** How {@link DataDirLock.take} goes about it. */
export interface DataDirLockOptions {
  /** What this program is, for the message that another one gets; default `ce-broker`. */
  readonly command?: string | undefined;
  /** Called once, when the lock is lost while it is held: nothing must be written to the directory from then on. */
  readonly onLost: (error: CeBrokerError) => void;
}

/**
 * The exclusive hold of a data directory: the file `broker.lock` in it, which says who holds it and is touched every second. It ends with
 * {@link release}, or with its process.
 */
export class DataDirLock {
  readonly #directory: string;
  readonly #path: string;
  readonly #text: string;
  readonly #onLost: (error: CeBrokerError) => void;
  #timer: NodeJS.Timeout | undefined;
  #beating = false;

  private constructor(directory: string, text: string, onLost: (error: CeBrokerError) => void) {
    this.#directory = directory;
    this.#path = join(directory, LOCK_FILE);
    this.#text = text;
    this.#onLost = onLost;
    this.#timer = setInterval(() => void this.#beat(), BEAT_MS).unref();
  }

  /**
   * Takes the directory, creating it (0700) when it is not there. Throws `failed_precondition`, naming the holder, when another broker
   * has it. What a dead one left is taken over: at once where its process can be seen from here, after 2.4 s without a sign of life from
   * another machine or container.
   */
  static async take(directory: string, options: DataDirLockOptions): Promise<DataDirLock> {
    const path = join(directory, LOCK_FILE);
    try {
      makeDirectory(directory);
    } catch (cause) {
      throw unusable(directory, `cannot create the data directory ${directory}`, cause);
    }
    for (let attempt = 0; attempt < 5; attempt++) {
      const text = JSON.stringify(markOfThisProcess(options.command ?? 'ce-broker'));
      if (create(directory, path, text)) {
        if (attempt === 0) return new DataDirLock(directory, text, options.onLost);
        await wait(SETTLE_MS);
        if (readLock(directory, path)?.text === text) {
          return new DataDirLock(directory, text, options.onLost);
        }
        continue;
      }
      const stale = await watchHolder(directory, path);
      if (stale === undefined) continue;
      try {
        removeStale(path, stale);
      } catch (cause) {
        throw unusable(directory, `cannot take over ${path}`, cause);
      }
    }
    throw new CeBrokerError(
      'failed_precondition',
      `the data directory ${directory} is being taken by several brokers at once: start one of them only`,
      { field: 'dataDir' },
    );
  }

  /** Lets go of the directory. A lock that another one has taken meanwhile stays. */
  release(): void {
    if (this.#timer === undefined) return;
    this.#end();
    try {
      if (readFileSync(this.#path, 'utf8') === this.#text) unlinkSync(this.#path);
    } catch {
      // It is gone already, or its directory is.
    }
  }

  #end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #beat(): Promise<void> {
    // A file system that hangs must not collect beats.
    if (this.#beating) return;
    this.#beating = true;
    try {
      const found = await readFile(this.#path, 'utf8');
      if (this.#timer === undefined) return;
      if (found !== this.#text) return this.#lost(found);
      const now = new Date();
      await utimes(this.#path, now, now);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) this.#restore();
      // Else the file system is away for the moment; whoever takes the lock meanwhile is seen when it is back.
    } finally {
      this.#beating = false;
    }
  }

  /** Somebody has removed the file, or the directory. */
  #restore(): void {
    if (this.#timer === undefined) return;
    try {
      writeFileSync(this.#path, this.#text, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      if (hasCode(error, 'ENOENT')) this.#lost(undefined);
    }
  }

  #lost(found: string | undefined): void {
    this.#end();
    const other = found === undefined ? undefined : parseMark(found);
    const why =
      found === undefined
        ? 'it was removed'
        : `it was taken by ${other === undefined ? 'another program' : describeMark(other)}`;
    this.#onLost(
      new CeBrokerError(
        'failed_precondition',
        `the data directory ${this.#directory} is not this broker's any more: ${why}; this one must end:` +
          ' see that only one broker is started with it',
        { field: 'dataDir' },
      ),
    );
  }
}

/** False when there is a lock already. */
function create(directory: string, path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (cause) {
    if (hasCode(cause, 'EEXIST')) return false;
    throw unusable(directory, `cannot write ${path}`, cause);
  }
}

/** Gives what a dead holder left, undefined when it is gone; throws when the holder lives. */
async function watchHolder(directory: string, path: string): Promise<string | undefined> {
  const first = readLock(directory, path);
  if (first === undefined) return undefined;
  const mark = parseMark(first.text);
  const fate = mark === undefined ? 'unseen' : fateOf(mark);
  if (fate === 'dead') return first.text;
  const inUse = () =>
    new CeBrokerError(
      'failed_precondition',
      `the data directory ${directory} is in use by ${mark === undefined ? 'a broker that has just started' : describeMark(mark)}:` +
        ' end that one first, or give this one another data directory',
      { field: 'dataDir' },
    );
  if (fate === 'alive') throw inUse();
  const until = performance.now() + WATCH_MS;
  while (performance.now() < until) {
    await wait(LOOK_EVERY_MS);
    const now = readLock(directory, path);
    if (now === undefined) return undefined;
    if (now.text !== first.text || now.beat !== first.beat) {
      // One that was just being written when it was read first is judged anew.
      if (mark === undefined && parseMark(now.text) !== undefined) return undefined;
      throw inUse();
    }
  }
  return first.text;
}

/** Its beat is compared with itself only: the clock of another machine, or of a file server, may be off. */
function readLock(directory: string, path: string): { text: string; beat: number } | undefined {
  try {
    return { text: readFileSync(path, 'utf8'), beat: statSync(path).mtimeMs };
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined;
    throw unusable(directory, `cannot read ${path}`, cause);
  }
}

function unusable(directory: string, what: string, cause: unknown): CeBrokerError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const help = hasCode(cause, 'EROFS')
    ? 'the disk is read-only: mount it writable'
    : hasCode(cause, 'ENOSPC') || hasCode(cause, 'EDQUOT')
      ? 'the disk is full: make room'
      : `see that ${directory} is a directory that this user may read and write`;
  return new CeBrokerError(
    'unreadable_file',
    `${what}: ${reason}; ${help}, or choose another data directory`,
    {
      field: 'dataDir',
      cause,
    },
  );
}
