import { FRAME_HEADER, MAX_FRAME } from './http2-frames.js';

/** A frame; its payload is `bytes` from `start` to `end`, borrowed. False: no more of them. */
export type FrameTaker = (
  bytes: Buffer,
  type: number,
  flags: number,
  id: number,
  start: number,
  end: number,
) => boolean;

/** Cuts what a socket reads into frames where it lies; only a frame that comes in parts is copied. */
export class FrameCutter {
  readonly #take: FrameTaker;
  /** A frame that has come in part. */
  #partial: Buffer | undefined = undefined;
  #have = 0;

  constructor(take: FrameTaker) {
    this.#take = take;
  }

  /** Throws for a frame over the limit, and what the taker throws. */
  read(chunk: Buffer): void {
    let at = this.#have === 0 ? 0 : this.#complete(chunk);
    while (at >= 0 && chunk.length - at >= FRAME_HEADER) {
      const end = at + FRAME_HEADER + lengthAt(chunk, at);
      if (end > chunk.length) break;
      if (!this.#hand(chunk, at, end)) return;
      at = end;
    }
    if (at >= 0 && at < chunk.length) this.#keep(chunk, at, chunk.length);
  }

  /** Goes on with the frame that has come in part; returns where the next one begins, below zero: nowhere. */
  #complete(chunk: Buffer): number {
    let at = 0;
    if (this.#have < FRAME_HEADER) {
      at = Math.min(FRAME_HEADER - this.#have, chunk.length);
      this.#keep(chunk, 0, at);
    }
    const partial = this.#partial;
    if (partial === undefined || this.#have < FRAME_HEADER) return -1;
    const whole = FRAME_HEADER + lengthAt(partial, 0);
    const end = Math.min(at + whole - this.#have, chunk.length);
    this.#keep(chunk, at, end);
    if (this.#have < whole) return -1;
    this.#have = 0;
    return this.#hand(partial, 0, whole) ? end : -1;
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    this.#partial ??= Buffer.allocUnsafeSlow(FRAME_HEADER + MAX_FRAME);
    this.#have += chunk.copy(this.#partial, this.#have, start, end);
  }

  #hand(bytes: Buffer, at: number, end: number): boolean {
    const id = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    return this.#take(bytes, bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, id, at + FRAME_HEADER, end);
  }
}

function lengthAt(bytes: Buffer, at: number): number {
  const length = bytes.readUIntBE(at, 3);
  if (length > MAX_FRAME) throw new Error(`a frame of ${length} bytes is over the limit of ${MAX_FRAME}`);
  return length;
}
