import type { Partition } from '../state/partition.js';

/** What a resync request says beside its list. */
export interface RequestHead {
  readonly type: string;
  /** Who asks, as the receiver sees it. */
  readonly source: string;
  readonly cluster: string;
  readonly originalSource: string;
}

/** What a list is made of. */
export interface ListKind<T> {
  encode(part: readonly T[]): Uint8Array;
  /** The most bytes that one entry takes. */
  boundOf(entry: T): number;
  /** Whether the entries of one id say the same. */
  isSame(one: T, other: T): boolean;
}

/** What a resync request lists, and how that is found. */
export interface ListPlan<T> {
  /** Of two questions with the same key that wait for one session only the later is asked. */
  readonly key: string;
  /** Plans of the same partition with the same word list the same; undefined: this plan is like no other. */
  readonly same?: string;
  readonly head: RequestHead;
  readonly kind: ListKind<T>;
  /** The ids and what stands in the list of each; undefined: nothing does. */
  entries(): Iterable<readonly [id: string, entry: T | undefined]>;
  /** Where what stands in the list may change while it is put together. */
  readonly changes?: { readonly partition: Partition; entryOf(id: string): T | undefined } | undefined;
  /** Whether an empty list is sent: it asks for everything. */
  readonly sendsEmpty: boolean;
}

/** Who is told when the list can be sent. */
export interface ListReader {
  /** @param first the others read it in turns of their own: what they are sent is long */
  listIsReady(now: number, first: boolean): void;
}

/** A list that all are asked with who are asked the same. */
export interface KeptList {
  /** Whether it is put together. */
  readonly isReady: boolean;
  /** Whether somebody still needs it. */
  readonly isRead: boolean;
  /** How many ids it lists. */
  readonly size: number;
  /** In how many parts it is sent. */
  readonly parts: number;
  /** Whether it lists what the plan says. */
  serves(plan: ListPlan<unknown>): boolean;
  join(reader: ListReader): void;
  leave(reader: ListReader): void;
  /** The part as it is now: mostly one message, none when nothing of it is left. */
  messages(part: number): readonly Uint8Array[];
  /** The list of nothing, which means everything. */
  empty(): readonly Uint8Array[];
  close(): void;
}
