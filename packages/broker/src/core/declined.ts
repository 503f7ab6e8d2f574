import type { Place } from '../state/place.js';
import type { HoldEntries } from './hold-entries.js';

type Where = Pick<Place, 'cluster' | 'dataType'>;

/** Specs at these positions are wanted because an operator discarded their deletion. */
interface Range {
  readonly kind: 'declined';
  readonly cluster: string;
  readonly dataType: string;
  readonly from: number;
  /** Undefined while they are being restored; after a crash amid that, until the next time: rather too many deletions wait than too few. */
  readonly to?: number | undefined;
}

/**
 * What an operator has said no to: a source that asks for the same deletions again finds them held, however few they are and whenever it asks.
 * One entry for each data type on a cluster, until somebody consents.
 */
export class Declined {
  readonly #entries: HoldEntries;
  readonly #ranges = new Map<string, { readonly range: Range; readonly key: string }>();

  constructor(entries: HoldEntries) {
    this.#entries = entries;
  }

  /** Takes up an entry of before this start. */
  restore(key: string, value: Readonly<Record<string, unknown>>): void {
    const { cluster, dataType, from, to } = value;
    if (typeof cluster !== 'string' || typeof dataType !== 'string' || typeof from !== 'number') return;
    const range: Range = { kind: 'declined', cluster, dataType, from };
    this.#ranges.set(keyOf(range), {
      range: typeof to === 'number' ? { ...range, to } : range,
      key,
    });
  }

  /** The deletion of a spec at this position was discarded. */
  has(place: Where, position: number): boolean {
    if (this.#ranges.size === 0) return false;
    const range = this.#ranges.get(keyOf(place))?.range;
    return range !== undefined && position >= range.from && position <= (range.to ?? position);
  }

  /** From this position on specs are restored. */
  begin(place: Where, from: number): void {
    const before = this.#ranges.get(keyOf(place))?.range;
    this.#set(place, { from: before?.from ?? from });
  }

  /** The last one has this position. */
  end(place: Where, to: number): void {
    const range = this.#ranges.get(keyOf(place))?.range;
    if (range !== undefined) this.#set(place, { from: range.from, to });
  }

  /** Forgets those that are meant. */
  drop(isMeant: (place: Where) => boolean): void {
    for (const [name, { key, range }] of this.#ranges) {
      if (!isMeant(range)) continue;
      this.#entries.remove(key);
      this.#ranges.delete(name);
    }
  }

  #set(place: Where, { from, to }: Pick<Range, 'from' | 'to'>): void {
    const { cluster, dataType } = place;
    const before = this.#ranges.get(keyOf(place));
    const range: Range = { kind: 'declined', cluster, dataType, from, ...(to !== undefined && { to }) };
    const key = this.#entries.add(range);
    if (before !== undefined) this.#entries.remove(before.key);
    this.#ranges.set(keyOf(place), { range, key });
  }
}

function keyOf({ cluster, dataType }: Where): string {
  return `${cluster}\n${dataType}`;
}
