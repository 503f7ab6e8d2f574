import type { Resource } from '../state/resource.js';
import type { HeadChange } from './layout.js';

/** What is known of a resource since some group, and where it belongs. */
export interface Head extends HeadChange {
  readonly resource: Resource;
  /** It ends some day by itself: a deletion, or the memory of one. */
  readonly ends: boolean;
}

/** One round: heads by their partitions and ids, almost in the order of their keys, and dead events in the order of their positions, a slice with each group. */
interface Round {
  readonly heads: readonly Head[];
  readonly byResource: ReadonlyMap<Resource, Head>;
  readonly dead: readonly number[];
  /** Groups up to this one are settled when the round is over. */
  readonly upTo: number;
  headsDone: number;
  deadDone: number;
}

/** What one transaction settles. */
export interface Slice {
  readonly heads: readonly Head[];
  readonly dead: readonly number[];
  /** The round is over with it: journal entries up to this group may go; undefined: it goes on. */
  readonly settledUpTo: number | undefined;
}

/**
 * Heads are committed in the journal first, in the order in which they came, which is cheap; they are written where they belong later, many
 * at once and in key order, so that neighbours share their pages. Until then they are here too.
 */
export class Settling {
  readonly #threshold: number;
  #waiting = new Map<Resource, Head>();
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

  /** How many resources are in memory for its sake. */
  get size(): number {
    return this.#waiting.size + (this.#round?.byResource.size ?? 0);
  }

  has(resource: Resource): boolean {
    return this.#waiting.has(resource) || this.#round?.byResource.has(resource) === true;
  }

  /** What was committed last of the resource; undefined: it is settled. */
  get(resource: Resource): Head | undefined {
    return this.#waiting.get(resource) ?? this.#round?.byResource.get(resource);
  }

  /** A group is committed. */
  add(group: number, heads: readonly Head[], dead: readonly number[]): void {
    this.#lastGroup = group;
    for (const head of heads) this.#waiting.set(head.resource, head);
    for (const position of dead) this.#dead.push(position);
  }

  /** The next slice of at most `most` heads and as many dead events, for the transaction that is being written; say `settled` once it is committed. */
  slice(most: number, now: 'begin' | 'when-due'): Slice | undefined {
    if (this.#round === undefined) {
      const due = this.#waiting.size >= this.#threshold || this.#dead.length >= this.#threshold;
      if (!due && (now === 'when-due' || this.isEmpty)) return undefined;
      this.#begin();
    }
    const round = this.#round;
    if (round === undefined) return undefined;
    const heads = round.heads.slice(round.headsDone, round.headsDone + most);
    const dead = round.dead.slice(round.deadDone, round.deadDone + most);
    const over =
      round.headsDone + heads.length === round.heads.length &&
      round.deadDone + dead.length === round.dead.length;
    return { heads, dead, settledUpTo: over ? round.upTo : undefined };
  }

  settled({ dead, heads, settledUpTo }: Slice): void {
    if (this.#round === undefined) return;
    this.#round.headsDone += heads.length;
    for (const { ends, resource } of heads) resource.mayBeInEnds = ends;
    this.#round.deadDone += dead.length;
    if (settledUpTo !== undefined) this.#round = undefined;
  }

  #begin(): void {
    const byResource = this.#waiting;
    const heads = [...byResource.values()].sort(inOrder);
    const dead = this.#dead.sort((one, other) => one - other);
    this.#round = { heads, byResource, dead, upTo: this.#lastGroup, headsDone: 0, deadDone: 0 };
    this.#waiting = new Map();
    this.#dead = [];
  }
}

function inOrder(one: Head, other: Head): number {
  if (one.partition !== other.partition) return one.partition - other.partition;
  return one.id < other.id ? -1 : 1;
}
