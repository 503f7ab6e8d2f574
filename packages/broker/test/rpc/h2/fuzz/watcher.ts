import type { H2Connection } from '../../../../src/rpc/h2/connection.js';
import type { HeaderBlock } from '../../../../src/rpc/h2/hpack/header-block.js';
import { StreamTable } from '../../../../src/rpc/h2/stream-table.js';
import type { SeenStream } from './observation.js';

/** Whose frame is being looked at: everything in it happens at once. */
let current: Watcher | undefined;

const { error } = StreamTable.prototype;
StreamTable.prototype.error = function watched(this: StreamTable, streamId: number, code: number): void {
  current?.streamError(this, streamId, code);
  error.call(this, streamId, code);
};

/** Listens in on what frames mean to a connection, and what it takes of them. */
export class Watcher {
  readonly streams = new Map<number, SeenStream>();
  /** Stream errors: the code, and what came in which state. */
  readonly told: string[] = [];
  readonly malformed: string[][] = [];
  /** The fields of the header block that is being looked at. */
  #fields: string[] = [];
  #during = 'form';

  constructor(connection: H2Connection) {
    const { onData, onHeaders, onReset, onWindowUpdate, streamError } = connection;
    const open = connection.streams;
    connection.onHeaders = (streamId, endStream, block): void => {
      const before = open.get(streamId);
      this.#fields = fieldsOf(block);
      this.#while('headers', () => onHeaders.call(connection, streamId, endStream, block));
      if (before === undefined && open.get(streamId) !== undefined) this.#opened(streamId, endStream);
      else if (before?.remoteClosed === true) this.#trailers(streamId);
    };
    connection.onData = (streamId, endStream, bytes, start, end, charged): void => {
      const seen = open.get(streamId)?.remoteClosed === false ? this.streams.get(streamId) : undefined;
      const payload = Buffer.from(bytes.subarray(start, end));
      this.#while('data', () => onData.call(connection, streamId, endStream, bytes, start, end, charged));
      if (seen === undefined) return;
      seen.data = Buffer.concat([seen.data, payload]);
      seen.ended = endStream;
    };
    connection.onWindowUpdate = (streamId, increment): void => {
      this.#while('window', () => onWindowUpdate.call(connection, streamId, increment));
    };
    connection.streamError = (streamId, code): void => {
      this.#while('form', () => streamError.call(connection, streamId, code));
    };
    connection.onReset = (streamId): void => {
      const seen = this.streams.get(streamId);
      if (seen !== undefined) seen.left = true;
      onReset.call(connection, streamId);
    };
  }

  streamError(table: StreamTable, streamId: number, code: number): void {
    const stream = table.streams.get(streamId);
    const state = stream === undefined ? 'closed' : stream.remoteClosed ? 'half-closed' : 'open';
    this.told.push(`${code} in ${this.#during} of ${state}`);
    if (this.#during === 'headers') this.malformed.push(this.#fields);
  }

  #while(what: string, step: () => void): void {
    current = this;
    this.#during = what;
    try {
      step();
    } finally {
      current = undefined;
    }
  }

  #opened(streamId: number, ended: boolean): void {
    const headers = this.#fields;
    this.streams.set(streamId, { headers, data: Buffer.alloc(0), trailers: undefined, ended, left: false });
  }

  #trailers(streamId: number): void {
    const seen = this.streams.get(streamId);
    if (seen === undefined || seen.ended) return;
    seen.trailers = this.#fields;
    seen.ended = true;
  }
}

function fieldsOf(block: HeaderBlock | undefined): string[] {
  return block?.names.flatMap((name, index) => [name, block.values[index] ?? '']) ?? [];
}
