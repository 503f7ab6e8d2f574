/**
 * The bytes of events by position, as far as memory is set aside for them: what is not committed yet, and what was written or read
 * lately, so that many receivers share one buffer.
 */
export class RecentBytes {
  readonly #capacity: number;
  readonly #byPosition = new Map<number, Uint8Array>();
  /** Positions in the order in which they came; a map that loses its first entries again and again is slow to find the next. */
  #order: number[] = [];
  #head = 0;
  #bytes = 0;

  /** @param capacity in bytes, for what is committed; what is not always stays */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Places in the order that are taken, those of what was deleted among them. */
  get taken(): number {
    return this.#order.length;
  }

  get(position: number): Uint8Array | undefined {
    return this.#byPosition.get(position);
  }

  add(position: number, bytes: Uint8Array): void {
    this.delete(position);
    this.#byPosition.set(position, bytes);
    this.#order.push(position);
    this.#bytes += bytes.byteLength;
  }

  delete(position: number): void {
    const bytes = this.#byPosition.get(position);
    if (bytes === undefined) return;
    this.#byPosition.delete(position);
    this.#bytes -= bytes.byteLength;
  }

  /** @param committedUpTo positions above it stay */
  trim(committedUpTo: number): void {
    while (this.#bytes > this.#capacity && this.#head < this.#order.length) {
      const position = this.#order[this.#head] ?? 0;
      if (position > committedUpTo) break;
      this.#head += 1;
      this.delete(position);
    }
    // What was deleted stays in the order until it is made anew.
    if (this.#order.length < 2 * this.#byPosition.size + 1_024) return;
    this.#order = [...this.#byPosition.keys()];
    this.#head = 0;
  }
}
