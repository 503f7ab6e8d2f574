import type { H2Stream } from './streams/stream.js';

/**
 * The open streams of one connection by their ids. A call that is answered before the next one comes, as most are, costs no work on a map, and
 * a connection with one stream has none.
 */
export class OpenStreams {
  /** The one that was opened last. */
  #latest: H2Stream | undefined = undefined;
  #others: Map<number, H2Stream> | undefined = undefined;

  get size(): number {
    return (this.#others?.size ?? 0) + (this.#latest === undefined ? 0 : 1);
  }

  get(id: number): H2Stream | undefined {
    const latest = this.#latest;
    return latest?.id === id ? latest : this.#others?.get(id);
  }

  /** Adds one whose id nobody has. */
  add(stream: H2Stream): void {
    const before = this.#latest;
    this.#latest = stream;
    if (before === undefined) return;
    this.#others ??= new Map();
    this.#others.set(before.id, before);
  }

  delete(id: number): void {
    if (this.#latest?.id === id) this.#latest = undefined;
    else this.#others?.delete(id);
  }

  clear(): void {
    this.#latest = undefined;
    this.#others?.clear();
  }

  /** All of them; who goes while they are looked at may be left out. */
  *[Symbol.iterator](): Iterator<H2Stream> {
    if (this.#others !== undefined) yield* this.#others.values();
    if (this.#latest !== undefined) yield this.#latest;
  }
}
