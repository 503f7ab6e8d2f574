import type { Composer } from './composer.js';
import { DEFAULT_MAX_FRAME_BYTES, FRAME_DATA, FRAME_HEAD_BYTES } from './frames/constants.js';
import { writeFrameHead, writeStreamId } from './frames/writer.js';
import { flagOf } from './grpc/deflated.js';

/** gRPC's message prefix: a compression flag and four bytes of length. */
export const PREFIX_BYTES = 5;

const NONE: readonly Uint8Array[] = [];

/**
 * Messages as DATA frames (RFC 9113 §6.1, gRPC's length prefix within), cut between messages where they fit. What was composed last is
 * remembered: in fan-out many streams are owed the very same messages in the same turn, and most of them have the same stream id, as the
 * first stream of their connection. The first of them costs no buffer of its own; the second makes one, which the others share.
 */
export class SharedFrames {
  #batch: readonly Uint8Array[] = NONE;
  #flag = 0;
  #streamId = 0;
  #frames: Buffer | undefined = undefined;

  /** `bytes`: messages and prefixes. The batch must not change afterwards. */
  compose(out: Composer, batch: readonly Uint8Array[], bytes: number, flag: number, streamId: number): void {
    if (flag === this.#flag && sameItems(batch, this.#batch)) {
      out.add(this.#shared(bytes, streamId));
      return;
    }
    this.#batch = batch;
    this.#flag = flag;
    this.#frames = undefined;
    const length = framedLength(batch, bytes);
    const at = out.reserve(length);
    writeFrames(out.scratch, at, at + length, batch, flag, streamId);
  }

  /** Lets go of the last batch, so that nothing is kept alive between turns. */
  forget(): void {
    this.#batch = NONE;
    this.#frames = undefined;
  }

  #shared(bytes: number, streamId: number): Buffer {
    let frames = this.#frames;
    if (frames === undefined) {
      frames = Buffer.allocUnsafe(framedLength(this.#batch, bytes));
      writeFrames(frames, 0, frames.length, this.#batch, this.#flag, streamId);
    } else if (streamId !== this.#streamId) {
      frames = withStreamId(frames, streamId);
    }
    this.#frames = frames;
    this.#streamId = streamId;
    return frames;
  }
}

/** Messages with their prefixes, without frames: for what has to wait for a window. */
export function joinMessages(batch: readonly Uint8Array[], bytes: number, flag: number): Buffer {
  const joined = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const message of batch) at = writeMessage(joined, at, message, flag === 0 ? 0 : flagOf(message));
  return joined;
}

/** The prefix of a message that waits apart from it. */
export function prefixOf(message: Uint8Array, flag: number): Buffer {
  const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
  writePrefix(prefix, 0, message.byteLength, flag === 0 ? 0 : flagOf(message));
  return prefix;
}

/** How long the frames are: as many whole messages in each as it takes. */
function framedLength(batch: readonly Uint8Array[], bytes: number): number {
  if (bytes <= DEFAULT_MAX_FRAME_BYTES) return FRAME_HEAD_BYTES + bytes;
  let frames = 1;
  let filled = 0;
  for (const message of batch) {
    const length = message.byteLength + PREFIX_BYTES;
    if (filled > 0 && filled + length > DEFAULT_MAX_FRAME_BYTES) {
      frames += 1;
      filled = 0;
    }
    filled += length;
    while (filled > DEFAULT_MAX_FRAME_BYTES) {
      frames += 1;
      filled -= DEFAULT_MAX_FRAME_BYTES;
    }
  }
  return frames * FRAME_HEAD_BYTES + bytes;
}

function writeFrames(
  target: Buffer,
  from: number,
  end: number,
  batch: readonly Uint8Array[],
  flag: number,
  streamId: number,
): void {
  let head = from;
  let at = from + FRAME_HEAD_BYTES;
  for (const message of batch) {
    const length = message.byteLength + PREFIX_BYTES;
    const filled = at - head - FRAME_HEAD_BYTES;
    if (filled > 0 && filled + length > DEFAULT_MAX_FRAME_BYTES) {
      writeFrameHead(target, head, filled, FRAME_DATA, 0, streamId);
      head = at;
      at += FRAME_HEAD_BYTES;
    }
    if (length <= DEFAULT_MAX_FRAME_BYTES) {
      at = writeMessage(target, at, message, flag === 0 ? 0 : flagOf(message));
      continue;
    }
    // A message that is longer than a frame begins one, and goes over several.
    at = writePrefix(target, at, message.byteLength, flag === 0 ? 0 : flagOf(message));
    let room = DEFAULT_MAX_FRAME_BYTES - PREFIX_BYTES;
    for (let from = 0; from < message.byteLength; room = DEFAULT_MAX_FRAME_BYTES) {
      const to = Math.min(message.byteLength, from + room);
      target.set(message.subarray(from, to), at);
      at += to - from;
      from = to;
      if (from === message.byteLength) break;
      writeFrameHead(target, head, DEFAULT_MAX_FRAME_BYTES, FRAME_DATA, 0, streamId);
      head = at;
      at += FRAME_HEAD_BYTES;
    }
  }
  writeFrameHead(target, head, end - head - FRAME_HEAD_BYTES, FRAME_DATA, 0, streamId);
}

function withStreamId(frames: Buffer, streamId: number): Buffer {
  const copy = Buffer.from(frames);
  for (let at = 0; at < copy.length; at += FRAME_HEAD_BYTES + copy.readUIntBE(at, 3)) {
    writeStreamId(copy, at + 5, streamId);
  }
  return copy;
}

function writeMessage(target: Buffer, at: number, message: Uint8Array, flag: number): number {
  const start = writePrefix(target, at, message.byteLength, flag);
  target.set(message, start);
  return start + message.byteLength;
}

function writePrefix(target: Buffer, at: number, length: number, flag: number): number {
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
