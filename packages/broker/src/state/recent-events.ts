/**
 * The events seen lately, by (source, id), so that one sent twice has its effect once. Two generations of a fixed size: memory is
 * bounded, and an event is remembered for at least `capacity` further events.
 */
export class RecentEvents {
  readonly #capacity: number;
  #young = new Set<string>();
  #old = new Set<string>();

  constructor(capacity = 16_384) {
    this.#capacity = capacity;
  }

  /** Remembers the event; false when it was seen already. */
  add(source: string, id: string): boolean {
    const key = `${source}\n${id}`;
    if (this.#young.has(key) || this.#old.has(key)) return false;
    if (this.#young.size >= this.#capacity) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(key);
    return true;
  }

  /** The event was refused after all: sent again, it is looked at again. */
  forget(source: string, id: string): void {
    this.#young.delete(`${source}\n${id}`);
  }
}
