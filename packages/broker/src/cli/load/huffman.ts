/** Code lengths of RFC 7541, appendix B, for the symbols 0 to 255. The code is canonical, so lengths are all it takes. */
// biome-ignore format: sixteen symbols a line, as in the RFC
const CODE_LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];
const LONGEST = 30;

/** Decodes HPACK's Huffman strings; servers use them for status messages and header values. */
export class HuffmanDecoder {
  /** First code, and index of its symbol, for each code length. */
  #firstCode = new Float64Array(LONGEST + 2);
  #firstIndex = new Uint16Array(LONGEST + 2);
  #countOf = new Uint16Array(LONGEST + 2);
  #symbols: Uint8Array;

  constructor() {
    const ordered = CODE_LENGTHS.map((length, symbol) => ({ length, symbol })).sort(
      (a, b) => a.length - b.length || a.symbol - b.symbol,
    );
    this.#symbols = Uint8Array.from(ordered, (entry) => entry.symbol);
    for (const entry of ordered) this.#countOf[entry.length] = (this.#countOf[entry.length] ?? 0) + 1;
    let code = 0;
    let index = 0;
    for (let length = 1; length <= LONGEST; length++) {
      this.#firstCode[length] = code;
      this.#firstIndex[length] = index;
      code = (code + (this.#countOf[length] ?? 0)) * 2;
      index += this.#countOf[length] ?? 0;
    }
  }

  /** Returns the text, or undefined when the bits are no valid string. */
  decode(bytes: Buffer, start: number, end: number): string | undefined {
    const out: number[] = [];
    let code = 0;
    let length = 0;
    for (let position = start; position < end; position++) {
      const byte = bytes[position] ?? 0;
      for (let bit = 7; bit >= 0; bit--) {
        code = code * 2 + ((byte >> bit) & 1);
        length += 1;
        if (length > LONGEST) return undefined;
        const offset = code - (this.#firstCode[length] ?? 0);
        if (offset >= 0 && offset < (this.#countOf[length] ?? 0)) {
          out.push(this.#symbols[(this.#firstIndex[length] ?? 0) + offset] ?? 0);
          code = 0;
          length = 0;
        }
      }
    }
    // What is left must be padding: fewer than eight bits, all ones.
    if (length > 7 || code !== 2 ** length - 1) return undefined;
    return Buffer.from(out).toString('latin1');
  }
}
