import { renameSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { CeBrokerError } from 'ce-broker-proto';

/** A file (0600) that is there as a whole, or not at all: it is written beside its place, synced, and put there. */
export class NewFile {
  readonly #path: string;
  readonly #part: string;
  readonly #file: FileHandle;

  private constructor(path: string, part: string, file: FileHandle) {
    this.#path = path;
    this.#part = part;
    this.#file = file;
  }

  /** Throws `unreadable_file` when it cannot be written, `invalid_option` when it is there already and `force` is not set. */
  static async create(flag: string, path: string, force: boolean): Promise<NewFile> {
    const part = `${path}.${process.pid}.part`;
    try {
      if (!force) await (await open(path, 'wx', 0o600)).close();
      const file = await open(part, 'wx', 0o600);
      if (!force) rmSync(path);
      return new NewFile(path, part, file);
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') {
        throw new CeBrokerError(
          'invalid_option',
          `${flag} ${path} is there already: choose another file, or add --force`,
          { field: flag },
        );
      }
      throw unwritable(flag, path, cause);
    }
  }

  async write(bytes: Uint8Array | string): Promise<void> {
    try {
      await this.#file.writeFile(bytes);
    } catch (cause) {
      throw unwritable('--out', this.#path, cause);
    }
  }

  /** It is whole: from now on it is there. */
  async keep(): Promise<void> {
    try {
      await this.#file.sync();
      await this.#file.close();
      renameSync(this.#part, this.#path);
    } catch (cause) {
      throw unwritable('--out', this.#path, cause);
    }
  }

  /** It did not become whole. */
  async discard(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    rmSync(this.#part, { force: true });
  }
}

function unwritable(flag: string, path: string, cause: unknown): CeBrokerError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new CeBrokerError('unreadable_file', `cannot write ${path}: ${reason}`, { field: flag, cause });
}
