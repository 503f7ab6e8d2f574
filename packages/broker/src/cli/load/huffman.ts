import { CODE_LENGTHS, EOS } from '../../rpc/h2/hpack/huffman-code.js';

const LONGEST = 30;

/** Decodes HPACK's Huffman strings (RFC 7541, appendix B: the code is canonical, so its lengths are all it takes); servers use them for status messages and header values. */
export class HuffmanDecoder {
  /** First code, and index of its symbol, for each code length. */
  #firstCode = new Float64Array(LONGEST + 2);
  #firstIndex = new Uint16Array(LONGEST + 2);
  #countOf = new Uint16Array(LONGEST + 2);
  #symbols: Uint8Array;

  constructor() {
    const ordered = Array.from(CODE_LENGTHS.subarray(0, EOS), (length, symbol) => ({ length, symbol })).sort(
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
