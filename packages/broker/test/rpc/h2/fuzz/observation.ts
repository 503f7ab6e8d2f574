import { FLAG, TYPE } from '../conformance/wire.js';

/** A request as one side understood it. */
export interface SeenStream {
  /** Name and value by turns, in order. */
  readonly headers: readonly string[];
  data: Buffer;
  trailers: readonly string[] | undefined;
  /** The client has ended its side. */
  ended: boolean;
  /** The client has reset it. */
  left: boolean;
}

/** What a server made of a connection. */
export interface Observation {
  readonly streams: ReadonlyMap<number, SeenStream>;
  /** Code of its GOAWAY. */
  readonly goAway: number | undefined;
  readonly goAwayText: string;
  /** Codes of its RST_STREAM frames. */
  readonly resets: ReadonlyMap<number, number>;
  /** Streams that it answered to their end. */
  readonly answered: ReadonlySet<number>;
  /** It has closed the connection. */
  readonly closed: boolean;
  /** Why it reset streams: the code, and what came in which state. Of our side only. */
  readonly told: readonly string[];
  /** Header blocks that it found malformed. Of our side only. */
  readonly malformed: readonly (readonly string[])[];
}

/** Reads what a server sent, and throws at what no server may send. */
export class OutputReader {
  goAway: number | undefined;
  goAwayText = '';
  readonly resets = new Map<number, number>();
  readonly answered = new Set<number>();
  onFrame: ((type: number, flags: number, streamId: number, payload: Buffer) => void) | undefined;
  #rest = Buffer.alloc(0);

  push(chunk: Buffer): void {
    let rest = Buffer.concat([this.#rest, chunk]);
    while (rest.length >= 9) {
      const end = 9 + rest.readUIntBE(0, 3);
      if (rest.length < end) break;
      this.#frame(rest.readUInt8(3), rest.readUInt8(4), rest.readUInt32BE(5), rest.subarray(9, end));
      rest = rest.subarray(end);
    }
    this.#rest = rest;
  }

  #frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    this.onFrame?.(type, flags, streamId, payload);
    if (payload.length > 16_384) throw new Error(`a frame of ${payload.length} bytes was sent`);
    if (type === TYPE.GOAWAY) {
      this.goAway ??= payload.readUInt32BE(4);
      this.goAwayText = payload.toString('utf8', 8);
    } else if (type === TYPE.RST_STREAM) {
      if (streamId === 0) throw new Error('RST_STREAM of stream 0 was sent');
      if (!this.resets.has(streamId)) this.resets.set(streamId, payload.readUInt32BE(0));
    } else if ((type === TYPE.HEADERS || type === TYPE.DATA) && (flags & FLAG.END_STREAM) !== 0) {
      this.answered.add(streamId);
    }
  }
}
