import { readFileSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { CeBrokerError } from 'ce-broker-proto';
import {
  describeMark,
  fateOf,
  hasCode,
  markOfThisProcess,
  parseMark,
  removeStale,
} from '../../store/lock-file.js';
import { messageOf } from './state-file.js';

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
    const mark = JSON.stringify(markOfThisProcess(command));
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
  const mark = parseMark(text);
  // Its holder may be writing it at this very moment.
  if (mark === undefined) return { text, who: 'a program that has just started', lives: age < 2_000 };
  const fate = fateOf(mark);
  return { text, who: describeMark(mark), lives: fate === 'unseen' ? age < SILENT_FOR_MS : fate === 'alive' };
}
