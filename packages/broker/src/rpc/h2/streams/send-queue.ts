import type { Composer } from '../composer.js';
import { DEFAULT_MAX_FRAME_BYTES, FRAME_DATA, FRAME_HEAD_BYTES } from '../frames/constants.js';
import { writeFrameHead } from '../frames/writer.js';
import { joinMessages, PREFIX_BYTES, prefixOf, type SharedFrames } from '../shared-frames.js';

/** What the peer still takes on a connection, in bytes of DATA (RFC 9113 §5.2, §6.9). All streams of a connection share one. */
export interface ConnectionWindow {
  sendWindow: number;
}

/** So much is composed whole, which streams may share. */
const LARGEST_BATCH_BYTES = 256 * 1024;
/** Messages that wait are gathered once there are so many bytes of them. */
const SETTLE_BYTES = 4 * 1024;
/** More than this is sent by turns, so that no stream has all of the window, or of a write, for itself. */
const TURN_BYTES = 64 * 1024;

/** A message from this size on waits as it is, unless it lies in something much larger: many streams may be owed the same. */
const LARGE_BYTES = 16 * 1024;

const NONE: Uint8Array[] = [];
const NO_RESTS: Buffer[] = [];

/**
 * The messages of one stream on their way out, held back by the stream's window and the connection's (RFC 9113 §5.2). What does not
 * fit stays here, counted, until the peer has made room.
 */
export class SendQueue {
  /** What the peer still takes on this stream; a change of its settings may make it negative (§6.9.2). */
  window: number;
  /** Unsent bytes, gRPC prefixes included. */
  bytes = 0;
  /** 1: messages of this stream may be compressed. */
  readonly flag: number;
  #messages: Uint8Array[] = NONE;
  /** What has to wait, prefixes included, before `#messages`: of the first from `#restAt` on. */
  #rests: Buffer[] = NO_RESTS;
  #restAt = 0;

  constructor(window: number, flag: number) {
    this.window = window;
    this.flag = flag;
  }

  push(message: Uint8Array): void {
    this.bytes += message.length + PREFIX_BYTES;
    if (this.#messages === NONE) this.#messages = [message];
    else this.#messages.push(message);
  }

  /** Bytes that are no gRPC message: the body of an HTTP error. */
  pushRaw(body: Buffer): void {
    this.#wait(body);
    this.bytes += body.length;
  }

  clear(): void {
    this.#messages = NONE;
    this.#rests = NO_RESTS;
    this.#restAt = 0;
    this.bytes = 0;
  }

  /** Copies what has to wait out of where it lies, a few kilobytes at a time. */
  settle(): void {
    const batch = this.#messages;
    let bytes = 0;
    for (const message of batch) bytes += message.byteLength + PREFIX_BYTES;
    if (bytes < SETTLE_BYTES) return;
    this.#messages = NONE;
    this.#waitAll(batch);
  }

  /** Composes as much as both windows and one turn take. True: nothing is left. */
  compose(out: Composer, shared: SharedFrames, connection: ConnectionWindow, streamId: number): boolean {
    if (this.#rests.length > 0 && !this.#composeRests(out, connection, streamId)) return false;
    const batch = this.#messages;
    if (batch === NONE) return true;
    this.#messages = NONE;
    const { bytes } = this;
    if (bytes <= this.window && bytes <= connection.sendWindow && bytes <= LARGEST_BATCH_BYTES) {
      shared.compose(out, batch, bytes, this.flag, streamId);
      this.window -= bytes;
      connection.sendWindow -= bytes;
      this.bytes = 0;
      return true;
    }
    this.#waitAll(batch);
    return this.#composeRests(out, connection, streamId);
  }

  #waitAll(batch: readonly Uint8Array[]): void {
    let small: Uint8Array[] = [];
    for (const message of batch) {
      if (!isLarge(message)) {
        small.push(message);
        continue;
      }
      this.#waitTogether(small);
      small = [];
      this.#wait(prefixOf(message, this.flag));
      this.#wait(Buffer.from(message.buffer, message.byteOffset, message.byteLength));
    }
    this.#waitTogether(small);
  }

  #waitTogether(batch: readonly Uint8Array[]): void {
    let bytes = 0;
    for (const message of batch) bytes += message.byteLength + PREFIX_BYTES;
    if (bytes > 0) this.#wait(joinMessages(batch, bytes, this.flag));
  }

  #wait(bytes: Buffer): void {
    if (this.#rests === NO_RESTS) this.#rests = [bytes];
    else this.#rests.push(bytes);
  }

  #composeRests(out: Composer, connection: ConnectionWindow, streamId: number): boolean {
    let turn = TURN_BYTES;
    for (let rest = this.#rests[0]; rest !== undefined; rest = this.#rests[0]) {
      const room = Math.min(this.window, connection.sendWindow, turn, DEFAULT_MAX_FRAME_BYTES);
      if (room <= 0) return false;
      const length = Math.min(room, rest.length - this.#restAt);
      const at = out.reserve(FRAME_HEAD_BYTES + length);
      const start = writeFrameHead(out.scratch, at, length, FRAME_DATA, 0, streamId);
      rest.copy(out.scratch, start, this.#restAt, this.#restAt + length);
      this.#restAt += length;
      turn -= length;
      this.window -= length;
      connection.sendWindow -= length;
      this.bytes -= length;
      if (this.#restAt < rest.length) continue;
      this.#rests.shift();
      this.#restAt = 0;
    }
    this.#rests = NO_RESTS;
    return true;
  }
}

function isLarge({ buffer, byteLength }: Uint8Array): boolean {
  return byteLength >= LARGE_BYTES && buffer.byteLength <= 2 * byteLength;
}
