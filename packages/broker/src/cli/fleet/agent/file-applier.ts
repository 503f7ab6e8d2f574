import { lstat, mkdir, readdir, realpath, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { CeBrokerError } from 'ce-broker-proto';
import { TEMPORARY, writeAtomically } from '../atomic-write.js';
import { wrongFileName } from '../names.js';
import { hasCode, messageOf } from '../state-file.js';

/** The folder that specs are written into: whole files, under their own names, and nowhere else. */
export class FileApplier {
  /** Without symbolic links: what DIR named when the agent started. */
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  /** Makes the folder when it is not there, and clears what a write that was cut short left in it. */
  static async open(dir: string): Promise<FileApplier> {
    try {
      await mkdir(dir, { recursive: true });
      const real = await realpath(dir);
      for (const name of await readdir(real)) {
        if (TEMPORARY.test(name)) await rm(join(real, name), { force: true });
      }
      return new FileApplier(real);
    } catch (cause) {
      throw new CeBrokerError('unreadable_file', `--dir: cannot use ${dir}: ${messageOf(cause)}`, {
        field: '--dir',
        cause,
      });
    }
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  /** Whether anything stands at that name. */
  async holds(name: string): Promise<boolean> {
    return wrongFileName(name) === undefined && (await this.#kindOf(name)) !== 'nothing';
  }

  /**
   * Writes a file. Gives why it may not be written; undefined once it is there. Rejects when it cannot be written now.
   */
  async write(name: string, content: Uint8Array): Promise<string | undefined> {
    const wrong = wrongFileName(name);
    if (wrong !== undefined) return `the file name ${JSON.stringify(name.slice(0, 300))} ${wrong}`;
    const there = await this.#kindOf(name);
    if (there !== 'file' && there !== 'nothing') {
      return `${name} is ${there} in the agent's folder: it is left alone`;
    }
    // Not made again: a folder that is away for the moment (a volume) would be hidden by it.
    if (!(await lstat(this.dir)).isDirectory()) throw new Error(`${this.dir} is no folder any more`);
    await writeAtomically(this.path(name), content);
    return undefined;
  }

  /** Removes a file. Gives what stands there instead and was left alone; undefined when nothing is left. */
  async remove(name: string): Promise<string | undefined> {
    if (wrongFileName(name) !== undefined) return undefined;
    const there = await this.#kindOf(name);
    if (there === 'nothing') return undefined;
    if (there !== 'file') return `${name} is ${there} in the agent's folder: it is left alone`;
    try {
      await unlink(this.path(name));
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
    return undefined;
  }

  async #kindOf(
    name: string,
  ): Promise<'nothing' | 'file' | 'a folder' | 'a symbolic link' | 'no regular file'> {
    try {
      const stat = await lstat(this.path(name));
      if (stat.isFile()) return 'file';
      if (stat.isDirectory()) return 'a folder';
      return stat.isSymbolicLink() ? 'a symbolic link' : 'no regular file';
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return 'nothing';
      throw error;
    }
  }
}
