import { type FSWatcher, watch } from 'node:fs';
import { messageOf } from '../state-file.js';

export interface FolderWatchOptions {
  /** Something may have changed, or it is time to look again. Called one at a time; its rejection is the caller's defect. */
  readonly look: () => Promise<void>;
  /** From the first change to the look, in milliseconds. Default 50. */
  readonly debounceMs?: number | undefined;
  /** A look without any change, for what the system does not tell, in milliseconds. Default 5,000. */
  readonly rescanMs?: number | undefined;
  /** The system does not watch a folder: changes are found by looking. */
  readonly unwatched?: ((why: string) => void) | undefined;
}

/** Looks when the system tells of a change, when it is asked to, and now and then without any reason. */
export class FolderWatch {
  readonly #options: FolderWatchOptions;
  readonly #watchers = new Map<string, { readonly watcher: FSWatcher; readonly identity: string }>();
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #looking: Promise<void> | undefined;
  #stopped = false;

  constructor(options: FolderWatchOptions) {
    this.#options = options;
  }

  /** Looks in so many milliseconds, or earlier when something else wants that. */
  lookIn(delayMs: number): void {
    if (this.#stopped) return;
    const dueAt = performance.now() + delayMs;
    if (dueAt >= this.#dueAt) return;
    this.#dueAt = dueAt;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), delayMs);
  }

  /**
   * Watches these folders, and no others: by path, with what tells one folder from another that took its name. Gives whether there is a new
   * one among them.
   */
  watch(folders: ReadonlyMap<string, string>): boolean {
    if (this.#stopped) return false;
    for (const [folder, { watcher, identity }] of this.#watchers) {
      if (folders.get(folder) === identity) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    let added = false;
    for (const [folder, identity] of folders) {
      if (!this.#watchers.has(folder)) added = this.#watchOne(folder, identity) || added;
    }
    return added;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    await this.#looking;
  }

  #look(): void {
    this.#timer = undefined;
    this.#dueAt = Number.POSITIVE_INFINITY;
    if (this.#looking !== undefined) {
      // What came meanwhile may have been missed.
      void this.#looking.then(() => this.lookIn(0));
      return;
    }
    this.#looking = this.#options.look().finally(() => {
      this.#looking = undefined;
      this.lookIn(this.#options.rescanMs ?? 5_000);
    });
  }

  #watchOne(folder: string, identity: string): boolean {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.lookIn(this.#options.debounceMs ?? 50));
      watcher.on('error', (error) => this.#lost(folder, error));
      this.#watchers.set(folder, { watcher, identity });
      return true;
    } catch (error) {
      this.#options.unwatched?.(messageOf(error));
      return false;
    }
  }

  /** The folder itself is gone, say: the next look finds out, and watches what is there then. */
  #lost(folder: string, error: unknown): void {
    this.#watchers.get(folder)?.watcher.close();
    this.#watchers.delete(folder);
    if (!this.#stopped) this.#options.unwatched?.(messageOf(error));
  }
}
