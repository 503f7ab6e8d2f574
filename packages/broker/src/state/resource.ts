import type { Place } from './place.js';
import type { CellKind, StoredBytes } from './stored.js';

/** One side of a resource, what it should be (`spec`), what it is (`status`) or what an agent asks for (`request`): the newest event of it. */
export class Cell {
  readonly resource: Resource;
  readonly kind: CellKind;
  stored: StoredBytes;
  /** Position of the newest event; one counter for the whole broker. */
  position: number;
  /** The newest that may be shown, while the newest of all waits for the disk. Not stored. */
  lastDurable: StoredBytes | undefined;
  /** When the newest event arrived, in milliseconds since 1970. */
  at: number;
  /** When its publisher stamped the newest event, by the publisher's clock in milliseconds; 0: unknown. */
  stampedAt = 0;
  /** Version of the newest event; `0n` when it has none. */
  version: bigint;
  /** The newest event is a deletion (spec and request). */
  deleting = false;
  /** It is of an earlier owner: the present one was given the resource by hand, and has not published it yet (spec only). */
  inherited = false;
  /** Its source has deleted it, an operator has said no, and the source has not confirmed it since (spec only). */
  declined = false;
  /** A deletion: agents may not know the life that it ends, but the one before (spec only). */
  endsUnseen = false;
  /** The newest status reports the condition Deleted (status only). */
  gone = false;
  /** How often a receiver went away right after it was handed the newest event, which is larger than Go's clients take. */
  refusedBy: Map<string, number> | undefined;
  statusHash: string | undefined;
  sequenceId: string | undefined;
  /** The source that a request is for; `""`: all (request only). */
  to = '';

  constructor(
    resource: Resource,
    kind: CellKind,
    stored: StoredBytes,
    position: number,
    at: number,
    version: bigint,
  ) {
    this.resource = resource;
    this.kind = kind;
    this.stored = stored;
    this.position = position;
    this.at = at;
    this.version = version;
  }
}

/**
 * A deletion of an earlier life that an agent may still have to see before the present life: the resource was deleted and created
 * again before the agent confirmed.
 */
export interface Farewell {
  readonly stored: StoredBytes;
  /**
   * When it was first handed to an agent of the cluster, in milliseconds; undefined: nobody has been handed it, nor anything of the present
   * life. Stored: what an agent lists at the version of the present life is of the earlier one only when nobody was.
   */
  sentAt: number | undefined;
  /** When the present life began here, in milliseconds. */
  readonly since: number;
}

/** What is remembered of a resource after its deletion was confirmed, so that late events of that life are known as such. */
export interface Grave {
  readonly version: bigint;
  /** Position and stamp of the deletion. */
  readonly position: number;
  readonly stampedAt: number;
  readonly sequenceId: string | undefined;
  readonly at: number;
}

export const PASSING = -1;

/** A resource of one data type on one cluster: who owns it, what it should be, what it is. */
export class Resource {
  readonly place: Place;
  readonly id: string;
  /** The source that published the spec, or that a status names; undefined: nobody (an orphan when an agent lists it). */
  owner: string | undefined;
  spec: Cell | undefined;
  status: Cell | undefined;
  /** What agents wrote, where the policy or their role makes them writers; it never meets the spec. */
  request: Cell | undefined;
  /** Specs, deletions among them, and statuses before the newest, newest first; undefined: none are kept. */
  pastSpecs: StoredBytes[] | undefined;
  pastStatuses: StoredBytes[] | undefined;
  /** The highest version of the present life; `0n` when it only had version 0. */
  newestVersion = 0n;
  /** The highest version of all earlier lives; undefined: this is the first. */
  earlierVersion: bigint | undefined;
  /** When the present life began by the clock of its source, in milliseconds; 0: unknown. */
  lifeBegan = 0;
  farewell: Farewell | undefined;
  /** When a deletion was last handed to a session, in milliseconds: what follows keeps a distance. Not stored. */
  deletionSentAt: number | undefined;
  grave: Grave | undefined;
  /** It is counted in its partition as a resource, and as one that holds a request. Kept by `ResourceTable.changed`. */
  counted = false;
  countedRequest = false;
  /** It is the one of its kind: what was loaded to read only is not, nor what has left memory. Nothing else may be changed. Its partition sets it. */
  inMemory = false;
  /** The change of the table after which it was loaded: as long as no other follows, it is as it is in the store. */
  seenAt = -1;
  /**
   * The sweep that found it in use last; 0: it was asked for since; `PASSING`: it was loaded where there is no room for more, and was not
   * asked for since. What nobody uses leaves memory when a store has it.
   */
  usedIn = 0;
  /** The store may have it among those that end by themselves. Not stored. */
  mayBeInEnds = true;

  constructor(place: Place, id: string) {
    this.place = place;
    this.id = id;
  }

  get tombstone(): Cell | undefined {
    return this.spec?.deleting === true ? this.spec : undefined;
  }

  /** A deletion, or the memory of one: it must be in memory, since nobody asks for it when its time is over. */
  get endsByItself(): boolean {
    return (this.tombstone ?? this.grave ?? this.farewell) !== undefined || this.request?.deleting === true;
  }

  /** Nothing is known of it, not even whose it is. */
  get isBlank(): boolean {
    return this.hasNothing && this.owner === undefined;
  }

  /** No event of it is known. With an owner: those that were are damaged. */
  get hasNothing(): boolean {
    return (this.spec ?? this.status ?? this.request ?? this.grave) === undefined;
  }
}

/** One side of a resource, to read. */
export type CellView = Readonly<Omit<Cell, 'resource' | 'refusedBy' | 'lastDurable'>>;

/** A resource to read: it may have been loaded for this moment only, so whoever wants to change or keep it asks its partition for it. */
export interface ResourceView
  extends Readonly<Omit<Resource, 'spec' | 'status' | 'request' | 'pastSpecs' | 'pastStatuses' | 'grave'>> {
  readonly spec: CellView | undefined;
  readonly status: CellView | undefined;
  readonly request: CellView | undefined;
  readonly grave: Grave | undefined;
  readonly pastSpecs: readonly StoredBytes[] | undefined;
  readonly pastStatuses: readonly StoredBytes[] | undefined;
}
