/** What an empty one is read from. */
const NOTHING = new Map<never, never>();

/**
 * A map that is nearly always empty: until something is in it, it costs its owner 32 bytes. A `Map` takes 200, and a broker has
 * thousands of subscriptions.
 */
export class SparseMap<K, V> {
  #map: Map<K, V> | undefined = undefined;

  get size(): number {
    return this.#map?.size ?? 0;
  }

  has(key: K): boolean {
    return this.#map?.has(key) ?? false;
  }

  get(key: K): V | undefined {
    return this.#map?.get(key);
  }

  set(key: K, value: V): void {
    this.#map ??= new Map();
    this.#map.set(key, value);
  }

  delete(key: K): boolean {
    return this.#map?.delete(key) ?? false;
  }

  clear(): void {
    this.#map = undefined;
  }

  keys(): MapIterator<K> {
    return (this.#map ?? NOTHING).keys();
  }

  values(): MapIterator<V> {
    return (this.#map ?? NOTHING).values();
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return (this.#map ?? NOTHING)[Symbol.iterator]();
  }
}

/** A set that is nearly always empty, or has one item. */
export class SparseSet<T extends object | string> {
  /** The first item that came into an empty set. */
  #first: T | undefined = undefined;
  #others: Set<T> | undefined = undefined;

  get size(): number {
    return (this.#first === undefined ? 0 : 1) + (this.#others?.size ?? 0);
  }

  has(item: T): boolean {
    return this.#first === item || (this.#others?.has(item) ?? false);
  }

  add(item: T): void {
    if (this.has(item)) return;
    if (this.size === 0) {
      this.#first = item;
      return;
    }
    this.#others ??= new Set();
    this.#others.add(item);
  }

  delete(item: T): boolean {
    if (this.#first !== item) return this.#others?.delete(item) ?? false;
    this.#first = undefined;
    return true;
  }

  clear(): void {
    this.#first = undefined;
    this.#others = undefined;
  }

  *[Symbol.iterator](): Generator<T, undefined> {
    if (this.#first !== undefined) yield this.#first;
    if (this.#others !== undefined) yield* this.#others;
  }
}
