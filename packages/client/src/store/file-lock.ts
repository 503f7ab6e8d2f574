import { randomUUID } from 'node:crypto';
import { readFile, readlink, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { CeBrokerError } from 'ce-broker-proto';

/** Who holds a lock. */
interface Holder {
  readonly pid: number;
  /** The machine, or the container: a process id means nothing outside. */
  readonly home: string;
  /** When the process began, as its system counts; empty where that cannot be told. */
  readonly began: string;
  readonly token: string;
}

/** How often a holder shows that it lives, and after how long without that it does not. */
export interface LockTimes {
  readonly beatMs: number;
  readonly staleMs: number;
}

const TIMES: LockTimes = { beatMs: 5_000, staleMs: 15_000 };
const TRIES = 100;
const TRY_AGAIN_MS = 50;

/**
 * Keeps a file to one process, by a file `<file>.lock` beside it. The lock of a process that is gone is taken over: at once when this
 * machine can tell, otherwise (another machine or container, on a shared disk) when its holder has given no sign for 15 s, as counted by
 * who looks: clocks of two machines may differ by any amount. A holder that was held up for so long finds out by {@link check}.
 */
export class FileLock {
  readonly #file: string;
  readonly #path: string;
  readonly #me: Holder;
  readonly #timer: NodeJS.Timeout;

  private constructor(file: string, path: string, me: Holder, beatMs: number) {
    this.#file = file;
    this.#path = path;
    this.#me = me;
    this.#timer = setInterval(() => {
      // A beat that fails is made up for by the next one.
      this.#beat().catch(() => undefined);
    }, beatMs);
    this.#timer.unref();
  }

  /** Rejects with `failed_precondition` that names the holder, what the file system says, or the signal's reason. */
  static async acquire(
    file: string,
    { beatMs, staleMs }: LockTimes = TIMES,
    signal?: AbortSignal,
  ): Promise<FileLock> {
    const path = `${file}.lock`;
    const me: Holder = {
      pid: process.pid,
      home: await homeOf(),
      began: await beganOf(process.pid),
      token: randomUUID(),
    };
    for (let attempt = 0; attempt < TRIES; attempt++) {
      signal?.throwIfAborted();
      try {
        await writeFile(path, JSON.stringify(me), { flag: 'wx', mode: 0o600 });
        return new FileLock(file, path, me, beatMs);
      } catch (thrown) {
        if (errno(thrown) !== 'EEXIST') throw thrown;
      }
      const seen = await contentOf(path);
      if (seen === undefined) continue;
      if (holderIn(seen) === undefined) {
        // It may just be being written.
        await sleep(TRY_AGAIN_MS);
        if ((await contentOf(path)) !== seen) continue;
      }
      if (await isHeld(path, seen, me, staleMs, signal)) throw held(file, path, holderIn(seen));
      await takeAway(path, seen, staleMs, signal);
    }
    throw held(file, path, undefined);
  }

  /**
   * Rejects with `failed_precondition` when the lock is not this one's any more: then another process may be writing, or has written. One
   * that is gone together with the file is made again: there is nothing of another's to lose.
   */
  async check(): Promise<void> {
    const text = await readFile(this.#path, 'utf8').catch((thrown) => {
      if (errno(thrown) === 'ENOENT') return undefined;
      throw thrown;
    });
    if (text !== undefined && holderIn(text)?.token === this.#me.token) return;
    if (text === undefined && (await signOf(this.#file)) === undefined) {
      await writeFile(this.#path, JSON.stringify(this.#me), { flag: 'wx', mode: 0o600 });
      return;
    }
    const who = text === undefined ? 'it is gone' : 'another process has taken it over';
    throw new CeBrokerError(
      'failed_precondition',
      `the lock ${this.#path} is not this process's any more (${who}): nothing is written, so that the other's changes stay; open the store again`,
      { field: 'file' },
    );
  }

  /** Another's lock is not kept alive. */
  async #beat(): Promise<void> {
    await this.check();
    const now = new Date();
    await utimes(this.#path, now, now);
  }

  /** Never rejects; idempotent. */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    const mine = await contentOf(this.#path);
    if (mine !== undefined && holderIn(mine)?.token === this.#me.token)
      await rm(this.#path, { force: true }).catch(() => undefined);
  }
}

async function isHeld(
  path: string,
  seen: string,
  me: Holder,
  staleMs: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const holder = holderIn(seen);
  if (holder !== undefined && holder.home === me.home) {
    if (!isAlive(holder.pid)) return false;
    const began = await beganOf(holder.pid);
    // The same id, of a process that began at another time, is another process.
    if (began !== '' && holder.began !== '') return began === holder.began;
  }
  // Whoever it is, a sign of life will tell: wait for one.
  const first = await signOf(path);
  if (first === undefined) return false;
  for (let waited = 0; waited < staleMs; waited += staleMs / 10) {
    await sleep(staleMs / 10, undefined, { signal });
    if ((await signOf(path)) !== first) return (await signOf(path)) !== undefined;
  }
  return false;
}

/**
 * Of those who see one stale lock at once, only the one with the claim may remove it, and only if it is still the one that was seen: a
 * fresh lock is never taken from its holder.
 */
async function takeAway(
  path: string,
  seen: string,
  staleMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const claim = `${path}.claim`;
  try {
    await writeFile(claim, randomUUID(), { flag: 'wx', mode: 0o600 });
  } catch (thrown) {
    if (errno(thrown) !== 'EEXIST') throw thrown;
    // A claim is held for an instant, unless its process was killed in it: then it stays as it is.
    const other = await contentOf(claim);
    for (let waited = 0; waited < staleMs; waited += TRY_AGAIN_MS) {
      await sleep(TRY_AGAIN_MS, undefined, { signal });
      if ((await contentOf(claim)) !== other) return;
    }
    await rm(claim, { force: true });
    return;
  }
  try {
    if ((await contentOf(path)) === seen) await rm(path, { force: true });
  } finally {
    await rm(claim, { force: true });
  }
}

async function contentOf(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(() => undefined);
}

function holderIn(text: string): Holder | undefined {
  try {
    const { pid, home, began, token } = JSON.parse(text) as Partial<Holder>;
    if (typeof pid !== 'number' || typeof home !== 'string' || typeof token !== 'string') return undefined;
    return { pid, home, began: began ?? '', token };
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return errno(thrown) === 'EPERM';
  }
}

async function homeOf(): Promise<string> {
  const pids = await readlink('/proc/self/ns/pid').catch(() => '');
  return `${hostname()} ${pids}`.trim();
}

/** The 22nd field; the second, the command in brackets, may hold anything. */
async function beganOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

async function signOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.mtimeMs;
}

function errno(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}

function held(file: string, path: string, holder: Holder | undefined): CeBrokerError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.home}`;
  return new CeBrokerError(
    'failed_precondition',
    `${file} is in use by ${who}: give each process a file of its own (or remove ${path} if you know that nobody uses it)`,
    { field: 'file' },
  );
}
