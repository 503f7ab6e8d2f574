import { type Head, HeadLog, hashOf, type WaitingHead } from './head-log.js';

/** One round: heads by partition and key, and dead events in the order of their positions, a slice with each group. */
interface Round {
  readonly log: HeadLog;
  readonly partitions: readonly number[];
  readonly dead: Float64Array;
  /** Groups up to this one are settled when the round is over. */
  readonly upTo: number;
  /** Where the next slice begins. */
  at: Cursor;
  deadDone: number;
  /** The heads of the partition that was looked at last. */
  entries: { readonly of: number; readonly sorted: Uint32Array };
}

/** Which of the partitions of a round, and which head in it. */
interface Cursor {
  readonly partition: number;
  readonly head: number;
}

/** What one transaction settles. */
export interface Slice {
  readonly heads: readonly WaitingHead[];
  readonly dead: readonly number[];
  /** The round is over with it: journal entries up to this group may go; undefined: it goes on. */
  readonly settledUpTo: number | undefined;
  /** Where the next one begins. */
  readonly next: Cursor;
}

/** When a round begins by itself. */
export interface SettlingLimits {
  /** Heads that wait, or dead events; it may be changed. */
  threshold: number;
  /** What the heads that wait take in memory, and what dead events take in the file. */
  readonly bytes: number;
  readonly deadBytes: number;
  /** Groups of theirs in the journal: all of them go at the end of a round, in one turn. */
  readonly groups: number;
}

/**
 * Heads are committed in the journal first, in the order in which they came, which is cheap; they are written where they belong later, many
 * at once and in key order, so that neighbours share their pages. Until then they are here too.
 */
export class Settling {
  readonly limits: SettlingLimits;
  #waiting = new HeadLog();
  #dead: number[] = [];
  #deadBytes = 0;
  #times = 0;
  #round: Round | undefined;
  /** The last group that is committed in the journal, and the last one that a round has begun to settle. */
  #lastGroup = 0;
  #begunUpTo = 0;

  constructor(limits: SettlingLimits) {
    this.limits = limits;
  }

  get isEmpty(): boolean {
    return this.#round === undefined && this.#waiting.size === 0 && this.#dead.length === 0;
  }

  /** How often something was settled. */
  get times(): number {
    return this.#times;
  }

  /** How many heads are not where they belong. */
  get size(): number {
    return this.#waiting.size + (this.#round?.log.size ?? 0);
  }

  /** What was committed last of the resource with that key; undefined: it is settled. */
  get(key: Buffer): WaitingHead | undefined {
    if (this.size === 0) return undefined;
    const hash = hashOf(key);
    return this.#waiting.get(key, hash) ?? this.#round?.log.get(key, hash);
  }

  /** Those of a partition that are not settled at this moment. */
  ids(partition: number): ReadonlySet<string> {
    return new Set([...(this.#round?.log.ids(partition) ?? []), ...this.#waiting.ids(partition)]);
  }

  /** A group is committed. */
  add(group: number, heads: Iterable<Head>, dead: readonly number[], deadBytes = 0): void {
    this.#deadBytes += deadBytes;
    if (this.isEmpty) this.#begunUpTo = group - 1;
    this.#lastGroup = group;
    for (const head of heads) this.#waiting.add(head);
    for (const position of dead) this.#dead.push(position);
  }

  /** The next slice of at most `most` heads and as many dead events, for the transaction that is being written; say `settled` once it is committed. */
  slice(most: number, now: 'begin' | 'when-due'): Slice | undefined {
    if (this.#round === undefined && !this.isDue && (now === 'when-due' || this.isEmpty)) return undefined;
    this.#round ??= this.#begin();
    const { at, dead: allDead, deadDone, log, partitions, upTo } = this.#round;
    const heads: WaitingHead[] = [];
    let { head, partition } = at;
    while (partition < partitions.length && heads.length < most) {
      const entries = sortedOf(this.#round, partition);
      const end = Math.min(entries.length, head + most - heads.length);
      for (const entry of entries.subarray(head, end)) heads.push(log.at(entry));
      head = end;
      if (end < entries.length) break;
      partition += 1;
      head = 0;
    }
    const dead = [...allDead.subarray(deadDone, deadDone + most)];
    const over = partition === partitions.length && deadDone + dead.length === allDead.length;
    return { heads, dead, settledUpTo: over ? upTo : undefined, next: { partition, head } };
  }

  settled({ dead, next, settledUpTo }: Slice): void {
    if (this.#round === undefined) return;
    this.#times += 1;
    this.#round.at = next;
    this.#round.deadDone += dead.length;
    if (settledUpTo !== undefined) this.#round = undefined;
  }

  /** So much waits that a round is to begin. */
  get isDue(): boolean {
    const { bytes, deadBytes, groups, threshold } = this.limits;
    if (this.#waiting.size >= threshold || this.#dead.length >= threshold) return true;
    if (this.#waiting.bytes >= bytes || this.#deadBytes >= deadBytes) return true;
    return this.#lastGroup - this.#begunUpTo >= groups;
  }

  #begin(): Round {
    const log = this.#waiting;
    // As numbers, which takes a tenth of what comparing them takes.
    const dead = Float64Array.from(this.#dead).sort();
    // As many may come until the next round begins.
    this.#waiting = new HeadLog(log.size);
    this.#dead = [];
    this.#deadBytes = 0;
    this.#begunUpTo = this.#lastGroup;
    const at = { partition: 0, head: 0 };
    const entries = { of: -1, sorted: new Uint32Array(0) };
    const partitions = log.partitions();
    return { log, partitions, dead, upTo: this.#lastGroup, at, deadDone: 0, entries };
  }
}

function sortedOf(round: Round, partition: number): Uint32Array {
  if (round.entries.of !== partition)
    round.entries = { of: partition, sorted: round.log.sorted(round.partitions[partition] ?? 0) };
  return round.entries.sorted;
}
