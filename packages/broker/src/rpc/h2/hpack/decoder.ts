import { BlockCache } from './block-cache.js';
import { DynamicTable } from './dynamic-table.js';
import { HpackError } from './error.js';
import { HeaderBlock } from './header-block.js';
import { huffmanDecode, NOT_HUFFMAN } from './huffman.js';
import { STATIC_ENTRIES, STATIC_TABLE } from './static-table.js';
import { ENTRY_OVERHEAD_BYTES, type TableEntry } from './table-entry.js';

export interface HpackDecoderOptions {
  /** What our SETTINGS_HEADER_TABLE_SIZE says, in bytes: the peer may not make its table larger. */
  readonly maxTableBytes: number;
  /** Greatest size of a header list by RFC 9113 §6.5.2, in bytes. */
  readonly maxListBytes: number;
  /** Greatest number of fields in a header list. */
  readonly maxFields: number;
}

/** The table's size before SETTINGS say otherwise (RFC 9113 §6.5.2). */
const DEFAULT_TABLE_BYTES = 4_096;
/** The smallest that the size was, and what it is (RFC 7541 §4.2). */
const MAX_SIZE_UPDATES = 2;
/** An integer has at most this many bytes beside its prefix, and stays below 2^31 + 2^8 (RFC 7541 §5.1, §7.4). */
const MAX_INTEGER_BYTES = 5;
const LAST_INTEGER_BYTE = 0x07;
const SHORT_STRING_BYTES = 9;
/** Between two blocks. */
const NO_TEXTS: string[] = [];

/** Where strings are put together. Nothing of it outlives the call that filled it, so all decoders share it. */
const SCRATCH = Buffer.allocUnsafeSlow(4_096);

/**
 * Decodes the header blocks of one connection (RFC 7541 §3). Every block must come here, in order, also those of streams that nobody
 * wants any more: each may change the dynamic table. After an HpackError the decoder is of no further use.
 */
export class HpackDecoder {
  readonly #table = new DynamicTable(DEFAULT_TABLE_BYTES);
  /** Made for the first block that can be kept: one that only opened a subscription has none. */
  #cache: BlockCache | undefined = undefined;
  readonly #maxTableBytes: number;
  readonly #maxListBytes: number;
  readonly #maxFields: number;
  /** No string that is longer than this is wanted by a list or by the table. */
  readonly #maxStringBytes: number;
  #acknowledged = false;
  /** The next block has to begin with a size update. */
  #updateDue = false;

  // While a block is decoded: where it is read, and what has come of it.
  #at = 0;
  #names = NO_TEXTS;
  #values = NO_TEXTS;
  #size = 0;
  #over = false;
  #textBytes = 0;

  constructor(options: HpackDecoderOptions) {
    this.#maxTableBytes = options.maxTableBytes;
    this.#maxListBytes = options.maxListBytes;
    this.#maxFields = options.maxFields;
    this.#maxStringBytes = Math.max(options.maxListBytes, options.maxTableBytes, DEFAULT_TABLE_BYTES);
  }

  /**
   * The peer has acknowledged our SETTINGS: from now on its table must not be larger than they say, and if it is, the next block has
   * to make it smaller (RFC 7541 §4.2). Need not be called when `maxTableBytes` is 4,096 or more.
   */
  settingsAcknowledged(): void {
    this.#acknowledged = true;
    this.#updateDue = this.#table.maxSize > this.#maxTableBytes;
    if (this.#updateDue) this.#cache?.clear();
  }

  /** Decodes one complete header block. Throws HpackError (a connection error COMPRESSION_ERROR). */
  decode(bytes: Uint8Array, start: number, end: number): HeaderBlock {
    const known = this.#cache?.find(bytes, start, end);
    if (known !== undefined) return known;
    this.#at = start;
    this.#size = 0;
    this.#over = false;
    this.#names = [];
    this.#values = [];
    const changed = this.#fields(bytes, end);
    const block = new HeaderBlock(this.#names, this.#values, this.#size, this.#over);
    this.#names = NO_TEXTS;
    this.#values = NO_TEXTS;
    if (!changed) {
      this.#cache ??= new BlockCache();
      this.#cache.add(bytes, start, end, block);
    }
    return block;
  }

  /** Everything in a block (RFC 7541 §6). Returns whether the dynamic table was touched. */
  #fields(bytes: Uint8Array, end: number): boolean {
    let changed = this.#sizeUpdates(bytes, end);
    while (this.#at < end) {
      const first = bytes[this.#at++] ?? 0;
      if (first >= 0x80) {
        const entry = this.#entry(this.#integer(bytes, end, first & 0x7f, 0x7f));
        this.#field(entry.name, entry.value, entry.size);
      } else if (first >= 0x40) {
        this.#literal(bytes, end, this.#integer(bytes, end, first & 0x3f, 0x3f), true);
        changed = true;
      } else if (first >= 0x20) {
        throw new HpackError(
          'a table size update that is not at the start of its header block (RFC 7541 §4.2)',
        );
      } else {
        this.#literal(bytes, end, this.#integer(bytes, end, first & 0x0f, 0x0f), false);
      }
    }
    return changed;
  }

  /** Table size updates (§6.3), which come first in a block or not at all. */
  #sizeUpdates(bytes: Uint8Array, end: number): boolean {
    let updates = 0;
    while (this.#at < end) {
      const first = bytes[this.#at] ?? 0;
      if (first < 0x20 || first >= 0x40) break;
      this.#at++;
      const size = this.#integer(bytes, end, first & 0x1f, 0x1f);
      const limit = this.#acknowledged
        ? this.#maxTableBytes
        : Math.max(this.#maxTableBytes, DEFAULT_TABLE_BYTES);
      if (size > limit) {
        throw new HpackError(`a table size update to ${size} bytes, of at most ${limit} (RFC 7541 §6.3)`);
      }
      if (++updates > MAX_SIZE_UPDATES) {
        throw new HpackError('more than two table size updates in one header block (RFC 7541 §4.2)');
      }
      this.#cache?.clear();
      this.#table.resize(size);
      this.#updateDue = false;
    }
    if (this.#updateDue) {
      throw new HpackError('a header block without the table size update that is due (RFC 7541 §4.2)');
    }
    return updates > 0;
  }

  /** A literal field (§6.2), with or without entering it into the table. */
  #literal(bytes: Uint8Array, end: number, nameIndex: number, enters: boolean): void {
    let name: string;
    let nameBytes: number;
    if (nameIndex === 0) {
      name = this.#text(bytes, end, enters);
      nameBytes = this.#textBytes;
    } else {
      name = this.#entry(nameIndex).name;
      nameBytes = name.length;
    }
    const value = this.#text(bytes, end, enters);
    const size = nameBytes + this.#textBytes + ENTRY_OVERHEAD_BYTES;
    if (enters) {
      this.#cache?.clear();
      if (size > this.#table.maxSize) this.#table.clear();
      else this.#table.add(name, value);
    }
    this.#field(name, value, size);
  }

  #field(name: string, value: string, size: number): void {
    this.#size += size;
    if (this.#size > this.#maxListBytes || this.#names.length >= this.#maxFields) {
      this.#over = true;
      return;
    }
    this.#names.push(name);
    this.#values.push(value);
  }

  /** The entry of an index (§2.3.3). */
  #entry(index: number): TableEntry {
    const entry =
      index <= STATIC_ENTRIES ? STATIC_TABLE[index - 1] : this.#table.at(index - STATIC_ENTRIES - 1);
    if (entry !== undefined) return entry;
    throw new HpackError(
      `index ${index} of a table of ${STATIC_ENTRIES + this.#table.count} entries (RFC 7541 §2.3.3)`,
    );
  }

  /** An integer (§5.1) whose prefix has been read: `prefix` of at most `full`. */
  #integer(bytes: Uint8Array, end: number, prefix: number, full: number): number {
    if (prefix < full) return prefix;
    let value = full;
    let factor = 1;
    for (let count = 1; ; count++) {
      if (this.#at >= end) throw new HpackError('a header block that ends within an integer (RFC 7541 §5.1)');
      const byte = bytes[this.#at++] ?? 0;
      if (count === MAX_INTEGER_BYTES && byte > LAST_INTEGER_BYTE) {
        throw new HpackError('an integer that is too large or too long (RFC 7541 §5.1)');
      }
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 0x80;
    }
  }

  /**
   * A string (§5.2); how many bytes it has is in #textBytes. It is empty when it is so long, or the list so far over its limit, that it
   * is not wanted, unless it `enters` the table; that it is well-formed is checked all the same.
   */
  #text(bytes: Uint8Array, end: number, enters: boolean): string {
    if (this.#at >= end) throw new HpackError('a header block that ends before a string (RFC 7541 §5.2)');
    const first = bytes[this.#at++] ?? 0;
    const length = this.#integer(bytes, end, first & 0x7f, 0x7f);
    const from = this.#at;
    if (length > end - from) {
      throw new HpackError(`a string of ${length} bytes where ${end - from} are left (RFC 7541 §5.2)`);
    }
    this.#at = from + length;
    const wanted = enters || !this.#over;
    if (first >= 0x80) return this.#huffman(bytes, from, this.#at, wanted);
    this.#textBytes = length;
    return wanted && length <= this.#maxStringBytes ? latin1(bytes, from, this.#at) : '';
  }

  #huffman(bytes: Uint8Array, from: number, to: number, wanted: boolean): string {
    // The shortest code has five bits.
    const most = Math.min(Math.floor(((to - from) * 8) / 5), this.#maxStringBytes);
    const target = wanted && most > SCRATCH.length ? Buffer.allocUnsafeSlow(most) : SCRATCH;
    const length = huffmanDecode(bytes, from, to, target);
    if (length === NOT_HUFFMAN) {
      throw new HpackError(
        'a string with the symbol EOS or wrong padding in its Huffman code (RFC 7541 §5.2)',
      );
    }
    this.#textBytes = length;
    return wanted && length <= target.length ? latin1(target, 0, length) : '';
  }
}

/** The bytes as characters. Short strings, such as timeouts and counts, come faster without a call into native code. */
function latin1(bytes: Uint8Array, from: number, to: number): string {
  if (to - from <= SHORT_STRING_BYTES) {
    let text = '';
    for (let at = from; at < to; at++) text += String.fromCharCode(bytes[at] ?? 0);
    return text;
  }
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString('latin1', from, to);
}
