import {
  DATA,
  DEFAULT_WINDOW,
  END_STREAM,
  FRAME_HEADER,
  MAX_FRAME,
  writeFrameHeader,
} from './http2-frames.js';
import type { OutBuffer } from './out-buffer.js';
import type { RawStream } from './raw-stream.js';

interface PendingBody {
  readonly stream: RawStream;
  readonly body: Buffer;
  offset: number;
  /** Its end ends the request. */
  readonly last: boolean;
}

/** The request bodies that flow control or the frame size holds back, in order. */
export class SendQueue {
  /** What the peer lets this connection send. */
  window = DEFAULT_WINDOW;
  maxFrame = MAX_FRAME;
  /** Bytes that wait here. */
  waiting = 0;

  #out: OutBuffer;
  #bodies: PendingBody[] = [];

  constructor(out: OutBuffer) {
    this.#out = out;
  }

  /** Sends as much of the body as may go out, and keeps a copy of the rest. `last`: it ends the request. */
  add(stream: RawStream, body: Buffer, last: boolean): void {
    const sent = this.#bodies.length > 0 ? 0 : this.#write(stream, body, 0, last);
    if (sent === body.length) return;
    this.#bodies.push({ stream, body: Buffer.from(body.subarray(sent)), offset: 0, last });
    this.waiting += body.length - sent;
  }

  /** A call may end (refused, reset) before its body went out. */
  forget(stream: RawStream): void {
    if (this.#bodies.length === 0) return;
    this.#bodies = this.#bodies.filter((pending) => {
      if (pending.stream !== stream) return true;
      this.waiting -= pending.body.length - pending.offset;
      return false;
    });
  }

  send(): void {
    while (this.#bodies.length > 0) {
      const next = this.#bodies[0];
      if (next === undefined) return;
      const sent = this.#write(next.stream, next.body, next.offset, next.last);
      this.waiting -= sent - next.offset;
      next.offset = sent;
      if (sent < next.body.length) return;
      this.#bodies.shift();
    }
  }

  /** Writes what of the body may go out, from `at` on; how far it came. */
  #write(stream: RawStream, body: Buffer, at: number, last: boolean): number {
    while (at < body.length) {
      const length = Math.min(body.length - at, this.maxFrame, this.window, stream.sendWindow);
      if (length <= 0) return at;
      const ends = last && at + length === body.length;
      const offset = this.#out.reserve(FRAME_HEADER + length);
      writeFrameHeader(this.#out.buffer, offset, length, DATA, ends ? END_STREAM : 0, stream.id);
      body.copy(this.#out.buffer, offset + FRAME_HEADER, at, at + length);
      at += length;
      this.window -= length;
      stream.sendWindow -= length;
    }
    return at;
  }
}
