import type { ResourceObject } from '../generic/resource.js';

/** What happened to a resource of a store. */
export interface StoreChange<T extends ResourceObject> {
  readonly type: 'added' | 'modified' | 'deleted';
  /** As it is now; of a deleted one, as it was last. */
  readonly resource: T;
}

/**
 * Tells changes to one reader. Of each resource at most one change waits, which sums up what the reader missed: who reads slowly misses
 * steps, never the outcome, and what waits is bounded by the resources that there are, or that the reader knows.
 */
export class StoreWatch<T extends ResourceObject> implements AsyncIterableIterator<StoreChange<T>> {
  readonly #waiting = new Map<string, StoreChange<T>>();
  /** Kept between calls: a fresh one would pass by every entry that was deleted before it. */
  #reading = this.#waiting.entries();
  readonly #asks: ((result: IteratorResult<StoreChange<T>, undefined>) => void)[] = [];
  readonly #left: () => void;
  #over = false;

  constructor(left: () => void) {
    this.#left = left;
  }

  push(key: string, change: StoreChange<T>): void {
    const ask = this.#asks.shift();
    if (ask !== undefined) {
      ask({ done: false, value: change });
      return;
    }
    const sum = sumOf(this.#waiting.get(key)?.type, change);
    if (sum === undefined) this.#waiting.delete(key);
    else this.#waiting.set(key, sum);
  }

  /** What waits is still read. */
  end(): void {
    this.#over = true;
    this.#left();
    for (const ask of this.#asks.splice(0)) ask({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<StoreChange<T>, undefined>> {
    const change = this.#take();
    if (change !== undefined) return Promise.resolve({ done: false, value: change });
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#asks.push(resolve));
  }

  return(): Promise<IteratorResult<StoreChange<T>, undefined>> {
    this.#waiting.clear();
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** What waits longest. */
  #take(): StoreChange<T> | undefined {
    if (this.#waiting.size === 0) return undefined;
    let read = this.#reading.next();
    if (read.done === true) {
      // It came to its end, and sees nothing that was added later.
      this.#reading = this.#waiting.entries();
      read = this.#reading.next();
    }
    if (read.done === true) return undefined;
    const [key, change] = read.value;
    this.#waiting.delete(key);
    return change;
  }
}

/** Two changes as one; undefined: the reader need not know of either. */
function sumOf<T extends ResourceObject>(
  before: StoreChange<T>['type'] | undefined,
  { type, resource }: StoreChange<T>,
): StoreChange<T> | undefined {
  if (before === 'added') return type === 'deleted' ? undefined : { type: 'added', resource };
  if (before === 'deleted') return { type: 'modified', resource };
  return { type, resource };
}
