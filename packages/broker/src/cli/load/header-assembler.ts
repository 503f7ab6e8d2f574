import { END_HEADERS, MAX_HEADER_BLOCK, PADDED, PRIORITY } from './http2-frames.js';

/** Puts a header block together from HEADERS and CONTINUATION frames. Most come whole, and are not copied. */
export class HeaderAssembler {
  /** The stream whose block is incomplete; 0 when none is. */
  openStream = 0;
  /** The complete block, after `headers` or `continuation` returned true. */
  stream = 0;
  /** Flags of the HEADERS frame. */
  flags = 0;
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;

  #parts: Buffer[] = [];
  #partBytes = 0;

  headers(bytes: Buffer, flags: number, id: number, start: number, end: number): boolean {
    if (flags & PADDED) {
      end -= bytes[start] ?? 0;
      start += 1;
    }
    if (flags & PRIORITY) start += 5;
    if (end < start) throw new Error('padding is longer than its frame');
    this.stream = id;
    this.flags = flags;
    if ((flags & END_HEADERS) === 0) return this.#keep(bytes, start, end);
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    return true;
  }

  continuation(bytes: Buffer, flags: number, id: number, start: number, end: number): boolean {
    if (this.openStream === 0 || id !== this.openStream) throw new Error('CONTINUATION without HEADERS');
    this.#keep(bytes, start, end);
    if ((flags & END_HEADERS) === 0) return false;
    this.bytes = Buffer.concat(this.#parts);
    this.start = 0;
    this.end = this.bytes.length;
    this.openStream = 0;
    this.#parts = [];
    this.#partBytes = 0;
    return true;
  }

  #keep(bytes: Buffer, start: number, end: number): boolean {
    this.openStream = this.stream;
    this.#partBytes += end - start;
    if (this.#partBytes > MAX_HEADER_BLOCK)
      throw new Error(`a header block is over ${MAX_HEADER_BLOCK} bytes`);
    this.#parts.push(Buffer.from(bytes.subarray(start, end)));
    return false;
  }
}
