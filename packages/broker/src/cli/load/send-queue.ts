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

  /** The whole body may go out at once, as one frame. */
  fits(stream: RawStream, bytes: number): boolean {
    return (
      this.#bodies.length === 0 &&
      bytes <= this.window &&
      bytes <= stream.sendWindow &&
      bytes <= this.maxFrame
    );
  }

  /** Keeps a copy of the body and sends as much of it as may go out. */
  add(stream: RawStream, body: Buffer): void {
    this.#bodies.push({ stream, body: Buffer.from(body), offset: 0 });
    this.waiting += body.length;
    this.send();
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
      const { stream, body } = next;
      const length = Math.min(body.length - next.offset, this.maxFrame, this.window, stream.sendWindow);
      if (length <= 0) return;
      const last = next.offset + length === body.length;
      const offset = this.#out.reserve(FRAME_HEADER + length);
      writeFrameHeader(this.#out.buffer, offset, length, DATA, last ? END_STREAM : 0, stream.id);
      body.copy(this.#out.buffer, offset + FRAME_HEADER, next.offset, next.offset + length);
      next.offset += length;
      this.waiting -= length;
      this.window -= length;
      stream.sendWindow -= length;
      if (last) this.#bodies.shift();
    }
  }
}
