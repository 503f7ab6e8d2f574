import { PageWindow } from './page-check.js';
import {
  type Damage,
  HEADER_BYTES,
  IS_DATABASE,
  type Meta,
  ON_OVERFLOW_PAGES,
  readNumber,
  readTree,
  type Tree,
  wrongInTree,
} from './page-format.js';

/** What the walk asks its driver to read; the answer is how many bytes there were. */
export interface ReadRequest {
  readonly into: Buffer;
  readonly position: number;
}
export type Walk = Generator<ReadRequest, void, number>;

/** Ends a walk at the first damage. */
export class DamageFound extends Error {
  readonly damage: Damage;

  constructor(damage: Damage) {
    super(damage.what);
    this.damage = damage;
  }
}

/** Leaves are read so many bytes at once: a fraction of a millisecond to look through. */
const WINDOW_BYTES = 262_144;

const UNSEEN = 0;
const FREE = 1;
const BRANCH = 2;
const LEAF_DONE = 3;
const OVERFLOW = 4;
/** A leaf of tree i that is still to be read has the mark FIRST_LEAF + i. */
const FIRST_LEAF = 8;
const MAX_TREES = 240;
/** Leaves that are no further apart are read in one go. */
const JOINED_GAP = 16;
/** Overflow runs whose first pages are still to be read, before they are read in the order of the file. */
const MAX_PENDING = 8_192;

/**
 * Goes through the pages of one committed state: {@link trunk} through all that leads to the leaves of the databases, {@link leaves} through
 * these. It reads nothing itself: it yields what it wants to have read.
 */
export class FileWalk {
  readonly meta: Meta;
  /** The file is being written meanwhile: pages of later transactions are not of this state, and are passed over. */
  live = false;
  /** Called for damage in the leaves; by default it ends the walk. */
  onDamage: (damage: Damage) => void = (damage) => {
    throw new DamageFound(damage);
  };
  readonly #pagesThere: number;
  readonly #marks: Uint8Array;
  readonly #single: PageWindow;
  readonly #window: PageWindow;
  readonly #windowPages: number;
  readonly #head: PageWindow;
  readonly #trees: { readonly name: string; readonly tree: Tree; found: number }[] = [];
  /** Free pages beyond the end of the file: from, to (exclusive). */
  readonly #freeBeyond: [number, number][] = [];
  /** First page, pages, leaf: three by three. */
  #pending: number[] = [];

  constructor(meta: Meta, fileBytes: number) {
    this.meta = meta;
    this.#pagesThere = Math.floor(fileBytes / meta.pageSize);
    this.#marks = new Uint8Array(Math.min(meta.lastPage + 1, this.#pagesThere));
    this.#windowPages = Math.max(1, Math.floor(WINDOW_BYTES / meta.pageSize));
    const window = (bytes: number) => new PageWindow(bytes, meta.pageSize, meta.transaction);
    this.#single = window(meta.pageSize);
    this.#window = window(this.#windowPages * meta.pageSize);
    this.#head = window(HEADER_BYTES);
  }

  /** The free pages, the list of databases, and the branch pages of every database. Throws {@link DamageFound}. */
  *trunk(): Walk {
    yield* this.#freePages();
    if (this.meta.lastPage >= this.#pagesThere) this.#checkEnd();
    const databases: { name: string; tree: Tree }[] = [];
    for (const page of yield* this.#branches('the list of databases', this.meta.main)) {
      yield* this.#databasesOf(page, databases);
    }
    for (const { name, tree } of databases) {
      const leaves = yield* this.#branches(name, tree);
      const mark = FIRST_LEAF + this.#trees.push({ name, tree, found: 0 }) - 1;
      for (const page of leaves) this.#marks[page] = mark;
    }
  }

  /** The leaves of the databases and what hangs on them; `trunk` goes before. */
  *leaves(): Walk {
    const marks = this.#marks;
    const size = this.meta.pageSize;
    for (let page = 2; page < marks.length; ) {
      if ((marks[page] ?? 0) < FIRST_LEAF) {
        page += 1;
        continue;
      }
      let end = page + 1;
      const most = Math.min(page + this.#windowPages, marks.length, this.#pagesThere);
      for (let next = end; next < most && next - end < JOINED_GAP; next++) {
        if ((marks[next] ?? 0) >= FIRST_LEAF) end = next + 1;
      }
      const read = yield {
        into: this.#window.bytes.subarray(0, (end - page) * size),
        position: page * size,
      };
      for (let next = page; next < end; next++) {
        if ((marks[next] ?? 0) < FIRST_LEAF) continue;
        const at = (next - page) * size;
        if (at + size > read) this.onDamage({ page: next, what: 'the file ends before it' });
        else this.#leaf(at, next, page, end);
      }
      if (this.#pending.length > 3 * MAX_PENDING) yield* this.#overflowHeads();
      page = end;
    }
    yield* this.#overflowHeads();
    if (!this.live) this.#checkEntries();
  }

  /** One leaf and what hangs on it, when this state has it: a second look at what was found. */
  *leaf(page: number): Walk {
    if ((this.#marks[page] ?? 0) < FIRST_LEAF) return;
    const size = this.meta.pageSize;
    yield { into: this.#window.bytes.subarray(0, size), position: page * size };
    this.#leaf(0, page, page, page + 1);
    yield* this.#overflowHeads();
  }

  #leaf(at: number, page: number, from: number, to: number): void {
    const window = this.#window;
    const tree = this.#trees[(this.#marks[page] ?? FIRST_LEAF) - FIRST_LEAF];
    this.#marks[page] = LEAF_DONE;
    if (this.live && window.writtenBy(at) > this.meta.transaction) return;
    const what = window.checkLeaf(at, page, false, false);
    const keys = window.keysOf(at);
    if (what !== undefined || keys === 0) {
      this.onDamage({ page, what: what ?? 'a leaf page without a key' });
      return;
    }
    if (tree !== undefined) tree.found += keys;
    const overflows = window.overflows;
    for (let i = 0; i < overflows.length; i += 3) {
      const [first = 0, pages = 0, bytes = 0] = [overflows[i], overflows[i + 1], overflows[i + 2]];
      const wrong = this.#wrongRun(first, pages, bytes) ?? this.#claim(first, pages, OVERFLOW);
      if (wrong !== undefined) this.onDamage({ page, what: `its value on overflow page ${first}: ${wrong}` });
      else if (first >= from && first < to) {
        this.#overflowHead(window, (first - from) * this.meta.pageSize, first, pages, page);
      } else this.#pending.push(first, pages, page);
    }
  }

  *#overflowHeads(): Walk {
    const pending = this.#pending;
    this.#pending = [];
    for (let i = 0; i < pending.length; i += 3) {
      const [first = 0, pages = 0, leaf = 0] = [pending[i], pending[i + 1], pending[i + 2]];
      const read = yield { into: this.#head.bytes, position: first * this.meta.pageSize };
      if (read < HEADER_BYTES) this.onDamage({ page: first, what: 'the file ends before it', via: leaf });
      else this.#overflowHead(this.#head, 0, first, pages, leaf);
    }
  }

  #overflowHead(window: PageWindow, at: number, page: number, pages: number, via: number): void {
    if (this.live && window.writtenBy(at) > this.meta.transaction) return;
    const what = window.checkOverflow(at, page, pages);
    if (what !== undefined) this.onDamage({ page, what, via });
  }

  /** Reads the list of free pages: a page that is listed and used would be overwritten. */
  *#freePages(): Walk {
    for (const page of yield* this.#branches('the list of free pages', this.meta.free)) {
      yield* this.#readPage(page);
      const window = this.#single;
      window.integerKeys = true;
      this.#mustBe(page, window.checkLeaf(0, page, false, true));
      window.integerKeys = false;
      for (let i = 0; i < window.nodes.length; i += 5) {
        const [key = 0, keySize = 0, value = 0, size = 0, flags = 0] = window.nodes.slice(i, i + 5);
        const by = keySize === 8 ? readNumber(window.bytes, key) : 0;
        if (by < 1 || by > this.meta.transaction) this.#mustBe(page, `an entry for transaction ${by}`);
        const list =
          flags === ON_OVERFLOW_PAGES
            ? yield* this.#readRun(page, value, size)
            : window.bytes.subarray(value, value + size);
        this.#mustBe(page, this.#freeList(list));
      }
    }
  }

  /** A count and so many page numbers; a negative one is the length of the run that begins at the next. */
  #freeList(list: Buffer): string | undefined {
    const count = list.length >= 8 ? readNumber(list, 0) : Number.POSITIVE_INFINITY;
    if (8 * (count + 1) > list.length) return `${count} free pages in ${list.length} bytes`;
    let run = 1;
    for (let i = 1; i <= count; i++) {
      const low = list.readUInt32LE(8 * i);
      const high = list.readInt32LE(8 * i + 4);
      const number = high * 2 ** 32 + low;
      if (number < 0) run = -number;
      else if (number > 0) {
        if (number < 2 || number + run - 1 > this.meta.lastPage)
          return `free pages from ${number}, ${run} of them`;
        const wrong = this.#free(number, number + run);
        if (wrong !== undefined) return wrong;
        run = 1;
      }
    }
    return undefined;
  }

  #free(from: number, to: number): string | undefined {
    const marks = this.#marks;
    for (let page = from; page < Math.min(to, marks.length); page++) {
      if (marks[page] !== UNSEEN && marks[page] !== FREE) return `page ${page} is in use, but listed as free`;
      marks[page] = FREE;
    }
    if (to > marks.length) this.#freeBeyond.push([Math.max(from, marks.length), to]);
    return undefined;
  }

  /** Pages that were free at once, before they were ever written, may be missing at the end of the file; nothing else may. */
  #checkEnd(): void {
    let end = this.#marks.length;
    for (const [from, to] of this.#freeBeyond.sort(([a], [b]) => a - b))
      if (from <= end) end = Math.max(end, to);
    if (end <= this.meta.lastPage)
      this.#mustBe(end, `the file ends before it; the last page is ${this.meta.lastPage}`);
  }

  *#databasesOf(page: number, databases: { name: string; tree: Tree }[]): Walk {
    yield* this.#readPage(page);
    const window = this.#single;
    this.#mustBe(page, window.checkLeaf(0, page, true, true));
    for (let i = 0; i < window.nodes.length; i += 5) {
      const [key = 0, keySize = 0, value = 0, size = 0, flags = 0] = window.nodes.slice(i, i + 5);
      const name = `database ${JSON.stringify(window.bytes.toString('latin1', key, key + keySize))}`;
      if (flags === ON_OVERFLOW_PAGES) yield* this.#readRun(page, value, size);
      if (flags !== IS_DATABASE) continue;
      const tree = readTree(window.bytes, value);
      const wrong = wrongInTree(tree, this.meta.lastPage, 0);
      if (wrong !== undefined) this.#mustBe(page, `${name}: ${wrong}`);
      if (databases.push({ name, tree }) > MAX_TREES) this.#mustBe(page, `more than ${MAX_TREES} databases`);
    }
  }

  /** Walks a tree's branch pages, level by level, and gives its leaves. */
  *#branches(name: string, tree: Tree): Generator<ReadRequest, number[], number> {
    if (tree.root === undefined) return [];
    let level = [tree.root];
    let branches = 0;
    this.#mustBe(tree.root, this.#claim(tree.root, 1, BRANCH), name);
    for (let depth = 1; depth < tree.depth; depth++) {
      const next: number[] = [];
      for (const page of level) {
        branches += 1;
        yield* this.#readPage(page);
        this.#single.integerKeys = tree === this.meta.free;
        this.#mustBe(page, this.#single.checkBranch(0, page, tree === this.meta.free ? 1 : 2), name);
        const keys = this.#single.keysOf(0);
        for (let index = 0; index < keys; index++) {
          const child = this.#single.childOf(0, index);
          const wrong = this.#claim(child, 1, BRANCH);
          if (wrong !== undefined) this.#mustBe(page, `node ${index} leads to page ${child}: ${wrong}`, name);
          next.push(child);
        }
      }
      level = next;
    }
    this.#single.integerKeys = false;
    if (branches !== tree.branchPages || level.length !== tree.leafPages) {
      const said = `${tree.branchPages} branch and ${tree.leafPages} leaf pages`;
      this.#mustBe(tree.root, `${said} are recorded, but there are ${branches} and ${level.length}`, name);
    }
    return level;
  }

  *#readPage(page: number): Walk {
    const size = this.meta.pageSize;
    const read = yield { into: this.#single.bytes, position: page * size };
    if (read < size) this.#mustBe(page, 'the file ends before it');
  }

  /** A value on overflow pages, whole. */
  *#readRun(page: number, reference: number, size: number): Generator<ReadRequest, Buffer, number> {
    const first = readNumber(this.#single.bytes, reference);
    const pages = readNumber(this.#single.bytes, reference + 16);
    const wrong = this.#wrongRun(first, pages, size) ?? this.#claim(first, pages, OVERFLOW);
    if (wrong !== undefined) this.#mustBe(page, `its value on overflow page ${first}: ${wrong}`);
    const bytes = pages * this.meta.pageSize;
    const window = new PageWindow(bytes, this.meta.pageSize, this.meta.transaction);
    const read = yield { into: window.bytes, position: first * this.meta.pageSize };
    if (read < HEADER_BYTES + size) this.#mustBe(first, 'the file ends before it');
    this.#mustBe(first, window.checkOverflow(0, first, pages));
    return window.bytes.subarray(HEADER_BYTES, HEADER_BYTES + size);
  }

  #wrongRun(first: number, pages: number, bytes: number): string | undefined {
    const least = Math.floor((HEADER_BYTES - 1 + bytes) / this.meta.pageSize) + 1;
    return pages < least ? `${bytes} bytes on ${pages} pages from page ${first}` : undefined;
  }

  /** Marks pages as used, once. */
  #claim(first: number, pages: number, mark: number): string | undefined {
    const end = first + pages;
    if (!(first >= 2 && end - 1 <= this.meta.lastPage)) {
      return `pages ${first} to ${end - 1} of a store that ends with page ${this.meta.lastPage}`;
    }
    if (end > this.#pagesThere) return `the file ends before page ${end - 1}`;
    for (let page = first; page < end; page++) {
      const now = this.#marks[page];
      if (now === FREE) return `page ${page} is in use, but listed as free`;
      if (now !== UNSEEN) return `page ${page} is in use twice`;
      this.#marks[page] = mark;
    }
    return undefined;
  }

  #checkEntries(): void {
    for (const { name, tree, found } of this.#trees) {
      if (found === tree.entries || tree.root === undefined) continue;
      this.onDamage({
        page: tree.root,
        what: `${name}: ${tree.entries} records are recorded, but there are ${found}`,
      });
    }
  }

  #mustBe(page: number, what: string | undefined, of?: string): void {
    if (what !== undefined) throw new DamageFound({ page, what: of === undefined ? what : `${of}: ${what}` });
  }
}
