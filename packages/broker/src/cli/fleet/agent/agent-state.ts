import { randomUUID } from 'node:crypto';
import { CeBrokerError } from 'ce-broker-proto';
import { z } from 'zod';
import type { FileResource, FileStatus } from '../file-resource.js';
import { fileNameKey } from '../names.js';
import { readStateFile, StateWriter } from '../state-file.js';
import { fileStatusSchema, reportOf, sequenceAfter } from '../status-json.js';
import { PENDING } from './placeholders.js';

const version = z.string().regex(/^\d{1,19}$/, 'must be a whole number as text');

const entrySchema = z.object({
  source: z.string(),
  name: z.string(),
  /** The newest version that is done, well or badly; `"0"`: none, so that the broker sends it again. */
  version,
  /** The version that the status is about. */
  reportedVersion: version,
  status: fileStatusSchema.optional(),
  sequenceId: z.string(),
  /** The broker has taken the status. */
  published: z.boolean(),
});

const FORMAT = 'ce-broker agent 1';

const stateSchema = z.object({
  format: z.literal(FORMAT),
  cluster: z.string(),
  dataType: z.string(),
  /** Absent in the file of an earlier version. */
  instance: z.string().min(1).max(64).optional(),
  resources: z.record(z.string(), entrySchema),
});

/** What is known of one resource. */
export type AgentEntry = Readonly<z.infer<typeof entrySchema>>;

const WITHOUT = 'the agent then takes every file of its cluster anew, and runs its command for each';

/** What the agent has done so far, over restarts. */
export class AgentState {
  readonly cluster: string;
  /** Tells this agent from any other one. */
  readonly instance: string;
  readonly #entries: Map<string, AgentEntry>;
  /** Who has which file: the id of a resource by the key of its name. */
  readonly #claims = new Map<string, string>();
  readonly #writer: StateWriter;

  private constructor(
    path: string,
    { cluster, dataType, instance = randomUUID() }: Omit<z.infer<typeof stateSchema>, 'format' | 'resources'>,
    entries: Map<string, AgentEntry>,
  ) {
    this.cluster = cluster;
    this.instance = instance;
    this.#entries = entries;
    for (const [uid, { name, status, published }] of entries) {
      // Reported just before the agent ended: nothing is left to do.
      if (status?.deleted === true && published) entries.delete(uid);
      if (status?.state !== 'refused' && status?.state !== 'deleted') this.claim(name, uid);
    }
    this.#writer = new StateWriter(path, () =>
      JSON.stringify(
        { format: FORMAT, cluster, dataType, instance, resources: Object.fromEntries(entries) },
        undefined,
        1,
      ),
    );
  }

  /** Throws `invalid_config` for a file that is damaged, or of another cluster or data type. */
  static load(path: string, cluster: string, dataType: string): AgentState {
    const read = readStateFile(path, stateSchema, WITHOUT);
    if (read !== undefined && (read.cluster !== cluster || read.dataType !== dataType)) {
      throw new CeBrokerError(
        'invalid_config',
        `the state file ${path} is of cluster ${read.cluster} and data type ${read.dataType}, not of ${cluster} and ${dataType}: ` +
          'give this agent a --state of its own',
        { field: '--state' },
      );
    }
    const own = { cluster, dataType, instance: read?.instance };
    return new AgentState(path, own, new Map(Object.entries(read?.resources ?? {})));
  }

  get(uid: string): AgentEntry | undefined {
    return this.#entries.get(uid);
  }

  entries(): IterableIterator<[string, AgentEntry]> {
    return this.#entries.entries();
  }

  /** Takes the file of that name. Gives the resource that has it already, or one that is the same where case is ignored. */
  claim(name: string, uid: string): string | undefined {
    const key = fileNameKey(name);
    const holder = this.#claims.get(key);
    if (holder !== undefined && holder !== uid) return holder;
    this.#claims.set(key, uid);
    return undefined;
  }

  release(name: string, uid: string): void {
    const key = fileNameKey(name);
    if (this.#claims.get(key) === uid) this.#claims.delete(key);
  }

  /** Something is about to be done for a resource. Resolves once that is on disk: a crash must not leave a file that nobody knows of. */
  async begin({ uid, name, source }: FileResource): Promise<void> {
    const before = this.#entries.get(uid);
    if (before !== undefined && before.name === name && before.source === source) return;
    const fresh = { version: '0', reportedVersion: '0', sequenceId: '0', published: true };
    this.#entries.set(uid, { ...(before ?? fresh), name, source });
    await this.#writer.save();
  }

  /** What came of an event. `done`: it is not to be done again. Resolves once that is on disk. */
  async finish(resource: FileResource, status: FileStatus, done: boolean): Promise<void> {
    const before = this.#entries.get(resource.uid);
    this.#entries.set(resource.uid, {
      source: before?.source ?? resource.source,
      name: before?.name ?? resource.name,
      version: done ? resource.resourceVersion : '0',
      reportedVersion: resource.resourceVersion,
      status: structuredClone({ ...status, instance: this.instance }) as z.infer<typeof fileStatusSchema>,
      sequenceId: sequenceAfter(before?.sequenceId ?? '0', Date.now()),
      published: false,
    });
    await this.#writer.save();
  }

  /** What was done is undone: the broker is to send it again. It is on disk with the next change. */
  redo(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry !== undefined) this.#entries.set(uid, { ...entry, version: '0' });
  }

  /** The broker has the status with that sequence id. */
  published(uid: string, sequenceId: string, failed: (error: unknown) => void): void {
    const entry = this.#entries.get(uid);
    if (entry?.sequenceId !== sequenceId) return;
    this.#entries.set(uid, { ...entry, published: true });
    this.#writer.saveSoon(500, failed);
  }

  /** The resource is gone; those that were refused because of its name are to come again. */
  async forget(uid: string): Promise<void> {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    this.#entries.delete(uid);
    const key = fileNameKey(entry.name);
    for (const [other, refused] of this.#entries) {
      if (refused.status?.state === 'refused' && fileNameKey(refused.name) === key)
        this.#entries.set(other, { ...refused, version: '0' });
    }
    await this.#writer.save();
  }

  /** Writes what was put off. */
  async close(): Promise<void> {
    this.#writer.cancel();
    await this.#writer.save();
  }
}

/** An entry as the client's lister, and the codec of its status, take it: at the version that is done. */
export function resourceOf(uid: string, cluster: string, entry: AgentEntry): FileResource {
  const { source, name, sequenceId, reportedVersion } = entry;
  const status = entry.status ?? PENDING;
  return {
    uid,
    cluster,
    source,
    name,
    resourceVersion: entry.version,
    report: reportOf(status, reportedVersion, sequenceId),
  };
}
