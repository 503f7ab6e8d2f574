import { readFileSync, statSync } from 'node:fs';
import { CeBrokerError } from 'ce-broker-proto';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied; let the user that runs the broker read it',
  EISDIR: 'it is a folder, not a file',
};

/** A file's bytes. Throws `unreadable_file` that names the option and the path. */
export function readOptionFile(path: string, option: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const errno = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const why = REASONS[errno] ?? (cause instanceof Error ? cause.message : String(cause));
    throw new CeBrokerError('unreadable_file', `${option}: cannot read ${path}: ${why}`, {
      field: option,
      cause,
    });
  }
}

/** What changes about a file when its content does, also where it is a symbolic link that is moved (as Kubernetes does). */
export function fingerprint(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? 'absent' : `${found.dev}/${found.ino}/${found.size}/${found.mtimeNs}`;
}

/** Looks at some files now and then, and tells when one of them has changed. */
export class FileWatch {
  readonly #paths: readonly string[];
  readonly #changed: () => void;
  readonly #timer: NodeJS.Timeout;
  #last: string;

  /** @param everyMs distance between two looks */
  constructor(paths: readonly string[], everyMs: number, changed: () => void) {
    this.#paths = paths;
    this.#changed = changed;
    this.#last = this.#look();
    this.#timer = setInterval(() => this.check(), everyMs);
    this.#timer.unref();
  }

  /** Looks at once. */
  check(): void {
    const now = this.#look();
    if (now === this.#last) return;
    this.#last = now;
    this.#changed();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): string {
    return this.#paths.map(fingerprint).join(' ');
  }
}
