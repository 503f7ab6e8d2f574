import type { StoredAt } from '../state/stored.js';

/**
 * The bytes of events, as far as memory is set aside for them: what is not committed yet, and what was written or read lately, so that many
 * receivers share one buffer. The handles have them; here is which, in the order in which they came.
 */
export class RecentBytes {
  readonly #capacity: number;
  #order: StoredAt[] = [];
  #head = 0;
  #count = 0;
  #bytes = 0;

  /** @param capacity in bytes, for what is committed; what is not always stays */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Places in the order that are taken, those of what was let go among them. */
  get taken(): number {
    return this.#order.length;
  }

  /** Whoever has its bytes keeps them as they are. */
  add(stored: StoredAt, bytes: Uint8Array): void {
    if (stored.bytes !== undefined) return;
    stored.bytes = bytes;
    this.#order.push(stored);
    this.#count += 1;
    this.#bytes += bytes.byteLength;
  }

  letGo(stored: StoredAt): void {
    if (stored.bytes === undefined) return;
    this.#bytes -= stored.bytes.byteLength;
    this.#count -= 1;
    stored.bytes = undefined;
  }

  /** @param committedUpTo positions above it stay */
  trim(committedUpTo: number): void {
    while (this.#bytes > this.#capacity) {
      const stored = this.#order[this.#head];
      if (stored === undefined || (stored.bytes !== undefined && stored.position > committedUpTo)) break;
      this.#head += 1;
      this.letGo(stored);
    }
    // What was let go stays in the order until it is made anew.
    if (this.#order.length < 2 * this.#count + 1_024) return;
    this.#order = this.#order.slice(this.#head).filter(({ bytes }) => bytes !== undefined);
    this.#head = 0;
  }
}
