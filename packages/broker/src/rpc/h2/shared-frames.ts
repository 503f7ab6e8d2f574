import { DEFAULT_MAX_FRAME_BYTES, FRAME_DATA, FRAME_HEAD_BYTES } from './frames/constants.js';
import { writeFrameHead, writeStreamId } from './frames/writer.js';

/** gRPC's message prefix: a compression flag and four bytes of length. */
export const PREFIX_BYTES = 5;

/**
 * Messages as DATA frames (RFC 9113 §6.1, gRPC's length prefix within). What was built last is remembered: in fan-out many
 * streams are owed the very same messages in the same turn, and most of them have the same stream id, as the first stream of their
 * connection.
 */
export class SharedFrames {
  #batch: readonly Uint8Array[] = [];
  #flag = 0;
  #streamId = 0;
  #frames: Buffer = Buffer.alloc(0);

  /** `bytes`: messages and prefixes. Neither the batch nor the result may change afterwards. */
  frames(batch: readonly Uint8Array[], bytes: number, flag: number, streamId: number): Buffer {
    if (flag !== this.#flag || !sameItems(batch, this.#batch)) {
      this.#frames = build(batch, bytes, flag, streamId);
      this.#batch = batch;
      this.#flag = flag;
    } else if (streamId !== this.#streamId) {
      this.#frames = withStreamId(this.#frames, streamId);
    }
    this.#streamId = streamId;
    return this.#frames;
  }

  /** Lets go of the last batch, so that nothing is kept alive between turns. */
  forget(): void {
    if (this.#batch.length === 0) return;
    this.#batch = [];
    this.#frames = Buffer.alloc(0);
  }
}

/** Messages with their prefixes, without frames: for what has to wait for a window. */
export function joinMessages(batch: readonly Uint8Array[], bytes: number, flag: number): Buffer {
  const joined = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const message of batch) {
    at = writePrefix(joined, at, flag, message.byteLength);
    joined.set(message, at);
    at += message.byteLength;
  }
  return joined;
}

function build(batch: readonly Uint8Array[], bytes: number, flag: number, streamId: number): Buffer {
  if (bytes > DEFAULT_MAX_FRAME_BYTES) return frame(joinMessages(batch, bytes, flag), streamId);
  const frames = Buffer.allocUnsafe(FRAME_HEAD_BYTES + bytes);
  let at = writeFrameHead(frames, 0, bytes, FRAME_DATA, 0, streamId);
  for (const message of batch) {
    at = writePrefix(frames, at, flag, message.byteLength);
    frames.set(message, at);
    at += message.byteLength;
  }
  return frames;
}

/** Cuts at the frame size that every peer has to take. */
function frame(payload: Buffer, streamId: number): Buffer {
  const count = Math.ceil(payload.length / DEFAULT_MAX_FRAME_BYTES);
  const frames = Buffer.allocUnsafe(payload.length + count * FRAME_HEAD_BYTES);
  let at = 0;
  for (let from = 0; from < payload.length; from += DEFAULT_MAX_FRAME_BYTES) {
    const to = Math.min(payload.length, from + DEFAULT_MAX_FRAME_BYTES);
    at = writeFrameHead(frames, at, to - from, FRAME_DATA, 0, streamId);
    at += payload.copy(frames, at, from, to);
  }
  return frames;
}

function withStreamId(frames: Buffer, streamId: number): Buffer {
  const copy = Buffer.from(frames);
  const step = FRAME_HEAD_BYTES + DEFAULT_MAX_FRAME_BYTES;
  for (let at = 0; at < copy.length; at += step) writeStreamId(copy, at + 5, streamId);
  return copy;
}

function writePrefix(target: Buffer, at: number, flag: number, length: number): number {
  target[at] = flag;
  target[at + 1] = length >>> 24;
  target[at + 2] = length >>> 16;
  target[at + 3] = length >>> 8;
  target[at + 4] = length;
  return at + PREFIX_BYTES;
}

function sameItems(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}
