/** At least four bytes that are looked for again and again. */
export class KnownBytes {
  readonly length: number;
  /** The bytes in words of four; the last word overlaps the one before when the length is no multiple of four. */
  readonly #words: Int32Array;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.length = end - start;
    this.#words = new Int32Array((this.length + 3) >> 2);
    const last = this.#words.length - 1;
    for (let index = 0; index < last; index++) this.#words[index] = wordAt(bytes, start + index * 4);
    this.#words[last] = wordAt(bytes, end - 4);
  }

  /** Whether they stand at `start` and fill the length, which must lie within `bytes`. */
  fill(bytes: Uint8Array, start: number, length: number): boolean {
    if (length !== this.length) return false;
    const words = this.#words;
    const last = words.length - 1;
    if (wordAt(bytes, start + length - 4) !== words[last]) return false;
    for (let index = 0, at = start; index < last; index++, at += 4) {
      if (wordAt(bytes, at) !== words[index]) return false;
    }
    return true;
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}
