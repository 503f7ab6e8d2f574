import type { EventStore } from '../state/event-store.js';

/** The keys of what is held. */
export const HOLD_PREFIX = 'hold/';

/** What is held, as it stands in the store: numbered entries of JSON. */
export class HoldEntries {
  readonly #store: EventStore;
  #last = 0;
  #waiting: (() => void)[] = [];

  constructor(store: EventStore) {
    this.#store = store;
  }

  /** Writes a new entry and gives its key. */
  add(value: object): string {
    this.#last += 1;
    const key = `${HOLD_PREFIX}${String(this.#last).padStart(9, '0')}`;
    this.#store.setEntry(key, JSON.stringify(value));
    return key;
  }

  remove(key: string): void {
    this.#store.setEntry(key, undefined);
  }

  /** Calls back once everything that was written is safe. */
  whenSaved(done: () => void): void {
    this.#waiting.push(done);
    this.settle();
  }

  /** The store has made something durable. */
  settle(): void {
    if (this.#waiting.length === 0 || this.#store.hasUnsavedEntries) return;
    for (const done of this.#waiting.splice(0)) done();
  }

  /** What was written before this start, in the order in which it was; what cannot be read is left out. */
  *saved(): Iterable<readonly [key: string, value: Readonly<Record<string, unknown>>]> {
    for (const [key, text] of [...this.#store.entries(HOLD_PREFIX)]) {
      this.#last = Math.max(this.#last, Number(key.slice(HOLD_PREFIX.length)) || 0);
      const value = parse(text);
      if (value !== undefined) yield [key, value];
    }
  }
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
