/**
 * The bytes of events by position, as far as memory is set aside for them: what is not committed yet, and what was written or read
 * lately, so that many receivers share one buffer.
 */
export class RecentBytes {
  readonly #capacity: number;
  readonly #byPosition = new Map<number, Uint8Array>();
  #bytes = 0;

  /** @param capacity in bytes, for what is committed; what is not always stays */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(position: number): Uint8Array | undefined {
    return this.#byPosition.get(position);
  }

  /** @param committedUpTo positions above it stay */
  add(position: number, bytes: Uint8Array, committedUpTo: number): void {
    this.delete(position);
    this.#byPosition.set(position, bytes);
    this.#bytes += bytes.byteLength;
    this.trim(committedUpTo);
  }

  delete(position: number): void {
    const bytes = this.#byPosition.get(position);
    if (bytes === undefined) return;
    this.#byPosition.delete(position);
    this.#bytes -= bytes.byteLength;
  }

  trim(committedUpTo: number): void {
    if (this.#bytes <= this.#capacity) return;
    for (const position of this.#byPosition.keys()) {
      if (position > committedUpTo) continue;
      this.delete(position);
      if (this.#bytes <= this.#capacity) return;
    }
  }
}
