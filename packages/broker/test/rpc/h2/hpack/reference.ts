import { CODE_LENGTHS, CODES } from '../../../../src/rpc/h2/hpack/huffman-code.js';
import { STATIC_TABLE } from '../../../../src/rpc/h2/hpack/static-table.js';
import type { Field } from './support.js';

/**
 * HPACK as plainly as it can be written: a list for the table, a text of ones and zeros for the Huffman code, no cache and no limits.
 * It has the tables of RFC 7541 in common with what it checks, and nothing else. Throws a RangeError for a block that is wrong.
 */
export class ReferenceDecoder {
  readonly limit: number;
  table: Field[] = [];
  size = 4_096;

  constructor(limit = 4_096) {
    this.limit = limit;
  }

  decode(block: Buffer): Field[] {
    const reader = new Reader(block);
    const list: Field[] = [];
    let updates = 0;
    while (reader.at < block.length) {
      const first = reader.peek();
      if (first >= 0x80) {
        list.push(this.#entry(reader.integer(7)));
      } else if (first >= 0x40) {
        const field = this.#literal(reader, 6);
        list.push(field);
        this.table.unshift(field);
        this.#evict();
      } else if (first >= 0x20) {
        this.size = reader.integer(5);
        if (list.length > 0 || this.size > this.limit || ++updates > 2) throw new RangeError('size update');
        this.#evict();
      } else {
        list.push(this.#literal(reader, 4));
      }
    }
    return list;
  }

  #literal(reader: Reader, prefixBits: number): Field {
    const index = reader.integer(prefixBits);
    const name = index === 0 ? reader.string() : this.#entry(index)[0];
    return [name, reader.string()];
  }

  #entry(index: number): Field {
    const fixed = STATIC_TABLE[index - 1];
    const entry = fixed === undefined ? this.table[index - 62] : ([fixed.name, fixed.value] satisfies Field);
    if (entry === undefined) throw new RangeError('index');
    return entry;
  }

  #evict(): void {
    let bytes = 0;
    const fitting = this.table.findIndex(([name, value]) => {
      bytes += name.length + value.length + 32;
      return bytes > this.size;
    });
    if (fitting !== -1) this.table.length = fitting;
  }
}

const SYMBOLS = new Map(
  [...CODES].map((code, symbol) => [code.toString(2).padStart(CODE_LENGTHS[symbol] ?? 0, '0'), symbol]),
);

class Reader {
  readonly block: Buffer;
  at = 0;

  constructor(block: Buffer) {
    this.block = block;
  }

  peek(): number {
    const byte = this.block[this.at];
    if (byte === undefined) throw new RangeError('end');
    return byte;
  }

  integer(prefixBits: number): number {
    const full = 2 ** prefixBits - 1;
    let value = this.peek() & full;
    this.at++;
    if (value < full) return value;
    for (let shift = 0; ; shift += 7) {
      const byte = this.peek();
      this.at++;
      if (shift > 28) throw new RangeError('integer');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  string(): string {
    const coded = this.peek() >= 0x80;
    const length = this.integer(7);
    const bytes = this.block.subarray(this.at, this.at + length);
    if (bytes.length < length) throw new RangeError('string');
    this.at += length;
    return coded ? unHuffman(bytes) : bytes.toString('latin1');
  }
}

function unHuffman(bytes: Buffer): string {
  let text = '';
  let code = '';
  for (const byte of bytes) {
    for (const bit of byte.toString(2).padStart(8, '0')) {
      code += bit;
      const symbol = SYMBOLS.get(code);
      if (symbol === undefined) continue;
      if (symbol === 256) throw new RangeError('EOS');
      text += String.fromCharCode(symbol);
      code = '';
    }
  }
  if (code.length > 7 || code.includes('0')) throw new RangeError('padding');
  return text;
}
