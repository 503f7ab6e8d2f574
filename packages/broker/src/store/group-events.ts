import type { StoredAt } from '../state/stored.js';

/** The events of a group with their records, in the order of their positions. */
export class GroupEvents {
  readonly #handles: StoredAt[] = [];
  /** Undefined: nobody needs it any more, before it was written. */
  readonly #records: (Buffer | undefined)[] = [];
  #size = 0;

  /** How many are to be written. */
  get size(): number {
    return this.#size;
  }

  /** All that were added, also those that are not to be written. */
  get handles(): readonly StoredAt[] {
    return this.#handles;
  }

  /** The event comes after all others. */
  add(stored: StoredAt, record: Buffer): void {
    this.#handles.push(stored);
    this.#records.push(record);
    this.#size += 1;
  }

  record(position: number): Buffer | undefined {
    return this.#records[this.#indexOf(position)];
  }

  /** @returns its record; undefined: it is not here */
  delete(position: number): Buffer | undefined {
    const index = this.#indexOf(position);
    const record = this.#records[index];
    if (record === undefined) return undefined;
    this.#records[index] = undefined;
    this.#size -= 1;
    return record;
  }

  forEach(write: (position: number, record: Buffer) => void): void {
    for (const [index, { position }] of this.#handles.entries()) {
      const record = this.#records[index];
      if (record !== undefined) write(position, record);
    }
  }

  /** Where the position is, or -1. */
  #indexOf(position: number): number {
    let from = 0;
    let to = this.#handles.length - 1;
    while (from <= to) {
      const middle = (from + to) >> 1;
      const there = this.#handles[middle]?.position ?? 0;
      if (there === position) return middle;
      if (there < position) from = middle + 1;
      else to = middle - 1;
    }
    return -1;
  }
}
