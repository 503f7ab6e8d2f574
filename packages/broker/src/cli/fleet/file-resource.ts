import { createHash } from 'node:crypto';
import { extname } from 'node:path';

/** A file as source and agent hold it: what the codec writes and reads, and what the clients' listers give. */
export interface FileResource {
  /** `<source>/<cluster>/<file name>` */
  readonly uid: string;
  readonly resourceVersion: string;
  readonly deletionTimestamp?: Date | undefined;
  readonly cluster: string;
  /** The source that published it: whom a status is for. */
  readonly source: string;
  /** The name of the file, without any folder. */
  readonly name: string;
  /** The bytes of the file, unchanged; absent in a deletion, and in what came as a status. */
  readonly content?: Uint8Array | undefined;
  readonly contentType?: string | undefined;
  /** What the agent says of it. */
  readonly report?: Report | undefined;
}

/** A status with what orders it and tells it apart. */
export interface Report {
  readonly status: FileStatus;
  /** The version of the spec that it is about. */
  readonly version: string;
  /** Orders the statuses of an agent. */
  readonly sequenceId: string;
  /** Hash of the status as JSON. */
  readonly hash: string;
}

/** What an agent reports of a file, as the JSON data of a status event. */
export interface FileStatus {
  /**
   * `applied`: done. `failed`: tried, and it failed. `refused`: not tried, for the file may not be written there. `deleted`: the file is
   * gone, and the agent has forgotten it. `pending`: a placeholder of the agent's own, which is neither sent nor taken.
   */
  readonly state: 'applied' | 'failed' | 'refused' | 'deleted' | 'pending';
  readonly action: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** SHA-256 of the content that this is about, in hex; absent for a deletion. */
  readonly contentHash?: string | undefined;
  /** Set once the resource is gone. */
  readonly deleted?: true | undefined;
  /** Why, where it is not the command that failed. */
  readonly error?: string | undefined;
  /** What the command said; absent without one, or when it was not run. */
  readonly command?: CommandReport | undefined;
  /** Tells the agent from any other one: random, and kept in its state file. Absent from agents of an earlier version. */
  readonly instance?: string | undefined;
  /** When it was done, RFC 3339. */
  readonly time: string;
}

export interface CommandReport {
  /** Null when a signal ended it, or when it could not be started. */
  readonly exitCode: number | null;
  readonly signal?: string | undefined;
  readonly timedOut?: true | undefined;
  /** The `--timeout` that ended it, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  readonly durationMs: number;
  /** The last lines of stdout and stderr. */
  readonly output: readonly string[];
}

export const DEFAULT_DATA_TYPE = 'io.ce-broker.v1.files';

/** Readable, and of one source, one cluster and one file only: none of the three holds a slash. */
export function fileId(source: string, cluster: string, name: string): string {
  return `${source}/${cluster}/${name}`;
}

/** As source and agent compare contents. */
export function contentHashOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

const CONTENT_TYPES: Readonly<Record<string, string>> = Object.freeze({
  '.yaml': 'application/yaml',
  '.yml': 'application/yaml',
  '.json': 'application/json',
  '.txt': 'text/plain',
  '.md': 'text/markdown',
  '.conf': 'text/plain',
  '.cfg': 'text/plain',
  '.ini': 'text/plain',
  '.env': 'text/plain',
  '.properties': 'text/plain',
  '.sh': 'text/plain',
  '.csv': 'text/csv',
  '.xml': 'application/xml',
  '.toml': 'application/toml',
});

/** By the extension of the name alone; the bytes are never looked at. */
export function contentTypeOf(name: string): string {
  return CONTENT_TYPES[extname(name).toLowerCase()] ?? 'application/octet-stream';
}
