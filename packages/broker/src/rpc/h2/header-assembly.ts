import { PROTOCOL_ERROR } from './frames/constants.js';
import { H2Error } from './frames/error.js';

/** A header block that comes in several frames: HEADERS and the CONTINUATION frames after it (RFC 9113 §4.3, §6.10). */
export class HeaderAssembly {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly selfDependent: boolean;
  /** When it began, in milliseconds of `performance.now()`. */
  readonly since: number;
  #parts: Buffer[];
  #bytes: number;
  continuations = 0;

  constructor(streamId: number, endStream: boolean, selfDependent: boolean, first: Buffer, since: number) {
    this.since = since;
    this.streamId = streamId;
    this.endStream = endStream;
    this.selfDependent = selfDependent;
    this.#parts = [Buffer.from(first)];
    this.#bytes = first.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Throws an H2Error for a frame of another stream. */
  add(streamId: number, part: Buffer): void {
    if (streamId !== this.streamId) {
      throw new H2Error(
        PROTOCOL_ERROR,
        `CONTINUATION for stream ${streamId} within the header block of stream ${this.streamId}`,
      );
    }
    this.continuations += 1;
    this.#bytes += part.length;
    this.#parts.push(Buffer.from(part));
  }

  whole(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
