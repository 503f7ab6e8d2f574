const EMPTY = -1;
/** Ids up to this length lie in one array of bytes; longer ones are kept as the strings that they are. */
const SLOT_BYTES = 48;

/**
 * The events seen lately, by (source, id), so that one sent twice has its effect once. A ring of a fixed size with a hash table over it:
 * memory is bounded, the last `capacity` events are remembered, and one that is new costs no allocation. Their ids are copied into one array,
 * because strings that live a while and then die are what the garbage collector spends most on.
 */
export class RecentEvents {
  readonly #mask: number;
  readonly #bytes: Uint8Array;
  /** Of each slot: the length of its id; EMPTY: it is in `#strings`. */
  readonly #lengths: Int32Array;
  readonly #strings = new Map<number, string>();
  readonly #sources: string[];
  readonly #hashes: Int32Array;
  /** Of each slot: the bucket that it is chained in, and the slot after it there. */
  readonly #bucketOf: Int32Array;
  readonly #next: Int32Array;
  readonly #heads: Int32Array;
  /** Differs from process to process, so that ids which meet in one bucket here do not elsewhere. */
  readonly #seed: number;
  #at = 0;

  /** @param capacity a power of two */
  constructor(capacity = 32_768, seed = (Math.random() * 0x7fff_ffff) | 0) {
    this.#mask = capacity - 1;
    this.#bytes = new Uint8Array(capacity * SLOT_BYTES);
    this.#lengths = new Int32Array(capacity);
    this.#sources = new Array<string>(capacity).fill('');
    this.#hashes = new Int32Array(capacity);
    this.#bucketOf = new Int32Array(capacity).fill(EMPTY);
    this.#next = new Int32Array(capacity).fill(EMPTY);
    this.#heads = new Int32Array(capacity).fill(EMPTY);
    this.#seed = seed;
  }

  /** Remembers the event; false when it was seen already. */
  add(source: string, id: string): boolean {
    const hash = this.#hash(id);
    const bucket = hash & this.#mask;
    if (this.#find(bucket, hash, source, id) !== EMPTY) return false;
    const slot = this.#at;
    this.#at = (slot + 1) & this.#mask;
    this.#unlink(slot);
    this.#write(slot, id);
    this.#sources[slot] = source;
    this.#hashes[slot] = hash;
    this.#bucketOf[slot] = bucket;
    this.#next[slot] = this.#heads[bucket] ?? EMPTY;
    this.#heads[bucket] = slot;
    return true;
  }

  /** The event was refused after all: sent again, it is looked at again. */
  forget(source: string, id: string): void {
    const hash = this.#hash(id);
    const slot = this.#find(hash & this.#mask, hash, source, id);
    if (slot !== EMPTY) this.#unlink(slot);
  }

  #find(bucket: number, hash: number, source: string, id: string): number {
    let slot = this.#heads[bucket] ?? EMPTY;
    while (
      slot !== EMPTY &&
      !(this.#hashes[slot] === hash && this.#sources[slot] === source && this.#is(slot, id))
    ) {
      slot = this.#next[slot] ?? EMPTY;
    }
    return slot;
  }

  #is(slot: number, id: string): boolean {
    const length = this.#lengths[slot] ?? 0;
    if (length === EMPTY) return this.#strings.get(slot) === id;
    if (length !== id.length) return false;
    const start = slot * SLOT_BYTES;
    for (let at = 0; at < length; at++) {
      if (this.#bytes[start + at] !== id.charCodeAt(at)) return false;
    }
    return true;
  }

  #write(slot: number, id: string): void {
    const { length } = id;
    const start = slot * SLOT_BYTES;
    let fits = length <= SLOT_BYTES;
    for (let at = 0; at < length && fits; at++) {
      const code = id.charCodeAt(at);
      this.#bytes[start + at] = code;
      fits = code < 256;
    }
    this.#lengths[slot] = fits ? length : EMPTY;
    if (!fits) this.#strings.set(slot, id);
  }

  #unlink(slot: number): void {
    const bucket = this.#bucketOf[slot] ?? EMPTY;
    if (bucket === EMPTY) return;
    const after = this.#next[slot] ?? EMPTY;
    let before = this.#heads[bucket] ?? EMPTY;
    if (before === slot) {
      this.#heads[bucket] = after;
    } else {
      while (this.#next[before] !== slot) before = this.#next[before] ?? EMPTY;
      this.#next[before] = after;
    }
    this.#bucketOf[slot] = EMPTY;
    if (this.#lengths[slot] === EMPTY) this.#strings.delete(slot);
  }

  /** FNV-1a, two characters a step. */
  #hash(id: string): number {
    const { length } = id;
    let hash = this.#seed ^ length;
    for (let at = 0; at < length; at += 2) hash = step(hash, id, at);
    return hash ^ (hash >>> 15);
  }
}

function step(hash: number, id: string, at: number): number {
  // Past the end it is NaN, which counts as 0.
  return Math.imul(hash ^ id.charCodeAt(at) ^ (id.charCodeAt(at + 1) << 8), 0x0100_0193);
}
