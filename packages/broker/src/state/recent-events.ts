/**
 * The events seen lately, by (source, id), so that one sent twice has its effect once. Two generations of a fixed size: memory is
 * bounded, and an event is remembered for at least `capacity` further events.
 */
export class RecentEvents {
  readonly #capacity: number;
  /** By id, which nearly always tells the source too; a second source with the same id is kept under both. */
  #young = new Map<string, string>();
  #old = new Map<string, string>();

  constructor(capacity = 16_384) {
    this.#capacity = capacity;
  }

  /** Remembers the event; false when it was seen already. */
  add(source: string, id: string): boolean {
    const known = this.#young.get(id) ?? this.#old.get(id);
    if (known === source) return false;
    return this.#addUnder(known === undefined ? id : `${source}\n${id}`, source);
  }

  /** The event was refused after all: sent again, it is looked at again. */
  forget(source: string, id: string): void {
    for (const generation of [this.#young, this.#old]) {
      if (generation.get(id) === source) generation.delete(id);
      generation.delete(`${source}\n${id}`);
    }
  }

  #addUnder(key: string, source: string): boolean {
    if (this.#young.has(key) || this.#old.has(key)) return false;
    if (this.#young.size >= this.#capacity) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, source);
    return true;
  }
}
