const EMPTY = -1;

/**
 * The events seen lately, by (source, id), so that one sent twice has its effect once. A ring of a fixed size with a hash table over it:
 * memory is bounded, the last `capacity` events are remembered, and one that is new costs no allocation.
 */
export class RecentEvents {
  readonly #mask: number;
  readonly #ids: (string | undefined)[];
  readonly #sources: (string | undefined)[];
  /** Of each slot: the bucket that it is chained in, and the slot after it there. */
  readonly #bucketOf: Int32Array;
  readonly #next: Int32Array;
  readonly #heads: Int32Array;
  /** Differs from process to process: nobody can choose ids that all meet in one bucket. */
  readonly #seed: number;
  #at = 0;

  /** @param capacity a power of two */
  constructor(capacity = 32_768, seed = (Math.random() * 0x7fff_ffff) | 0) {
    this.#mask = capacity - 1;
    this.#ids = new Array<string | undefined>(capacity).fill(undefined);
    this.#sources = new Array<string | undefined>(capacity).fill(undefined);
    this.#bucketOf = new Int32Array(capacity).fill(EMPTY);
    this.#next = new Int32Array(capacity).fill(EMPTY);
    this.#heads = new Int32Array(capacity).fill(EMPTY);
    this.#seed = seed;
  }

  /** Remembers the event; false when it was seen already. */
  add(source: string, id: string): boolean {
    const bucket = this.#bucket(id);
    if (this.#find(bucket, source, id) !== EMPTY) return false;
    const slot = this.#at;
    this.#at = (slot + 1) & this.#mask;
    this.#unlink(slot);
    this.#ids[slot] = id;
    this.#sources[slot] = source;
    this.#bucketOf[slot] = bucket;
    this.#next[slot] = this.#heads[bucket] ?? EMPTY;
    this.#heads[bucket] = slot;
    return true;
  }

  /** The event was refused after all: sent again, it is looked at again. */
  forget(source: string, id: string): void {
    const slot = this.#find(this.#bucket(id), source, id);
    if (slot !== EMPTY) this.#unlink(slot);
  }

  #find(bucket: number, source: string, id: string): number {
    let slot = this.#heads[bucket] ?? EMPTY;
    while (slot !== EMPTY && !(this.#ids[slot] === id && this.#sources[slot] === source)) {
      slot = this.#next[slot] ?? EMPTY;
    }
    return slot;
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
    this.#ids[slot] = undefined;
    this.#sources[slot] = undefined;
  }

  /** FNV-1a over the end of the id, where ids differ. */
  #bucket(id: string): number {
    let hash = this.#seed;
    for (let at = Math.max(0, id.length - 40); at < id.length; at++) {
      hash = Math.imul(hash ^ id.charCodeAt(at), 0x0100_0193);
    }
    hash ^= id.length;
    return (hash ^ (hash >>> 15)) & this.#mask;
  }
}
