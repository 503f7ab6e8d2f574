/**
 * A map that is nearly always empty: until something is in it, it costs its owner one field. A `Map` takes 200 bytes, and a
 * subscription has many.
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

  keys(): Iterable<K> {
    return this.#map?.keys() ?? NOTHING;
  }

  values(): Iterable<V> {
    return this.#map?.values() ?? NOTHING;
  }

  [Symbol.iterator](): Iterator<[K, V]> {
    return this.#map?.[Symbol.iterator]() ?? NOTHING[Symbol.iterator]();
  }
}

/** A set that is nearly always empty. */
export class SparseSet<T> {
  #set: Set<T> | undefined = undefined;

  get size(): number {
    return this.#set?.size ?? 0;
  }

  has(item: T): boolean {
    return this.#set?.has(item) ?? false;
  }

  add(item: T): void {
    this.#set ??= new Set();
    this.#set.add(item);
  }

  delete(item: T): boolean {
    return this.#set?.delete(item) ?? false;
  }

  clear(): void {
    this.#set = undefined;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#set?.[Symbol.iterator]() ?? NOTHING[Symbol.iterator]();
  }
}

const NOTHING: readonly never[] = Object.freeze([]);
