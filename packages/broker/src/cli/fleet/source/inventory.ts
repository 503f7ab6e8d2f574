import { readFile, stat } from 'node:fs/promises';
import { contentHashOf } from '../file-resource.js';
import type { Notices } from '../notices.js';
import { messageOf } from '../state-file.js';
import type { FolderScan, FoundFile } from './folder-scan.js';
import type { SourceState } from './source-state.js';

/** What receivers take (4 MiB), without the head of the event. */
const MAX_FILE_BYTES = 4 * 1024 * 1024 - 64 * 1024;
const RETURN_MS = 30_000;

export interface InventoryOptions {
  readonly dir: string;
  readonly state: SourceState;
  readonly notices: Notices;
  /** An empty or vanished folder means that everything is to be deleted. */
  readonly allowEmpty: boolean;
  /** A file is whole, and a deletion meant, when it stays as it is for so long, in milliseconds. Default 200. */
  readonly settleMs?: number | undefined;
  /**
   * After the folder was empty or gone its files may come back one by one: what is still missing is deleted when nothing has come back for
   * so long, in milliseconds. Default 30,000.
   */
  readonly returnMs?: number | undefined;
  readonly now?: (() => number) | undefined;
}

export interface Findings {
  /** Ids of what is to be published. */
  readonly changed: readonly string[];
  /** Something is on its way: look again in so many milliseconds. */
  readonly lookAgainMs: number | undefined;
}

/** Compares the folder with what is known of it, from look to look. */
export class Inventory {
  readonly #options: InventoryOptions;
  readonly #settleMs: number;
  readonly #now: () => number;
  /** The stamp under which a file was read. */
  readonly #read = new Map<string, string>();
  /** The stamp that a file had at the last look, and since when. */
  readonly #seen = new Map<string, { stamp: string; since: number }>();
  #missing = '';
  #missingSince = 0;
  #guarding = false;
  /** Files are coming back since; deletions wait. */
  #returning: number | undefined;

  constructor(options: InventoryOptions) {
    this.#options = options;
    this.#settleMs = options.settleMs ?? 200;
    this.#now = options.now ?? (() => performance.now());
  }

  /** The folder is empty or gone, and nothing of it is believed. */
  get guarding(): boolean {
    return this.#guarding;
  }

  /** Takes up what a look found. */
  async compare(scan: FolderScan): Promise<Findings> {
    const { state } = this.#options;
    this.#tell(scan);
    if (scan.files.size > 0 && state.isEmpty) state.read();
    if (this.#isGuarded(scan)) return { changed: [], lookAgainMs: undefined };
    const changed: string[] = [];
    let unsettled = false;
    for (const [key, file] of scan.files) {
      if (this.#read.get(key) === file.stamp) continue;
      if (!this.#isSettled(key, file)) {
        unsettled = true;
        continue;
      }
      const outcome = await this.#take(key, file);
      if (outcome === 'again') unsettled = true;
      else if (outcome !== undefined) changed.push(outcome);
    }
    for (const key of this.#seen.keys()) if (!scan.files.has(key)) this.#seen.delete(key);
    const removed = this.#removed(scan);
    if (removed === 'wait') unsettled = true;
    else changed.push(...removed);
    return { changed, lookAgainMs: unsettled ? this.#settleMs : undefined };
  }

  #isSettled(key: string, { stamp }: FoundFile): boolean {
    const now = this.#now();
    const seen = this.#seen.get(key);
    if (seen?.stamp !== stamp) {
      this.#seen.set(key, { stamp, since: now });
      return false;
    }
    return now - seen.since >= this.#settleMs * 0.9;
  }

  async #take(key: string, file: FoundFile): Promise<string | undefined | 'again'> {
    const { state, notices } = this.#options;
    const problem = `file ${key}`;
    if (file.bytes > MAX_FILE_BYTES) {
      notices.state(
        problem,
        `${file.path} has ${file.bytes} bytes, and an event takes ${MAX_FILE_BYTES}: it is not published`,
      );
      this.#read.set(key, file.stamp);
      return undefined;
    }
    try {
      const content = await readFile(file.path);
      const { size, mtimeNs, ino } = await stat(file.path, { bigint: true });
      if (`${size} ${mtimeNs} ${ino}` !== file.stamp || content.length !== file.bytes) return 'again';
      notices.over(problem);
      this.#read.set(key, file.stamp);
      return state.put(file.cluster, file.name, content, contentHashOf(content));
    } catch (error) {
      // Not remembered as read: the next look tries again.
      notices.state(problem, `cannot read ${file.path}: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** Files that are gone for so long that it is meant; while more of them go, it is waited for the last. */
  #removed(scan: FolderScan): readonly string[] | 'wait' {
    const { state, notices, dir } = this.#options;
    const missing: string[] = [];
    for (const [uid, { cluster, name }] of state.alive()) {
      const isThere = scan.files.has(`${cluster}/${name}`) || scan.unknown.has(cluster);
      if (!isThere) missing.push(uid);
    }
    if (missing.length === 0) {
      this.#missing = '';
      this.#returning = undefined;
      return [];
    }
    const names = missing.join('\n');
    const now = this.#now();
    if (this.#returning !== undefined) {
      if (names !== this.#missing) this.#returning = now;
      this.#missing = names;
      this.#missingSince = now;
      const waitMs = this.#options.returnMs ?? RETURN_MS;
      notices.state(
        'returning',
        `${missing.length} of the files that ${dir} held before are not back: they are deleted if they stay away for ${Math.round(waitMs / 1000)} s more`,
      );
      if (now - this.#returning < waitMs) return 'wait';
      this.#returning = undefined;
      notices.over('returning');
      return 'wait';
    }
    if (names !== this.#missing) {
      this.#missing = names;
      this.#missingSince = now;
      return 'wait';
    }
    // Longer than a file needs to be whole: editors take a file away for a moment, and put a new one there.
    if (now - this.#missingSince < this.#settleMs * 1.9) return 'wait';
    this.#missing = '';
    for (const uid of missing) {
      const entry = state.get(uid);
      if (entry !== undefined) this.#read.delete(`${entry.cluster}/${entry.name}`);
      state.remove(uid, Date.now());
    }
    return missing;
  }

  #isGuarded(scan: FolderScan): boolean {
    const { state, notices, allowEmpty, dir } = this.#options;
    const known = [...state.alive()].filter(([, { cluster }]) => !scan.unknown.has(cluster)).length;
    const empty = scan.files.size === 0 && known > 0;
    if (!empty || allowEmpty) {
      if (this.#guarding) {
        notices.say(`${dir} holds files again: the source goes on`);
        this.#returning = this.#now();
      }
      notices.over('guard');
      this.#guarding = false;
      return false;
    }
    this.#guarding = true;
    const what = scan.gone ?? `${dir} holds no files any more`;
    const files = known === 1 ? 'the 1 file' : `all ${known} files`;
    notices.state(
      'guard',
      `WARNING: ${what}. NOTHING IS DELETED: the fleet keeps ${files} that it has, and the source goes on when files are back. ` +
        'If everything is to be deleted, start the source with --allow-empty',
    );
    return true;
  }

  #tell({ notices: found, gone }: FolderScan): void {
    const { notices, state } = this.#options;
    if (gone !== undefined && state.isEmpty) notices.state('gone', `${gone}: waiting for it`);
    else notices.over('gone');
    notices.overExcept('scan ', new Set([...found.keys()].map((key) => `scan ${key}`)));
    for (const [key, text] of found) notices.state(`scan ${key}`, text);
  }
}
