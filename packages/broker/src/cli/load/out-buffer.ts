import type { Duplex } from 'node:stream';

const BUFFER_BYTES = 256 * 1024;
const KEPT_BUFFERS = 4;

/** Collects everything that a connection sends in one turn into one socket write, in buffers that are used again. */
export class OutBuffer {
  #socket: Duplex;
  #current: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #used = 0;
  #spare: Buffer[] = [];
  /** Bytes handed to the socket. */
  written = 0;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  /** Bytes that the socket has not taken yet. */
  get waiting(): number {
    return this.#socket.writableLength + this.#used;
  }

  /** A place for `bytes` bytes (at most 256 KiB); write there, at `offset` of `buffer`, before the next call. */
  reserve(bytes: number): number {
    if (this.#used + bytes > BUFFER_BYTES) this.flush();
    const offset = this.#used;
    this.#used += bytes;
    return offset;
  }

  get buffer(): Buffer {
    return this.#current;
  }

  flush(): void {
    if (this.#used === 0) return;
    const full = this.#current;
    const bytes = this.#used;
    this.#used = 0;
    this.written += bytes;
    this.#current = this.#spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.write(full.subarray(0, bytes), () => {
      if (this.#spare.length < KEPT_BUFFERS) this.#spare.push(full);
    });
  }
}
