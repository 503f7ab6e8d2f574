import { type Head, HeadLog } from './head-log.js';

/** One round: heads by partition and id, and dead events in the order of their positions, a slice with each group. */
interface Round {
  readonly log: HeadLog;
  readonly heads: readonly { readonly partition: number; readonly ids: readonly string[] }[];
  readonly dead: readonly number[];
  /** Groups up to this one are settled when the round is over. */
  readonly upTo: number;
  /** Where the next slice begins: partition, and id in it. */
  at: Cursor;
  deadDone: number;
}

interface Cursor {
  readonly partition: number;
  readonly id: number;
}

/** What one transaction settles. */
export interface Slice {
  readonly heads: readonly Head[];
  readonly dead: readonly number[];
  /** The round is over with it: journal entries up to this group may go; undefined: it goes on. */
  readonly settledUpTo: number | undefined;
  /** Where the next one begins. */
  readonly next: Cursor;
}

/**
 * Heads are committed in the journal first, in the order in which they came, which is cheap; they are written where they belong later, many
 * at once and in key order, so that neighbours share their pages. Until then they are here too.
 */
export class Settling {
  readonly #threshold: number;
  #waiting = new HeadLog();
  #dead: number[] = [];
  #round: Round | undefined;
  /** The last group that is committed in the journal. */
  #lastGroup = 0;

  /** @param threshold heads that wait before a round begins by itself */
  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  get isEmpty(): boolean {
    return this.#round === undefined && this.#waiting.size === 0 && this.#dead.length === 0;
  }

  /** How many heads are not where they belong. */
  get size(): number {
    return this.#waiting.size + (this.#round?.log.size ?? 0);
  }

  /** What was committed last of the resource; undefined: it is settled. */
  get(partition: number, id: string): Head | undefined {
    return this.#waiting.get(partition, id) ?? this.#round?.log.get(partition, id);
  }

  /** Those of a partition that are not settled at this moment. */
  ids(partition: number): ReadonlySet<string> {
    return new Set([...(this.#round?.log.ids(partition) ?? []), ...this.#waiting.ids(partition)]);
  }

  /** A group is committed. */
  add(group: number, heads: Iterable<Head>, dead: readonly number[]): void {
    this.#lastGroup = group;
    for (const head of heads) this.#waiting.add(head);
    for (const position of dead) this.#dead.push(position);
  }

  /** The next slice of at most `most` heads and as many dead events, for the transaction that is being written; say `settled` once it is committed. */
  slice(most: number, now: 'begin' | 'when-due'): Slice | undefined {
    if (this.#round === undefined) {
      const due = this.#waiting.size >= this.#threshold || this.#dead.length >= this.#threshold;
      if (!due && (now === 'when-due' || this.isEmpty)) return undefined;
    }
    this.#round ??= this.#begin();
    const { at, dead: allDead, deadDone, heads: allHeads, log, upTo } = this.#round;
    const heads: Head[] = [];
    let { id, partition } = at;
    for (let place = allHeads[partition]; place !== undefined; place = allHeads[partition]) {
      for (; id < place.ids.length && heads.length < most; id++) {
        const head = log.get(place.partition, place.ids[id] ?? '');
        if (head !== undefined) heads.push(head);
      }
      if (id < place.ids.length) break;
      partition += 1;
      id = 0;
    }
    const dead = allDead.slice(deadDone, deadDone + most);
    const over = partition === allHeads.length && deadDone + dead.length === allDead.length;
    return { heads, dead, settledUpTo: over ? upTo : undefined, next: { partition, id } };
  }

  settled({ dead, next, settledUpTo }: Slice): void {
    if (this.#round === undefined) return;
    this.#round.at = next;
    this.#round.deadDone += dead.length;
    if (settledUpTo !== undefined) this.#round = undefined;
  }

  #begin(): Round {
    const log = this.#waiting;
    const dead = this.#dead.sort((one, other) => one - other);
    this.#waiting = new HeadLog();
    this.#dead = [];
    const at = { partition: 0, id: 0 };
    return { log, heads: log.sorted(), dead, upTo: this.#lastGroup, at, deadDone: 0 };
  }
}
