import type { HeadChange } from './layout.js';

/** What was committed last of a resource, until it is where it belongs. */
export interface Head extends HeadChange {
  /** It ends some day by itself: a deletion, or the memory of one. */
  readonly ends: boolean;
  /** It may be among those that do already. */
  readonly mayBeInEnds: boolean;
}

const GONE = 1;
const ENDS = 2;
const MAY_BE_IN_ENDS = 4;
const FIRST_BYTES = 64 * 1024;
/** Before a record: what it says, and how long it is. */
const PREFIX_BYTES = 5;

/**
 * Heads that wait to be settled, the newest of each resource. Their records lie one after the other in one array of bytes: there are tens of
 * thousands of them for some seconds, and objects that live so long and then die are what the garbage collector spends most on.
 */
export class HeadLog {
  /** Partition number -> id -> where its newest is. */
  readonly #places = new Map<number, Map<string, number>>();
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = 0;
  #size = 0;

  /** How many resources are in it. */
  get size(): number {
    return this.#size;
  }

  add({ ends, id, mayBeInEnds, partition, record }: Head): void {
    let ids = this.#places.get(partition);
    if (ids === undefined) {
      ids = new Map();
      this.#places.set(partition, ids);
    }
    const before = ids.get(id);
    if (before === undefined) this.#size += 1;
    const was = before === undefined ? 0 : this.#flags(before);
    const length = record?.byteLength ?? 0;
    this.#reserve(PREFIX_BYTES + length);
    const at = this.#at;
    this.#bytes[at] =
      (record === undefined ? GONE : 0) |
      (ends ? ENDS : 0) |
      (mayBeInEnds || (was & MAY_BE_IN_ENDS) !== 0 ? MAY_BE_IN_ENDS : 0);
    this.#bytes.writeUInt32LE(length, at + 1);
    if (record !== undefined) this.#bytes.set(record, at + PREFIX_BYTES);
    ids.set(id, at);
    this.#at = at + PREFIX_BYTES + length;
  }

  has(partition: number, id: string): boolean {
    return this.#places.get(partition)?.has(id) === true;
  }

  /** Its record is a view of what is kept here. */
  get(partition: number, id: string): Head | undefined {
    const at = this.#places.get(partition)?.get(id);
    if (at === undefined) return undefined;
    const flags = this.#flags(at);
    const from = at + PREFIX_BYTES;
    return {
      partition,
      id,
      record:
        (flags & GONE) !== 0
          ? undefined
          : this.#bytes.subarray(from, from + this.#bytes.readUInt32LE(at + 1)),
      ends: (flags & ENDS) !== 0,
      mayBeInEnds: (flags & MAY_BE_IN_ENDS) !== 0,
    };
  }

  ids(partition: number): Iterable<string> {
    return this.#places.get(partition)?.keys() ?? [];
  }

  /** All of them by partition and id, almost in the order of their keys. */
  sorted(): { readonly partition: number; readonly ids: readonly string[] }[] {
    return [...this.#places]
      .sort(([one], [other]) => one - other)
      .map(([partition, ids]) => ({ partition, ids: [...ids.keys()].sort() }));
  }

  #flags(at: number): number {
    return this.#bytes[at] ?? 0;
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#bytes.byteLength) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.byteLength, this.#at + size));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
  }
}
