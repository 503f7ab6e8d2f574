import type { DataTypePolicies } from '../access/data-type-policy.js';
import type { ByteBudget } from '../delivery/byte-budget.js';
import type { Session } from '../delivery/session.js';
import type { SessionRole } from '../delivery/session-description.js';
import type { SessionRegistry } from '../delivery/session-registry.js';
import type { SessionSettings } from '../delivery/session-settings.js';
import type { EventStore } from '../state/event-store.js';
import type { Partition } from '../state/partition.js';
import type { RecentEvents } from '../state/recent-events.js';
import type { Cell, Resource } from '../state/resource.js';
import type { ResourceTable } from '../state/resource-table.js';
import type { SharedStrings } from '../state/shared-strings.js';
import type { StoredBytes } from '../state/stored.js';
import type { Scanner } from '../wire/scan.js';
import type { Adoptions } from './adoptions.js';
import type { Counters } from './counters.js';
import type { DeletionGuard } from './deletion-guard.js';
import type { Holds } from './holds.js';
import type { KeptList } from './list-plan.js';
import type { CoreOptions } from './options.js';
import type { CorePort, PublishCall, ServiceHook } from './port.js';
import type { Reconciling } from './reconciling.js';
import type { Trace } from './trace.js';
import type { Walk } from './walk.js';

/** What the verbs work on: the rooms, side by side. `BrokerCore` is the only one that makes it. */
export interface Core {
  readonly options: CoreOptions;
  readonly port: CorePort;
  readonly scanner: Scanner;
  readonly policies: DataTypePolicies;
  readonly services: Map<string, ServiceHook>;
  readonly table: ResourceTable;
  /** The data types of resources and sessions, each as one string. */
  readonly dataTypes: SharedStrings;
  readonly store: EventStore;
  readonly recent: RecentEvents;
  readonly sessions: SessionRegistry;
  readonly sessionSettings: SessionSettings;
  readonly holds: Holds;
  readonly deletions: DeletionGuard;
  readonly reconciling: Reconciling;
  readonly adoptions: Adoptions;
  readonly counters: Counters;
  readonly trace: Trace;
  /** Work that must not run inside the Publish that asked for it. */
  readonly jobs: Map<string, DueJob>;
  /** Lists that somebody is asked with, or was a moment ago, by what they list. */
  readonly lists: Map<unknown, KeptList>;
  /** Work over many resources that goes on in later turns, by the key of its job. */
  readonly walks: Map<string, Walk>;
  /** Appended, not yet durable, in order of position. */
  readonly pending: PendingAppend[];
  /** Who was owed what is owed no more, as long as the store may lose the change. */
  readonly owedBefore: Map<Resource, OwedBefore>;
  readonly agenda: Agenda;
  /** One counter for the whole broker. */
  position: number;
  /** Sources that published specs of a data type while nothing is kept. */
  readonly writersWithoutState: Map<string, Set<string>>;
  /** What all lanes hold. */
  readonly laneBudget: ByteBudget;
  /** What the resyncs hold whose asker is not here yet, and those that are answered. */
  readonly heldBudget: ByteBudget;
  readonly answerBudget: ByteBudget;
  nextSessionId: number;
  nextListId: number;
  nextCleaning: number;
  nextSweep: number;
  draining: boolean;
}

/** Work for a later turn. Jobs of the same key are one: a later one replaces an earlier one that has not begun. */
export interface Job {
  readonly key: string;
  /** `again`: it ran before, for another session; what its asker holds may be newer than its list. */
  run(now: number, again: boolean): void;
}

export interface DueJob {
  readonly key: string;
  run(now: number): void;
}

export interface PendingAppend {
  readonly position: number;
  /** Undefined: only the answer waits. */
  readonly cell: Cell | undefined;
  readonly stored: StoredBytes | undefined;
  readonly role: SessionRole;
  /** Cluster or source; `""` is all sources. */
  readonly to: string;
  readonly at: number;
  call: PublishCall | undefined;
  /** The agent says that the life before is over there: the present one follows the answer to that. */
  readonly confirmed?: Resource | undefined;
  /** Of the event: should the store lose it, it may be sent again. */
  readonly source: string;
  readonly id: string;
}

/** The end of an earlier life that is owed to nobody any more, unless the store loses the group of it. */
export interface OwedBefore {
  /** Of the deletion. */
  readonly position: number;
  /** Durable from here on. */
  readonly until: number;
  readonly owed: readonly Session[];
}

/** What is due later, by key. */
export interface Agenda {
  /** Resyncs of the last seconds by the key of their job, oldest first: their asker's subscription may come after them. */
  readonly held: Map<string, HeldResync>;
  /** The keys of those by role and name of the asker. */
  readonly heldBy: Map<string, Set<string>>;
  /** Lists that shared one under way but know more than it did. */
  readonly lists: Map<string, DueList>;
  /** Statuses to ask for once a source's specs are known again. */
  readonly statuses: Map<string, DueStatuses>;
}

export interface HeldResync {
  readonly role: 'agent' | 'source';
  readonly name: string;
  readonly dataType: string;
  readonly bytes: number;
  /** Where they are reserved. */
  readonly budget: ByteBudget;
  readonly at: number;
  readonly expires: number;
  readonly job: Job;
  runs: number;
}

export interface DueList {
  readonly source: string;
  readonly partition: Partition;
  readonly listed: ReadonlyMap<string, bigint>;
  readonly due: number;
}

export interface DueStatuses {
  readonly source: string;
  readonly partition: Partition;
  readonly due: number;
}
