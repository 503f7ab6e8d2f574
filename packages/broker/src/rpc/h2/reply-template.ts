import {
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FRAME_DATA,
  FRAME_HEAD_BYTES,
  FRAME_HEADERS,
} from './frames/constants.js';
import { writeFrameHead, writeStreamId } from './frames/writer.js';
import { OK_TRAILERS, RESPONSE_HEAD } from './grpc/response-head.js';
import type { HpackEncoder } from './hpack/encoder.js';
import { PREFIX_BYTES } from './shared-frames.js';

/**
 * The answer OK with an empty message, as bytes in which only the stream id changes: HEADERS, DATA with an empty gRPC message, HEADERS
 * with the trailers. It is built anew when the dynamic table of the connection has changed since.
 */
export class ReplyTemplate {
  #bytes = Buffer.alloc(0);
  #generation = -1;
  /** Where the second and third frame begin. */
  #data = 0;
  #trailers = 0;

  /** The bytes for the next answer; to be copied, then `address`ed. */
  bytes(encoder: HpackEncoder): Buffer {
    if (this.#generation !== encoder.generation) this.#build(encoder);
    return this.#bytes;
  }

  /** Writes a stream id into a copy of the bytes. */
  address(target: Buffer, at: number, streamId: number): void {
    writeStreamId(target, at + 5, streamId);
    writeStreamId(target, at + this.#data + 5, streamId);
    writeStreamId(target, at + this.#trailers + 5, streamId);
  }

  #build(encoder: HpackEncoder): void {
    const before = encoder.generation;
    const head = encoder.encode(RESPONSE_HEAD);
    const trailers = encoder.encode(OK_TRAILERS);
    this.#data = FRAME_HEAD_BYTES + head.length;
    this.#trailers = this.#data + FRAME_HEAD_BYTES + PREFIX_BYTES;
    const bytes = Buffer.alloc(this.#trailers + FRAME_HEAD_BYTES + trailers.length);
    head.copy(bytes, writeFrameHead(bytes, 0, head.length, FRAME_HEADERS, FLAG_END_HEADERS, 0));
    writeFrameHead(bytes, this.#data, PREFIX_BYTES, FRAME_DATA, 0, 0);
    const flags = FLAG_END_HEADERS | FLAG_END_STREAM;
    trailers.copy(bytes, writeFrameHead(bytes, this.#trailers, trailers.length, FRAME_HEADERS, flags, 0));
    this.#bytes = bytes;
    // What has entered something into the table may be sent once only.
    this.#generation = encoder.generation === before ? before : -1;
  }
}
