import type { EventStore } from '../state/event-store.js';

const ADOPTED = 'custody/adopted/';
const RETIRED = 'custody/retired/';

/**
 * Which sources gave resources away, and to whom: an agent goes on naming the source that it got a spec from, until it gets one of the new
 * owner. And sources that are gone for good: a status that names one makes it nobody's owner. Kept in the store.
 */
export class Adoptions {
  readonly #store: EventStore;
  readonly #heirs = new Map<string, Set<string>>();
  readonly #retired = new Set<string>();

  constructor(store: EventStore) {
    this.#store = store;
    for (const [key] of store.entries(ADOPTED)) {
      const [from, to] = JSON.parse(key.slice(ADOPTED.length)) as [string, string];
      this.#add(from, to);
    }
    for (const [key] of store.entries(RETIRED)) this.#retired.add(key.slice(RETIRED.length));
  }

  /** The owner, when the source that a status names gave the resource away to it. */
  heirOf(named: string, owner: string | undefined): string | undefined {
    if (owner === undefined || owner === named || this.#heirs.size === 0) return undefined;
    return this.#heirs.get(named)?.has(owner) === true ? owner : undefined;
  }

  /** The names under which agents may know what the source owns, beside its own. */
  *earlierNames(source: string): Iterable<string> {
    for (const [from, heirs] of this.#heirs) if (heirs.has(source)) yield from;
  }

  /** Something of `from` is `to`'s from now on, and what others once gave to `from` may be among it. */
  record(from: string, to: string): void {
    for (const earlier of [from, ...this.earlierNames(from)]) {
      if (earlier === to || this.#heirs.get(earlier)?.has(to) === true) continue;
      this.#add(earlier, to);
      this.#store.setEntry(`${ADOPTED}${JSON.stringify([earlier, to])}`, '');
    }
  }

  *all(): Iterable<readonly [from: string, to: string]> {
    for (const [from, heirs] of this.#heirs) for (const to of heirs) yield [from, to];
  }

  retired(): Iterable<string> {
    return this.#retired;
  }

  /** The source is gone for good. */
  retire(source: string): void {
    if (this.#retired.has(source)) return;
    this.#retired.add(source);
    this.#store.setEntry(RETIRED + source, '');
  }

  isRetired(source: string): boolean {
    return this.#retired.has(source);
  }

  /** It is not gone after all. */
  returned(source: string): void {
    if (!this.#retired.delete(source)) return;
    this.#store.setEntry(RETIRED + source, undefined);
  }

  #add(from: string, to: string): void {
    const heirs = this.#heirs.get(from);
    if (heirs === undefined) this.#heirs.set(from, new Set([to]));
    else heirs.add(to);
  }
}
