import { CeBrokerError } from 'ce-broker-proto';
import { z } from 'zod';
import { contentTypeOf, type FileResource, fileId } from '../file-resource.js';
import { readStateFile, StateWriter } from '../state-file.js';

const entrySchema = z.object({
  cluster: z.string(),
  name: z.string(),
  /** Of the newest event about it, deletions included: it only grows. */
  version: z.string().regex(/^\d{1,19}$/, 'must be a whole number as text'),
  /** Of the content; empty for a file that was deleted. */
  hash: z.string(),
  /** The broker has taken some event of this life of the resource. */
  created: z.boolean(),
  /** The broker has taken the event of that version. */
  taken: z.boolean(),
  deletedAt: z.string().optional(),
  /** When the agent said that it is gone. */
  confirmedAt: z.string().optional(),
});

const FORMAT = 'ce-broker source 1';

const stateSchema = z.object({
  format: z.literal(FORMAT),
  source: z.string(),
  dataType: z.string(),
  resources: z.record(z.string(), entrySchema),
});

/** What is known of one resource. */
export type SourceEntry = Readonly<z.infer<typeof entrySchema>>;

const WITHOUT =
  'the source then counts its versions from 1 again, goes above what agents report, and cannot tell which files were deleted meanwhile';

/** After that nobody tells of an earlier life of a resource any more. */
const FORGET_AFTER_MS = 7 * 24 * 3_600_000;

/** The files that the source publishes, with the version of each, over restarts. */
export class SourceState {
  readonly source: string;
  readonly #path: string;
  readonly #dataType: string;
  readonly #entries = new Map<string, SourceEntry>();
  readonly #contents = new Map<string, Uint8Array>();
  /** Versions that are not on disk yet, and so must not be published. */
  readonly #unsaved = new Set<string>();
  readonly #writer: StateWriter;

  private constructor(path: string, source: string, dataType: string) {
    this.source = source;
    this.#path = path;
    this.#dataType = dataType;
    this.#writer = new StateWriter(path, () =>
      JSON.stringify(
        { format: FORMAT, source, dataType, resources: Object.fromEntries(this.#entries) },
        undefined,
        1,
      ),
    );
  }

  /** Throws `invalid_config` for a file that is damaged, or of another source or data type. */
  static load(path: string, source: string, dataType: string): SourceState {
    const state = new SourceState(path, source, dataType);
    state.read();
    return state;
  }

  /** Reads the file, when nothing is known yet: it may have come back together with the folder that it is in. */
  read(): void {
    if (this.#entries.size > 0) return;
    const read = readStateFile(this.#path, stateSchema, WITHOUT);
    if (read === undefined) return;
    if (read.source !== this.source || read.dataType !== this.#dataType) {
      throw new CeBrokerError(
        'invalid_config',
        `the state file ${this.#path} is of source ${read.source} and data type ${read.dataType}, not of ${this.source} and ` +
          `${this.#dataType}: give this source a --state of its own`,
        { field: '--state' },
      );
    }
    const forgotten = Date.now() - FORGET_AFTER_MS;
    for (const [uid, entry] of Object.entries(read.resources)) {
      const over = entry.confirmedAt !== undefined && Date.parse(entry.confirmedAt) < forgotten;
      if (!over) this.#entries.set(uid, entry);
    }
  }

  get(uid: string): SourceEntry | undefined {
    return this.#entries.get(uid);
  }

  /** Everything that is not over: files, and deletions that no agent has confirmed. */
  *entries(): Generator<[string, SourceEntry]> {
    for (const pair of this.#entries) if (pair[1].confirmedAt === undefined) yield pair;
  }

  /** The resources whose file is there, as far as is known. */
  *alive(): Generator<[string, SourceEntry]> {
    for (const pair of this.#entries) if (pair[1].deletedAt === undefined) yield pair;
  }

  get isEmpty(): boolean {
    for (const _ of this.alive()) return false;
    return true;
  }

  /** A file was read. Gives its id when there is something to publish. */
  put(cluster: string, name: string, content: Uint8Array, hash: string): string | undefined {
    const uid = fileId(this.source, cluster, name);
    const before = this.#entries.get(uid);
    this.#contents.set(uid, content);
    if (before !== undefined && before.deletedAt === undefined && before.hash === hash) {
      return before.taken ? undefined : uid;
    }
    const created = before?.deletedAt === undefined && before?.created === true;
    this.#change(uid, { cluster, name, version: next(before), hash, created, taken: false });
    return uid;
  }

  /** A file is gone. */
  remove(uid: string, now: number): void {
    const before = this.#entries.get(uid);
    if (before === undefined || before.deletedAt !== undefined) return;
    const { cluster, name, created } = before;
    const deletedAt = new Date(now).toISOString();
    this.#contents.delete(uid);
    this.#change(uid, { cluster, name, version: next(before), hash: '', created, taken: false, deletedAt });
  }

  /**
   * Somebody has a higher version than this source: the state file was lost, or is an old one. The own becomes higher.
   * @param gone that version was a deletion, so that the resource begins again
   */
  raise(uid: string, above: string, gone: boolean): void {
    const before = this.#entries.get(uid);
    if (before === undefined || BigInt(above) < BigInt(before.version)) return;
    const created = before.created && !gone;
    this.#change(uid, { ...before, version: String(BigInt(above) + 1n), created, taken: false });
  }

  /** The broker has taken the event of that version. */
  taken(uid: string, version: string, failed: (error: unknown) => void): void {
    const before = this.#entries.get(uid);
    if (before?.version !== version) return;
    this.#entries.set(uid, { ...before, created: true, taken: true });
    this.#writer.saveSoon(500, failed);
  }

  /** The agent said that a deleted one is gone. Gives whether that is news. */
  confirm(uid: string, version: string, now: number, failed: (error: unknown) => void): boolean {
    const before = this.#entries.get(uid);
    if (before?.deletedAt === undefined || before.confirmedAt !== undefined) return false;
    // Of the deletion before.
    if (BigInt(version) < BigInt(before.version)) return false;
    this.#entries.set(uid, { ...before, taken: true, confirmedAt: new Date(now).toISOString() });
    this.#writer.saveSoon(500, failed);
    return true;
  }

  /** As the client takes it. Undefined when it cannot be published: its file was not read, or its version is not on disk. */
  resource(uid: string): FileResource | undefined {
    const entry = this.#entries.get(uid);
    if (entry === undefined || this.#unsaved.has(uid)) return undefined;
    const { cluster, name, version, deletedAt } = entry;
    const head = { uid, cluster, name, source: this.source, resourceVersion: version };
    if (deletedAt !== undefined) return { ...head, deletionTimestamp: new Date(deletedAt) };
    const content = this.#contents.get(uid);
    return content === undefined ? undefined : { ...head, content, contentType: contentTypeOf(name) };
  }

  /**
   * For the answers to resync requests. What cannot be published now is listed all the same, for the client deletes what its source does
   * not list; a version below zero is never sent.
   */
  *list(cluster: string): Generator<FileResource> {
    for (const [uid, entry] of this.entries()) {
      if (cluster !== '' && cluster !== entry.cluster) continue;
      const { name } = entry;
      yield this.resource(uid) ?? {
        uid,
        cluster: entry.cluster,
        name,
        source: this.source,
        resourceVersion: '-1',
      };
    }
  }

  /** Resolves once every version of this moment is on disk. */
  async save(): Promise<void> {
    const saved = [...this.#unsaved].map((uid) => [uid, this.#entries.get(uid)?.version] as const);
    await this.#writer.save();
    for (const [uid, version] of saved) {
      if (this.#entries.get(uid)?.version === version) this.#unsaved.delete(uid);
    }
  }

  /** Writes what was put off, unless nothing was ever known. */
  async close(): Promise<void> {
    this.#writer.cancel();
    if (this.#entries.size > 0) await this.save();
  }

  #change(uid: string, entry: SourceEntry): void {
    this.#entries.set(uid, entry);
    this.#unsaved.add(uid);
  }
}

function next(entry: SourceEntry | undefined): string {
  return String(BigInt(entry?.version ?? '0') + 1n);
}
