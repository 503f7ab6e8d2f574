import type { EventStore } from '../state/event-store.js';

const ADOPTED = 'custody/adopted/';
const RETIRED = 'custody/retired/';
/** A store takes keys of some 1,800 bytes; names that are longer stand in the value of a numbered entry. */
const LONGEST_IN_KEY = 1_000;
const NUMBER = /^#\d+$/;

/**
 * Which sources gave resources away, and to whom: an agent goes on naming the source that it got a spec from, until it gets one of the new
 * owner. And sources that are gone for good: a status that names one makes it nobody's owner. Kept in the store.
 */
export class Adoptions {
  readonly #store: EventStore;
  readonly #heirs = new Map<string, Set<string>>();
  /** With the keys of their entries. */
  readonly #retired = new Map<string, string>();
  #last = 0;

  constructor(store: EventStore) {
    this.#store = store;
    for (const { text } of this.#saved(ADOPTED)) {
      const [from, to] = JSON.parse(text) as [string, string];
      this.#add(from, to);
    }
    for (const { key, text } of this.#saved(RETIRED)) this.#retired.set(text, key);
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
      this.#save(ADOPTED, JSON.stringify([earlier, to]));
    }
  }

  *all(): Iterable<readonly [from: string, to: string]> {
    for (const [from, heirs] of this.#heirs) for (const to of heirs) yield [from, to];
  }

  retired(): Iterable<string> {
    return this.#retired.keys();
  }

  /** The source is gone for good. */
  retire(source: string): void {
    if (this.#retired.has(source)) return;
    this.#retired.set(source, this.#save(RETIRED, source));
  }

  isRetired(source: string): boolean {
    return this.#retired.has(source);
  }

  /** It is not gone after all. */
  returned(source: string): void {
    const key = this.#retired.get(source);
    if (key === undefined) return;
    this.#retired.delete(source);
    this.#store.setEntry(key, undefined);
  }

  /** Gives the key of the entry. */
  #save(prefix: string, text: string): string {
    const isShort = Buffer.byteLength(text) <= LONGEST_IN_KEY && !NUMBER.test(text);
    if (!isShort) this.#last += 1;
    const key = isShort ? prefix + text : `${prefix}#${this.#last}`;
    this.#store.setEntry(key, isShort ? '' : text);
    return key;
  }

  *#saved(prefix: string): Iterable<{ readonly key: string; readonly text: string }> {
    for (const [key, value] of this.#store.entries(prefix)) {
      const name = key.slice(prefix.length);
      if (value === '') {
        yield { key, text: name };
        continue;
      }
      this.#last = Math.max(this.#last, Number(name.slice(1)) || 0);
      yield { key, text: value };
    }
  }

  #add(from: string, to: string): void {
    const heirs = this.#heirs.get(from);
    if (heirs === undefined) this.#heirs.set(from, new Set([to]));
    else heirs.add(to);
  }
}
