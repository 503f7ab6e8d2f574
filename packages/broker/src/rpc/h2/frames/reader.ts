import { DEFAULT_MAX_FRAME_BYTES, FRAME_HEAD_BYTES, FRAME_SIZE_ERROR } from './constants.js';
import { H2Error } from './error.js';

/** Takes frames. The payload is `bytes` from `start` to `end`: borrowed, part of a larger chunk. */
export interface FrameSink {
  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
}

/**
 * Cuts the bytes of a connection into frames (RFC 9113 §4.1, §4.2): every frame of a chunk in one pass, where it lies. Only a frame
 * that is spread over chunks is copied, once, into a buffer of its own length.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  /** A frame head that has come in part. */
  #head: Buffer | undefined = undefined;
  /** A frame whose head has come, as far as its payload has. */
  #partial: Buffer | undefined = undefined;
  /** Bytes in `#head` or `#partial`. */
  #have = 0;
  #stopped = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Bytes of a frame that is not whole yet. */
  get held(): number {
    return this.#have;
  }

  /** Nothing is handed over any more, not even the rest of the chunk that is being read. */
  stop(): void {
    this.#stopped = true;
    this.#head = undefined;
    this.#partial = undefined;
    this.#have = 0;
  }

  /** Throws an H2Error for a frame over the limit, and what the sink throws. */
  read(chunk: Buffer, from = 0): void {
    let at = from;
    const end = chunk.length;
    if (this.#have > 0) {
      at = this.#fill(chunk, at);
      if (this.#have > 0) return;
    }
    while (end - at >= FRAME_HEAD_BYTES && !this.#stopped) {
      const length = lengthAt(chunk, at);
      if (length > DEFAULT_MAX_FRAME_BYTES) throw tooLong(length);
      const start = at + FRAME_HEAD_BYTES;
      const next = start + length;
      if (next > end) {
        this.#keepFrame(chunk, at, length);
        return;
      }
      this.#sink.frame(chunk[at + 3] ?? 0, chunk[at + 4] ?? 0, streamIdAt(chunk, at), chunk, start, next);
      at = next;
    }
    if (at < end && !this.#stopped) {
      this.#head = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
      this.#have = chunk.copy(this.#head, 0, at, end);
    }
  }

  /** Goes on with what an earlier chunk began; returns where the next frame begins. */
  #fill(chunk: Buffer, from: number): number {
    let at = from;
    const head = this.#head;
    if (head !== undefined) {
      const copied = chunk.copy(head, this.#have, at, at + FRAME_HEAD_BYTES - this.#have);
      at += copied;
      this.#have += copied;
      if (this.#have < FRAME_HEAD_BYTES) return at;
      this.#head = undefined;
      const length = lengthAt(head, 0);
      if (length > DEFAULT_MAX_FRAME_BYTES) throw tooLong(length);
      this.#keepFrame(head, 0, length);
    }
    const frame = this.#partial;
    if (frame === undefined) return at;
    const copied = chunk.copy(frame, this.#have, at, at + frame.length - this.#have);
    at += copied;
    this.#have += copied;
    if (this.#have < frame.length) return at;
    this.#partial = undefined;
    this.#have = 0;
    this.#sink.frame(
      frame[3] ?? 0,
      frame[4] ?? 0,
      streamIdAt(frame, 0),
      frame,
      FRAME_HEAD_BYTES,
      frame.length,
    );
    return at;
  }

  #keepFrame(bytes: Buffer, at: number, length: number): void {
    this.#partial = Buffer.allocUnsafe(FRAME_HEAD_BYTES + length);
    this.#have = bytes.copy(this.#partial, 0, at);
  }
}

function lengthAt(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
}

/** The reserved bit is ignored (§4.1). */
function streamIdAt(bytes: Buffer, at: number): number {
  return (
    (((bytes[at + 5] ?? 0) & 0x7f) << 24) |
    ((bytes[at + 6] ?? 0) << 16) |
    ((bytes[at + 7] ?? 0) << 8) |
    (bytes[at + 8] ?? 0)
  );
}

function tooLong(length: number): H2Error {
  return new H2Error(
    FRAME_SIZE_ERROR,
    `a frame of ${length} bytes: this server takes ${DEFAULT_MAX_FRAME_BYTES} (SETTINGS_MAX_FRAME_SIZE)`,
  );
}
