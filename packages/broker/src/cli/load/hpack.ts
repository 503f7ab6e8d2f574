import { STATIC_TABLE as STATIC_ENTRIES } from '../../rpc/h2/hpack/static-table.js';
import { HuffmanDecoder } from './huffman.js';

/** RFC 7541, appendix A, names and values; index 0 is unused. */
const STATIC_TABLE: readonly (readonly [string, string])[] = [
  ['', ''],
  ...STATIC_ENTRIES.map(({ name, value }) => [name, value] as const),
];
const STATIC_COUNT = STATIC_TABLE.length;
/** The size that both sides start with, and that real gRPC clients leave alone. */
export const HEADER_TABLE_BYTES = 4096;
const ENTRY_OVERHEAD = 32;

/** Decodes the header blocks of one connection. Throws on a block that RFC 7541 does not allow. */
export class HpackDecoder {
  #huffman: HuffmanDecoder;
  /** Newest entry last, so that inserting is a push. */
  #entries: (readonly [string, string])[] = [];
  #bytes = 0;
  #limit = HEADER_TABLE_BYTES;
  #position = 0;

  constructor(huffman: HuffmanDecoder = new HuffmanDecoder()) {
    this.#huffman = huffman;
  }

  decode(block: Buffer, start: number, end: number, field: (name: string, value: string) => void): void {
    this.#position = start;
    while (this.#position < end) {
      const byte = block[this.#position] ?? 0;
      if (byte & 0x80) {
        const entry = this.#entry(this.#integer(block, end, 7));
        field(entry[0], entry[1]);
      } else if (byte & 0x40) {
        const entry = this.#literal(block, end, 6);
        this.#insert(entry);
        field(entry[0], entry[1]);
      } else if (byte & 0x20) {
        const limit = this.#integer(block, end, 5);
        if (limit > HEADER_TABLE_BYTES)
          throw new Error(`header table size ${limit} is over ${HEADER_TABLE_BYTES}`);
        this.#limit = limit;
        this.#evict();
      } else {
        const entry = this.#literal(block, end, 4);
        field(entry[0], entry[1]);
      }
    }
  }

  #literal(block: Buffer, end: number, prefix: number): readonly [string, string] {
    const index = this.#integer(block, end, prefix);
    const name = index === 0 ? this.#string(block, end) : this.#entry(index)[0];
    return [name, this.#string(block, end)];
  }

  #entry(index: number): readonly [string, string] {
    const entry =
      index < STATIC_COUNT
        ? STATIC_TABLE[index]
        : this.#entries[this.#entries.length - 1 - (index - STATIC_COUNT)];
    if (entry === undefined || index === 0) throw new Error(`header index ${index} names nothing`);
    return entry;
  }

  #integer(block: Buffer, end: number, prefix: number): number {
    const mask = (1 << prefix) - 1;
    let value = (block[this.#position++] ?? 0) & mask;
    if (value < mask) return value;
    for (let factor = 1; ; factor *= 128) {
      if (this.#position >= end || factor > 2 ** 28) throw new Error('a header integer is cut or too large');
      const byte = block[this.#position++] ?? 0;
      value += (byte & 0x7f) * factor;
      if ((byte & 0x80) === 0) return value;
    }
  }

  #string(block: Buffer, end: number): string {
    const huffman = ((block[this.#position] ?? 0) & 0x80) !== 0;
    const length = this.#integer(block, end, 7);
    const start = this.#position;
    if (start + length > end) throw new Error('a header string is cut');
    this.#position = start + length;
    if (!huffman) return block.toString('latin1', start, start + length);
    const text = this.#huffman.decode(block, start, start + length);
    if (text === undefined) throw new Error('a header string is no valid Huffman code');
    return text;
  }

  #insert(entry: readonly [string, string]): void {
    this.#entries.push(entry);
    this.#bytes += entry[0].length + entry[1].length + ENTRY_OVERHEAD;
    this.#evict();
  }

  #evict(): void {
    while (this.#bytes > this.#limit) {
      const oldest = this.#entries.shift();
      if (oldest === undefined) return;
      this.#bytes -= oldest[0].length + oldest[1].length + ENTRY_OVERHEAD;
    }
  }
}

/** One request's headers, encoded twice: the block that fills the peer's table, and the short one for every later request. */
export interface HeaderBlocks {
  readonly first: Buffer;
  readonly later: Buffer;
}

/**
 * Encodes a request's headers the way real clients do: the first block adds what is not in the static table to the
 * dynamic one, later blocks are indexes only. Both are valid only while nothing else is sent on the connection.
 */
export function encodeRequestHeaders(headers: readonly (readonly [string, string])[]): HeaderBlocks {
  const first: number[] = [];
  const later: number[] = [];
  const isStatic = (header: readonly [string, string]) =>
    STATIC_TABLE.findIndex((entry) => entry[0] === header[0] && entry[1] === header[1]);
  const added = headers.filter((header) => isStatic(header) < 0).length;
  let inserted = 0;
  for (const header of headers) {
    const index = isStatic(header);
    if (index > 0) {
      first.push(0x80 | index);
      later.push(0x80 | index);
      continue;
    }
    const nameIndex = STATIC_TABLE.findIndex((entry, at) => at > 0 && entry[0] === header[0]);
    pushInteger(first, 0x40, 6, Math.max(0, nameIndex));
    if (nameIndex < 0) pushString(first, header[0]);
    pushString(first, header[1]);
    inserted += 1;
    pushInteger(later, 0x80, 7, STATIC_COUNT + added - inserted);
  }
  return { first: Buffer.from(first), later: Buffer.from(later) };
}

/** The same headers for a server that keeps no table: plain literals, each time. */
export function encodeLiteralHeaders(headers: readonly (readonly [string, string])[]): HeaderBlocks {
  const block: number[] = [];
  for (const [name, value] of headers) {
    block.push(0);
    pushString(block, name);
    pushString(block, value);
  }
  // The first block also says that the table is empty from now on.
  return { first: Buffer.from([0x20, ...block]), later: Buffer.from(block) };
}

function pushInteger(out: number[], flags: number, prefix: number, value: number): void {
  const mask = (1 << prefix) - 1;
  if (value < mask) {
    out.push(flags | value);
    return;
  }
  out.push(flags | mask);
  let rest = value - mask;
  while (rest >= 128) {
    out.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  out.push(rest);
}

function pushString(out: number[], text: string): void {
  const bytes = Buffer.from(text, 'latin1');
  pushInteger(out, 0, 7, bytes.length);
  for (const byte of bytes) out.push(byte);
}
