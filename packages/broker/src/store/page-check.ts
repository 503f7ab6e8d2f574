import {
  BRANCH_PAGE,
  DATABASE_BYTES,
  HEADER_BYTES,
  IS_DATABASE,
  LEAF_PAGE,
  NODE_BYTES,
  ON_OVERFLOW_PAGES,
  OVERFLOW_PAGE,
  OVERFLOW_REFERENCE_BYTES,
  readNumber,
} from './page-format.js';

/** Pages that were read in one go, one after the other, and what is wrong with each. */
export class PageWindow {
  readonly bytes: Buffer;
  readonly #shorts: Uint16Array;
  readonly #words: Uint32Array;
  readonly #pageSize: number;
  readonly #room: number;
  /** Pages written by a later transaction than this are not of the state that is checked. */
  readonly #transaction: number;

  /** The values on overflow pages that the last {@link checkLeaf} found: first page, pages, bytes of the value; three by three. */
  readonly overflows: number[] = [];
  /** Keys are numbers of 8 bytes, and in the order of these. */
  integerKeys = false;
  /** The nodes that the last {@link checkLeaf} found, if it was asked for them: five by five. */
  readonly nodes: number[] = [];

  constructor(windowBytes: number, pageSize: number, transaction: number) {
    const memory = new ArrayBuffer(windowBytes);
    this.bytes = Buffer.from(memory);
    this.#shorts = new Uint16Array(memory);
    this.#words = new Uint32Array(memory);
    this.#pageSize = pageSize;
    this.#room = pageSize - HEADER_BYTES;
    this.#transaction = transaction;
  }

  /** The transaction that wrote the page at this offset. */
  writtenBy(at: number): number {
    return readNumber(this.bytes, at + 8);
  }

  /** The page's keys. */
  keysOf(at: number): number {
    return this.#short(at + 20) >> 1;
  }

  /** The child page of a branch page's key. */
  childOf(at: number, index: number): number {
    const node = this.#node(at, index);
    return this.#short(node) + this.#short(node + 2) * 0x1_0000 + this.#short(node + 4) * 2 ** 32;
  }

  checkBranch(at: number, page: number, leastKeys: number): string | undefined {
    const head = this.#checkHead(at, page, BRANCH_PAGE);
    if (head !== undefined) return head;
    const keys = this.keysOf(at);
    if (keys < leastKeys) return `a branch page with ${keys} keys`;
    const tiles = new Tiles(this.#short(at + 22), this.#room);
    for (let index = 0; index < keys; index++) {
      const offset = this.#short(at + HEADER_BYTES + 2 * index);
      if (!tiles.starts(offset)) return `node ${index} at ${offset}`;
      const keySize = this.#short(at + HEADER_BYTES + offset + 6);
      if (!tiles.takes(offset, NODE_BYTES + keySize) || (this.integerKeys && index > 0 && keySize !== 8))
        return `node ${index} with a key of ${keySize} bytes`;
      if (index > 1 && !this.#inOrder(this.#node(at, index - 1), this.#node(at, index))) {
        return `node ${index} is not in order`;
      }
    }
    return tiles.isWhole() ? undefined : 'its nodes do not fill it as they should';
  }

  /**
   * A leaf page. With `all` the places of its nodes are left in {@link nodes}: offset and size of the key, offset and size of the value,
   * flags.
   */
  checkLeaf(at: number, page: number, databases: boolean, all: boolean): string | undefined {
    this.overflows.length = 0;
    this.nodes.length = 0;
    const head = this.#checkHead(at, page, LEAF_PAGE);
    if (head !== undefined) return head;
    const shorts = this.#shorts;
    const base = (at + HEADER_BYTES) >> 1;
    const keys = this.keysOf(at);
    const upper = this.#short(at + 22);
    const room = this.#room;
    let bytes = 0;
    let squares = 0;
    for (let index = 0; index < keys; index++) {
      const offset = shorts[base + index] ?? 0;
      if ((offset & 1) !== 0 || offset < upper || offset + NODE_BYTES > room)
        return `node ${index} at ${offset}`;
      const node = base + (offset >> 1);
      const size = (shorts[node] ?? 0) + (shorts[node + 1] ?? 0) * 0x1_0000;
      const flags = shorts[node + 2] ?? 0;
      const keySize = shorts[node + 3] ?? 0;
      const inline = flags === ON_OVERFLOW_PAGES ? OVERFLOW_REFERENCE_BYTES : size;
      let end = offset + NODE_BYTES + keySize + inline;
      end += end & 1;
      if (keySize === 0 || end > room)
        return `node ${index} with a key of ${keySize} and a value of ${size} bytes`;
      bytes += end - offset;
      squares += end * end - offset * offset;
      if (flags !== 0) {
        const known =
          flags === ON_OVERFLOW_PAGES || (databases && flags === IS_DATABASE && size === DATABASE_BYTES);
        if (!known) return `node ${index} with flags 0x${flags.toString(16)}`;
        if (flags === ON_OVERFLOW_PAGES) {
          const reference = 2 * node + NODE_BYTES + keySize;
          this.overflows.push(
            readNumber(this.bytes, reference),
            readNumber(this.bytes, reference + 16),
            size,
          );
        }
      }
      if (index > 0 && !this.#inOrder(this.#node(at, index - 1), 2 * node))
        return `node ${index} is not in order`;
      if (all) {
        const key = 2 * node + NODE_BYTES;
        this.nodes.push(key, keySize, key + keySize, size, flags);
      }
    }
    // The nodes cover what lies above the free space without a gap and without sharing a byte.
    return bytes === room - upper && squares === room * room - upper * upper
      ? undefined
      : 'its nodes do not fill it as they should';
  }

  /** The first page of a run. */
  checkOverflow(at: number, page: number, pages: number): string | undefined {
    const wrong = this.#checkPlace(at, page, OVERFLOW_PAGE);
    if (wrong !== undefined) return wrong;
    const said = this.#words[(at + 20) >> 2] ?? 0;
    return said === pages ? undefined : `a run of ${said} pages, but its record says ${pages}`;
  }

  #checkHead(at: number, page: number, kind: number): string | undefined {
    const wrong = this.#checkPlace(at, page, kind);
    if (wrong !== undefined) return wrong;
    const lower = this.#short(at + 20);
    const upper = this.#short(at + 22);
    return (lower & 1) !== 0 || (upper & 1) !== 0 || lower > upper || upper > this.#room
      ? `bounds ${lower} and ${upper} in a page of ${this.#pageSize} bytes`
      : undefined;
  }

  #checkPlace(at: number, page: number, kind: number): string | undefined {
    const number = readNumber(this.bytes, at);
    if (number !== page) return `it bears the number ${number}`;
    const flags = this.#short(at + 18);
    if (flags !== kind) return `flags 0x${flags.toString(16)} where ${kind} is expected`;
    const by = this.writtenBy(at);
    return by > this.#transaction ? `written by transaction ${by}, after the last one` : undefined;
  }

  /** Whether one node's key is below the next one's: byte by byte, or as a number. */
  #inOrder(before: number, after: number): boolean {
    const bytes = this.bytes;
    if (this.integerKeys)
      return readNumber(bytes, before + NODE_BYTES) < readNumber(bytes, after + NODE_BYTES);
    const first = this.#short(before + 6);
    const second = this.#short(after + 6);
    const common = Math.min(first, second);
    for (let i = NODE_BYTES; i < NODE_BYTES + common; i++) {
      const difference = (bytes[after + i] ?? 0) - (bytes[before + i] ?? 0);
      if (difference !== 0) return difference > 0;
    }
    return first < second;
  }

  #node(at: number, index: number): number {
    return at + HEADER_BYTES + this.#short(at + HEADER_BYTES + 2 * index);
  }

  #short(at: number): number {
    return this.#shorts[at >> 1] ?? 0;
  }
}

/** Whether pieces cover a stretch without a gap and without sharing a byte: sums of lengths and of squares of their ends must fit. */
class Tiles {
  readonly #from: number;
  readonly #to: number;
  #bytes = 0;
  #squares = 0;

  constructor(from: number, to: number) {
    this.#from = from;
    this.#to = to;
  }

  starts(offset: number): boolean {
    return (offset & 1) === 0 && offset >= this.#from && offset + NODE_BYTES <= this.#to;
  }

  takes(offset: number, size: number): boolean {
    const end = offset + size + (size & 1);
    this.#bytes += end - offset;
    this.#squares += end * end - offset * offset;
    return end <= this.#to;
  }

  isWhole(): boolean {
    return (
      this.#bytes === this.#to - this.#from && this.#squares === this.#to * this.#to - this.#from * this.#from
    );
  }
}
