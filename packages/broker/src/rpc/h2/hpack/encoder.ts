import { DynamicTable } from './dynamic-table.js';
import { huffmanEncode, huffmanLength } from './huffman.js';
import { STATIC_ENTRIES, STATIC_NAMES } from './static-table.js';
import { ENTRY_OVERHEAD_BYTES } from './table-entry.js';

/** A field of a header block that goes out. */
export interface FieldToSend {
  /** Lower case. */
  readonly name: string;
  /** One character per byte (latin1). */
  readonly value: string;
  /** Enter it into the dynamic table: for what comes again in many blocks. */
  readonly remember?: boolean;
  /** Never indexed, here or by anybody who forwards it (RFC 7541 §7.1.3): for secrets. Goes before `remember`. */
  readonly sensitive?: boolean;
}

/** The table's size before SETTINGS say otherwise (RFC 9113 §6.5.2). */
const DEFAULT_TABLE_BYTES = 4_096;
/** Of an integer of up to 32 bits, its prefix included. */
const MAX_INTEGER_BYTES = 6;
const BEYOND_LATIN1 = /[^\0-\xff]/g;
const NOTHING = Buffer.alloc(0);

/**
 * Encodes the header blocks of one connection (RFC 7541 §3), each of which must then be sent, in order: the peer's dynamic table
 * follows ours.
 */
export class HpackEncoder {
  readonly #table = new DynamicTable(DEFAULT_TABLE_BYTES);
  readonly #maxTableBytes: number;
  #peerTableBytes = DEFAULT_TABLE_BYTES;
  /** The smallest size that the table had to have since the last block; undefined: no size update is due. */
  #smallest: number | undefined = undefined;
  #generation = 0;
  // While a block is encoded.
  #target = NOTHING;
  #at = 0;

  /** `maxTableBytes`: how large the table may become, whatever more the peer allows. */
  constructor(maxTableBytes: number) {
    this.#maxTableBytes = maxTableBytes;
    if (maxTableBytes < DEFAULT_TABLE_BYTES) this.#resize(maxTableBytes);
  }

  /**
   * The peer's SETTINGS_HEADER_TABLE_SIZE. Where that changes the size of our table, or makes the peer's limit lower, the next block
   * begins with a size update: the smallest size since the last block and the one that holds (RFC 7541 §4.2, RFC 9113 §4.3.1).
   */
  setPeerTableBytes(bytes: number): void {
    const lower = bytes < this.#peerTableBytes;
    this.#peerTableBytes = bytes;
    const size = Math.min(bytes, this.#maxTableBytes);
    if (lower || size !== this.#table.maxSize) this.#resize(size);
  }

  /**
   * Changes whenever the dynamic table or a due size update changes: a block encoded earlier may be sent again only while this is the
   * same and the block itself changed nothing.
   */
  get generation(): number {
    return this.#generation;
  }

  /** Encodes one header block. A character beyond latin1 goes out as `?`, never as the byte that it ends in. */
  encode(fields: readonly FieldToSend[]): Buffer {
    let room = 2 * MAX_INTEGER_BYTES;
    for (const { name, value } of fields) room += name.length + value.length + 3 * MAX_INTEGER_BYTES;
    const target = Buffer.allocUnsafe(room);
    this.#target = target;
    this.#at = 0;
    this.#sizeUpdates();
    for (const field of fields) this.#field(field);
    this.#target = NOTHING;
    return target.subarray(0, this.#at);
  }

  #resize(size: number): void {
    this.#smallest = Math.min(size, this.#smallest ?? size);
    this.#table.resize(size);
    this.#generation++;
  }

  #sizeUpdates(): void {
    if (this.#smallest === undefined) return;
    const size = this.#table.maxSize;
    if (this.#smallest < size) this.#integer(0x20, 0x1f, this.#smallest);
    this.#integer(0x20, 0x1f, size);
    this.#smallest = undefined;
    this.#generation++;
  }

  #field(field: FieldToSend): void {
    const name = latin1(field.name);
    const value = latin1(field.value);
    const sensitive = field.sensitive === true;
    const index = sensitive ? 0 : this.#indexOf(name, value);
    if (index > 0) {
      this.#integer(0x80, 0x7f, index);
      return;
    }
    const nameIndex = this.#indexOfName(name);
    const size = name.length + value.length + ENTRY_OVERHEAD_BYTES;
    const remember = !sensitive && field.remember === true && size <= this.#table.maxSize;
    if (remember) this.#integer(0x40, 0x3f, nameIndex);
    else this.#integer(sensitive ? 0x10 : 0, 0x0f, nameIndex);
    if (nameIndex === 0) this.#text(name);
    this.#text(value);
    if (!remember) return;
    this.#table.add(name, value);
    this.#generation++;
  }

  /** Index of the whole field in one of the tables; 0: in none. */
  #indexOf(name: string, value: string): number {
    const known = STATIC_NAMES.get(name)?.values.get(value);
    if (known !== undefined) return known;
    for (let position = 0; position < this.#table.count; position++) {
      const entry = this.#table.at(position);
      if (entry?.name === name && entry.value === value) return STATIC_ENTRIES + 1 + position;
    }
    return 0;
  }

  #indexOfName(name: string): number {
    const known = STATIC_NAMES.get(name)?.index;
    if (known !== undefined) return known;
    for (let position = 0; position < this.#table.count; position++) {
      if (this.#table.at(position)?.name === name) return STATIC_ENTRIES + 1 + position;
    }
    return 0;
  }

  /** An integer (§5.1) after the bits of `pattern`; `full` is the greatest value of its prefix. */
  #integer(pattern: number, full: number, value: number): void {
    if (value < full) {
      this.#target[this.#at++] = pattern | value;
      return;
    }
    this.#target[this.#at++] = pattern | full;
    let rest = value - full;
    while (rest >= 0x80) {
      this.#target[this.#at++] = 0x80 | (rest & 0x7f);
      rest >>>= 7;
    }
    this.#target[this.#at++] = rest;
  }

  /** A string (§5.2), Huffman-coded where that is shorter. */
  #text(text: string): void {
    const coded = huffmanLength(text);
    if (coded < text.length) {
      this.#integer(0x80, 0x7f, coded);
      this.#at = huffmanEncode(text, this.#target, this.#at);
      return;
    }
    this.#integer(0, 0x7f, text.length);
    this.#at += this.#target.write(text, this.#at, 'latin1');
  }
}

function latin1(text: string): string {
  return text.replace(BEYOND_LATIN1, '?');
}
