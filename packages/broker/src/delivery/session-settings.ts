import type { EventStore } from '../state/event-store.js';
import type { Cell, Resource } from '../state/resource.js';
import type { StoredBytes } from '../state/stored.js';
import type { ByteBudget } from './byte-budget.js';
import type { Holding } from './holding.js';
import type { SessionDescription } from './session-description.js';

export interface SessionSettings {
  readonly store: EventStore;
  /** The bytes of an event of the cell; undefined: they are damaged, and whoever has them is asked for them again. */
  readonly read: (cell: Cell, stored: StoredBytes) => Uint8Array | undefined;
  /** Bound of the lane for what has no state, in bytes. */
  readonly laneBytes: number;
  /** What the lanes of all sessions together may hold. */
  readonly laneBudget: ByteBudget;
  /** Distance between a deletion and what follows it on the same resource, in milliseconds. */
  readonly deletionGapMs: number;
  /** The largest message that every receiver takes; after a larger one, a receiver that goes away is not handed it again. */
  readonly receiverMaxBytes: number;
  /** Types whose deletions an agent confirms: what follows a deletion there waits for the confirmation. */
  readonly confirmsDeletion: (dataType: string) => boolean;
  /** The end of the resource's earlier life has been handed to an agent for the first time. */
  readonly saidFarewell: (resource: Resource) => void;
  readonly holding: Holding;
  readonly trace: DeliveryTrace;
}

/** Hears what was handed to whom. Called for every event that is delivered: it keeps numbers, and throws nothing. */
export interface DeliveryTrace {
  /** @param position of the event that was written to the session's connection */
  delivered(position: number, session: SessionDescription, now: number): void;
}
