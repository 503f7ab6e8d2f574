import { createHash } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../atomic-write.js';
import { hasCode } from '../state-file.js';

/** The newest spec of each resource, so that its command gets it once more when the resource is deleted. */
export class SpecStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(uid: string, content: Uint8Array): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeAtomically(this.#path(uid), content, 0o600);
  }

  /** Empty when there is none. */
  async get(uid: string): Promise<Uint8Array> {
    try {
      return await readFile(this.#path(uid));
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return new Uint8Array(0);
      throw error;
    }
  }

  async remove(uid: string): Promise<void> {
    await rm(this.#path(uid), { force: true });
  }

  // Ids hold characters that names of files do not.
  #path(uid: string): string {
    return join(this.#folder, createHash('sha256').update(uid).digest('hex'));
  }
}
