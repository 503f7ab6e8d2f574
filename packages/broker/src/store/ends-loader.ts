import type { StoreListener } from '../state/event-store.js';
import type { Place } from '../state/place.js';
import type { Databases } from './databases.js';
import { idOfKey } from './layout.js';

const AT_ONCE = 2_000;

/**
 * Deletions, and what is remembered of them, are needed in memory, but not to serve: they are loaded some at a time. No cursor lives from one
 * time to the next: some of them end meanwhile.
 */
export class EndsLoader {
  readonly #ends: Databases['ends'];
  readonly #places: ReadonlyMap<number, Place>;
  /** The one that was loaded last. */
  #last: Buffer | undefined = undefined;
  #isDone = false;

  constructor({ ends }: Databases, places: ReadonlyMap<number, Place>) {
    this.#ends = ends;
    this.#places = places;
  }

  /** The next of them. */
  load(listener: StoreListener): void {
    if (this.#isDone) return;
    const from = this.#last === undefined ? {} : { start: this.#last, exclusiveStart: true };
    const keys = [...this.#ends.getKeys({ ...from, limit: AT_ONCE })];
    for (const key of keys) listener.ends(this.#places.get(key.readUInt32BE(0)), idOfKey(key));
    this.#last = keys.at(-1);
    this.#isDone = keys.length < AT_ONCE;
  }

  close(): void {
    this.#isDone = true;
  }
}
