import { randomUUID } from 'node:crypto';
import {
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { CeBrokerError } from 'ce-broker-proto';
import { hasCode, messageOf } from './state-file.js';

/** The holder shows so often that it lives; of a holder on another machine nothing else can be seen. */
const REFRESH_MS = 10_000;
const SILENT_FOR_MS = 45_000;

/** Keeps a second program away from a state file: `<state file>.lock`, which says who holds it. */
export class StateLock {
  readonly #path: string;
  readonly #mark: string;
  readonly #timer: NodeJS.Timeout;

  private constructor(path: string, mark: string) {
    this.#path = path;
    this.#mark = mark;
    this.#timer = setInterval(() => this.#refresh(), REFRESH_MS).unref();
  }

  /** Throws `failed_precondition` when a program that lives holds it. A lock that a dead one left is taken over. */
  static take(statePath: string, command: string): StateLock {
    const path = `${statePath}.lock`;
    const mark = JSON.stringify({
      command,
      pid: process.pid,
      started: startOf(process.pid),
      host: hostname(),
      id: randomUUID(),
    });
    for (let attempt = 0; attempt < 5; attempt++) {
      try {
        writeFileSync(path, mark, { flag: 'wx', mode: 0o600 });
        return new StateLock(path, mark);
      } catch (cause) {
        if (!hasCode(cause, 'EEXIST')) {
          throw new CeBrokerError('unreadable_file', `cannot write ${path}: ${messageOf(cause)}`, {
            field: '--state',
            cause,
          });
        }
      }
      const holder = readHolder(path);
      if (holder?.lives === true) {
        throw new CeBrokerError(
          'failed_precondition',
          `${statePath} is in use by ${holder.who}: end that one first, or give this one another --state` +
            ` (if it is not there any more, remove ${path})`,
          { field: '--state' },
        );
      }
      if (holder !== undefined) removeStale(path, holder.text);
    }
    throw new CeBrokerError('failed_precondition', `${path} is being fought over: try again`, {
      field: '--state',
    });
  }

  /** Lets go of it; a lock that somebody else took meanwhile stays. */
  release(): void {
    clearInterval(this.#timer);
    try {
      if (readFileSync(this.#path, 'utf8') === this.#mark) unlinkSync(this.#path);
    } catch {
      // It is gone already, or its folder is.
    }
  }

  #refresh(): void {
    try {
      const now = new Date();
      utimesSync(this.#path, now, now);
    } catch {
      // The folder is away for the moment.
    }
  }
}

interface Holder {
  readonly text: string;
  readonly who: string;
  readonly lives: boolean;
}

function readHolder(path: string): Holder | undefined {
  let text: string;
  let age: number;
  try {
    text = readFileSync(path, 'utf8');
    age = Date.now() - statSync(path).mtimeMs;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw new CeBrokerError('unreadable_file', `cannot read ${path}: ${messageOf(error)}`, {
      field: '--state',
      cause: error,
    });
  }
  const said = parse(text);
  // Its holder may be writing it at this very moment.
  if (said === undefined) return { text, who: 'a program that has just started', lives: age < 2_000 };
  const who = `${said.command} (process ${said.pid} on ${said.host})`;
  if (said.host !== hostname()) return { text, who, lives: age < SILENT_FOR_MS };
  return { text, who, lives: isAlive(said.pid, said.started) };
}

function parse(text: string): { command: string; pid: number; started: string; host: string } | undefined {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== 'object' || json === null) return undefined;
    const { command, pid, started, host } = json as Record<string, unknown>;
    if (typeof pid !== 'number' || typeof host !== 'string') return undefined;
    return { command: String(command), pid, started: String(started), host };
  } catch {
    return undefined;
  }
}

function isAlive(pid: number, started: string): boolean {
  if (pid === process.pid) return startOf(pid) === started;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process: it lives.
    if (!hasCode(error, 'EPERM')) return false;
  }
  return started === '' || startOf(pid) === started;
}

/** When a process began, as Linux counts it, so that another one with its number is not taken for it; empty elsewhere. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

/** Two programs may find the same stale lock: what is moved away must still be the one that was judged. */
function removeStale(path: string, text: string): void {
  const aside = `${path}.${randomUUID()}.tmp`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  try {
    if (readFileSync(aside, 'utf8') !== text) linkSync(aside, path);
  } catch {
    // A third one has taken it meanwhile.
  }
  rmSync(aside, { force: true });
}
