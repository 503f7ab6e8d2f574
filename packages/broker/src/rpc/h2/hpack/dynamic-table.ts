import { TableEntry } from './table-entry.js';

/** A connection that does nothing but wait has few entries, and there may be thousands of them. */
const FIRST_CAPACITY = 4;

/**
 * The dynamic table (RFC 7541 §2.3.2, §4): first in, first out, bounded in bytes. A ring, so that an entry is found by its index and
 * the oldest leaves without anything moving.
 */
export class DynamicTable {
  #slots: (TableEntry | undefined)[] = [];
  /** Slot of the newest entry. */
  #newest = -1;
  #count = 0;
  /** Bytes of all entries by §4.1. */
  #size = 0;
  #maxSize: number;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  get count(): number {
    return this.#count;
  }

  get maxSize(): number {
    return this.#maxSize;
  }

  /** The entry that is `position` entries older than the newest, which is 0. */
  at(position: number): TableEntry | undefined {
    if (position >= this.#count) return undefined;
    return this.#slots[(this.#newest - position) & (this.#slots.length - 1)];
  }

  /** Enters a field (§4.4): the oldest make room; one that is larger than the whole table empties it and is not entered. */
  add(name: string, value: string): void {
    const entry = new TableEntry(name, value);
    this.#evictTo(this.#maxSize - entry.size);
    if (entry.size > this.#maxSize) return;
    if (this.#count === this.#slots.length) this.#grow();
    this.#newest = (this.#newest + 1) & (this.#slots.length - 1);
    this.#slots[this.#newest] = entry;
    this.#count++;
    this.#size += entry.size;
  }

  clear(): void {
    this.#evictTo(0);
  }

  /** Changes the greatest size (§4.3). */
  resize(maxSize: number): void {
    this.#maxSize = maxSize;
    this.#evictTo(maxSize);
  }

  #evictTo(size: number): void {
    const mask = this.#slots.length - 1;
    while (this.#count > 0 && this.#size > size) {
      const oldest = (this.#newest - this.#count + 1) & mask;
      this.#size -= this.#slots[oldest]?.size ?? 0;
      this.#slots[oldest] = undefined;
      this.#count--;
    }
  }

  /** Twice the slots, oldest entry first. */
  #grow(): void {
    const capacity = Math.max(FIRST_CAPACITY, this.#slots.length * 2);
    const slots = new Array<TableEntry | undefined>(capacity).fill(undefined);
    for (let index = 0; index < this.#count; index++) slots[index] = this.at(this.#count - 1 - index);
    this.#slots = slots;
    this.#newest = this.#count - 1;
  }
}
