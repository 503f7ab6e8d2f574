import type { StoreListener } from '../state/event-store.js';
import type { Place } from '../state/place.js';
import type { Databases } from './databases.js';
import { idOfKey } from './layout.js';

const AT_ONCE = 2_000;

/** Deletions, and what is remembered of them, are needed in memory, but not to serve: they are loaded some at a time. */
export class EndsLoader {
  readonly #keys: Iterator<Buffer>;
  readonly #places: ReadonlyMap<number, Place>;
  #isDone = false;

  constructor({ ends }: Databases, places: ReadonlyMap<number, Place>) {
    this.#keys = ends.getKeys({ snapshot: false })[Symbol.iterator]();
    this.#places = places;
  }

  /** The next of them. */
  load(listener: StoreListener): void {
    for (let left = AT_ONCE; left > 0 && !this.#isDone; left--) {
      const next = this.#keys.next();
      if (next.done === true) this.#isDone = true;
      else listener.ends(this.#places.get(next.value.readUInt32BE(0)), idOfKey(next.value));
    }
  }

  close(): void {
    this.#isDone = true;
    this.#keys.return?.();
  }
}
