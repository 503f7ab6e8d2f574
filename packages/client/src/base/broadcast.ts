/** Hands what happens to any number of readers, none of which can hold up the others: each has a bounded queue of its own. */
export class Broadcast<V> {
  readonly #readers = new Set<Reader<V>>();
  readonly #limit: number;
  #over = false;

  /** @param limit what waits for one reader; beyond that its oldest is dropped */
  constructor(limit: number) {
    this.#limit = limit;
  }

  send(value: V): void {
    for (const reader of this.#readers) reader.push(value, this.#limit);
  }

  /** Ends every iteration, once what waits there has been read. */
  end(): void {
    this.#over = true;
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
  }

  /** From now on; what happened before is not told. */
  values(): AsyncIterableIterator<V> {
    const reader = new Reader<V>((gone) => this.#readers.delete(gone));
    if (this.#over) reader.end();
    else this.#readers.add(reader);
    return reader;
  }
}

class Reader<V> implements AsyncIterableIterator<V> {
  readonly #waiting: IteratorYieldResult<V>[] = [];
  readonly #asks: ((result: IteratorResult<V, undefined>) => void)[] = [];
  readonly #left: (reader: Reader<V>) => void;
  #over = false;

  constructor(left: (reader: Reader<V>) => void) {
    this.#left = left;
  }

  push(value: V, limit: number): void {
    const ask = this.#asks.shift();
    if (ask !== undefined) {
      ask({ done: false, value });
      return;
    }
    this.#waiting.push({ done: false, value });
    if (this.#waiting.length > limit) this.#waiting.shift();
  }

  end(): void {
    this.#over = true;
    for (const ask of this.#asks.splice(0)) ask({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<V, undefined>> {
    const result = this.#waiting.shift();
    if (result !== undefined) return Promise.resolve(result);
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#asks.push(resolve));
  }

  return(): Promise<IteratorResult<V, undefined>> {
    this.#waiting.length = 0;
    this.end();
    this.#left(this);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
