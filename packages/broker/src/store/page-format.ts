/**
 * The layout of LMDB's `data.mdb` as the `lmdb` package 3.5 writes it on a 64-bit little-endian machine. A page starts with a header of 24
 * bytes: its number (8), the transaction that wrote it (8), a pad (2), flags (2), and two bounds of its free space (2 + 2) or, on the first
 * page of an overflow run, the run's length (4). Bounds and node offsets count from the header's end.
 */
export const HEADER_BYTES = 24;
export const NODE_BYTES = 8;
/** A named database's record, as the main database holds it. */
export const DATABASE_BYTES = 48;
/** What a node holds instead of a value that lies on pages of its own: first page, transaction, number of pages. */
export const OVERFLOW_REFERENCE_BYTES = 24;

export const BRANCH_PAGE = 0x01;
export const LEAF_PAGE = 0x02;
export const OVERFLOW_PAGE = 0x04;
const META_PAGE = 0x08;

export const ON_OVERFLOW_PAGES = 0x01;
export const IS_DATABASE = 0x02;

const MAGIC = 0xbeef_c0de;
const VERSION = 2;
const META_BYTES = HEADER_BYTES + 144;
const INTEGER_KEYS = 0x08;
/** Kinds of databases that a broker has none of (duplicates, reversed keys), syncs that overlap, encryption. */
const FOREIGN_FLAGS = 0x02 | 0x04 | 0x10 | 0x20 | 0x40 | 0x1000 | 0x2000;
/** No LMDB tree is deeper: its cursors end there. */
const MAX_DEPTH = 32;
/** What an address space of 47 bits holds. */
const MAX_MAP_BYTES = 2 ** 47;

/** A tree of pages: the free pages, the names of the databases, or a database. */
export interface Tree {
  readonly flags: number;
  /** Levels of pages; 0 when it is empty. */
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly entries: number;
  /** The page where it begins; undefined when it is empty. */
  readonly root: number | undefined;
}

/** What a meta page says: one of two, written in turns, each the start of a whole committed state. */
export interface Meta {
  readonly index: 0 | 1;
  readonly pageSize: number;
  readonly mapBytes: number;
  readonly free: Tree;
  readonly main: Tree;
  readonly lastPage: number;
  readonly transaction: number;
}

/** A page that is not as LMDB wrote it. */
export interface Damage {
  readonly page: number;
  /** What is wrong with it, to stand behind "page 7:". */
  readonly what: string;
  /** The page that led to it, where a second look must begin. */
  readonly via?: number | undefined;
}

/** An unsigned number of 8 bytes; what a double cannot hold exactly becomes Infinity, as no count in a file is so large. */
export function readNumber(bytes: Buffer, at: number): number {
  const high = bytes.readUInt32LE(at + 4);
  return high > 0x1f_ffff ? Number.POSITIVE_INFINITY : high * 2 ** 32 + bytes.readUInt32LE(at);
}

/** Reads the 48 bytes of a tree's record. */
export function readTree(bytes: Buffer, at: number): Tree {
  const root = readNumber(bytes, at + 40);
  const empty = bytes.readUInt32LE(at + 40) === 0xffff_ffff && bytes.readUInt32LE(at + 44) === 0xffff_ffff;
  return {
    flags: bytes.readUInt16LE(at + 4),
    depth: bytes.readUInt16LE(at + 6),
    branchPages: readNumber(bytes, at + 8),
    leafPages: readNumber(bytes, at + 16),
    entries: readNumber(bytes, at + 32),
    root: empty ? undefined : root,
  };
}

/** What is wrong with a tree's record in itself; undefined when nothing is. */
export function wrongInTree(tree: Tree, lastPage: number, flags: number): string | undefined {
  if ((tree.flags & (FOREIGN_FLAGS | INTEGER_KEYS)) !== flags) return `flags 0x${tree.flags.toString(16)}`;
  if (tree.depth > MAX_DEPTH) return `${tree.depth} levels`;
  const sums = tree.branchPages + tree.leafPages;
  if (sums > lastPage) return `${sums} pages in a file of ${lastPage + 1}`;
  if ((tree.root === undefined) !== (tree.depth === 0)) return `${tree.depth} levels, but root ${tree.root}`;
  if (tree.root === undefined) return sums + tree.entries === 0 ? undefined : 'no root, but content';
  if (tree.root < 2 || tree.root > lastPage) return `root page ${tree.root} of ${lastPage}`;
  return undefined;
}

/** The metas of a file's first bytes. */
export type Metas =
  | { readonly kind: 'blank' }
  | { readonly kind: 'used'; readonly meta: Meta }
  | { readonly kind: 'damaged'; readonly damage: Damage };

/** As much of the file's start as {@link readMetas} may need. */
export const METAS_READ_BYTES = 65_536 + META_BYTES;
/** No first transaction leaves more than this without its meta page. */
const BLANK_MAX_BYTES = 1_048_576;

/**
 * Reads both meta pages and picks the one that LMDB picks: the later. That the other one is torn is no damage. `blank` is a file that was
 * being created when the power went: nothing was ever committed to it.
 */
export function readMetas(head: Buffer, fileBytes: number): Metas {
  const bad = (page: number, what: string): Metas => ({ kind: 'damaged', damage: { page, what } });
  if (fileBytes === 0) return { kind: 'blank' };
  if (head.length < META_BYTES) {
    return neverUsed(head, fileBytes) ? { kind: 'blank' } : bad(0, `the file ends after ${fileBytes} bytes`);
  }
  const wrong = wrongInHead(head, 0);
  if (wrong !== undefined) return neverUsed(head, fileBytes) ? { kind: 'blank' } : bad(0, wrong);
  const pageSize = head.readUInt32LE(HEADER_BYTES + 24);
  if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) {
    return bad(0, `a page size of ${pageSize}`);
  }
  if (head.length < pageSize + META_BYTES) return bad(1, `the file ends after ${fileBytes} bytes`);
  const first = readMeta(head, 0, pageSize);
  const second = readMeta(head, 1, pageSize);
  const [meta, other] = first.transaction >= second.transaction ? [first, second] : [second, first];
  const what = wrongInMeta(head, meta, pageSize);
  if (what !== undefined) return bad(meta.index, what);
  if (meta.transaction - other.transaction > 1 && wrongInMeta(head, other, pageSize) === undefined) {
    return bad(
      other.index,
      `transaction ${other.transaction}, but page ${meta.index} has ${meta.transaction}: they follow each other`,
    );
  }
  return { kind: 'used', meta };
}

function readMeta(head: Buffer, index: 0 | 1, pageSize: number): Meta {
  const at = index * pageSize + HEADER_BYTES;
  return {
    index,
    pageSize: head.readUInt32LE(at + 24),
    mapBytes: readNumber(head, at + 16),
    free: readTree(head, at + 24),
    main: readTree(head, at + 72),
    lastPage: readNumber(head, at + 120),
    transaction: readNumber(head, at + 128),
  };
}

function wrongInHead(head: Buffer, at: number): string | undefined {
  if ((head.readUInt16LE(at + 18) & META_PAGE) === 0) return 'it is no meta page';
  if (head.readUInt32LE(at + HEADER_BYTES) !== MAGIC) return 'it has not the mark of an LMDB file';
  const version = head.readUInt32LE(at + HEADER_BYTES + 4);
  return version === VERSION
    ? undefined
    : `version ${version} of the file format; this broker reads ${VERSION}`;
}

function wrongInMeta(head: Buffer, meta: Meta, pageSize: number): string | undefined {
  const wrong = wrongInHead(head, meta.index * pageSize);
  if (wrong !== undefined) return wrong;
  if (readNumber(head, meta.index * pageSize) !== meta.index) return 'it bears the number of another page';
  if (meta.pageSize !== pageSize) return `a page size of ${meta.pageSize}, but page 0 says ${pageSize}`;
  if (!Number.isSafeInteger(meta.transaction)) return 'a transaction number that no store reaches';
  if (meta.transaction > 0 && (meta.transaction & 1) !== meta.index) {
    return `transaction ${meta.transaction}, which belongs on the other meta page`;
  }
  if (meta.lastPage < 1 || meta.lastPage * pageSize > MAX_MAP_BYTES) return `last page ${meta.lastPage}`;
  if (meta.mapBytes > MAX_MAP_BYTES) return `a map of ${meta.mapBytes} bytes`;
  const free = wrongInTree(meta.free, meta.lastPage, INTEGER_KEYS);
  if (free !== undefined) return `the list of free pages: ${free}`;
  const main = wrongInTree(meta.main, meta.lastPage, 0);
  return main === undefined ? undefined : `the list of databases: ${main}`;
}

/** Before anything is committed the meta pages are synced; what was never synced was never committed. */
function neverUsed(head: Buffer, fileBytes: number): boolean {
  if (fileBytes > BLANK_MAX_BYTES) return false;
  const zero = (from: number, to: number) =>
    head.subarray(from, Math.min(to, head.length)).every((b) => b === 0);
  if (!zero(0, 512)) return false;
  // The usual page size is that of the system; page 1 may have come through where page 0 did not.
  return [4_096, 16_384, 65_536].some(
    (at) =>
      head.length < at + META_BYTES ||
      zero(at, at + META_BYTES) ||
      (wrongInHead(head, at) === undefined && readNumber(head, at + HEADER_BYTES + 128) === 0),
  );
}
