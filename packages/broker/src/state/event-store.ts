import type { Logger } from 'ce-broker-proto';
import type { Distribution } from './distribution.js';
import type { Place } from './place.js';
import type { Resource } from './resource.js';
import type { CellKind, StoredBytes, StoredNote } from './stored.js';

export type { CellKind, StoredBytes, StoredNote };

/**
 * Where the broker's memory lives: the bytes of the newest events and of some before them, what is known of each resource, and a few
 * entries of its own. Memory, or a store that commits in groups (docs/adr/0009). All calls are synchronous; what becomes durable
 * later is told to the store's listener.
 *
 * A group is everything that happened since the group before was cut: it becomes durable as a whole or not at all.
 */
export interface EventStore {
  readonly name: string;
  /** Names one unbroken line of positions; another one after a loss or a restore. */
  readonly epoch: string;
  /** Everything up to this position is durable. Delivery and acknowledgement wait for it. */
  readonly durablePosition: number;
  /** The highest position that the store may have given out before this start; 0: it is new. */
  readonly lastPosition: number;
  /** Why nothing can be kept at present (the disk is full, the disk fails); undefined: it can. Checked before anything changes. */
  readonly refusal: StoreRefusal | undefined;
  /** What is wrong with it at present, a sentence each, for the status page; none: nothing that is known. */
  readonly troubles: readonly string[];
  /** Bytes of payload and envelope that are kept, for the status page. */
  readonly keptBytes: number;
  /** How the store does, for the metrics; undefined: there is nothing to say. */
  readonly stats?: StoreStats | undefined;

  /** Keeps `record.bytes`, which are borrowed: they may be part of a larger chunk, and nobody changes them while they are kept. */
  append(record: StoreRecord): StoredBytes;
  /** The bytes of a kept event. Throws CeBrokerError `data_loss` when they are damaged: they are never handed on. */
  read(stored: StoredBytes): Uint8Array;
  /** When an event was kept and who published it; undefined: the store does not say. */
  describe(stored: StoredBytes): StoredNote | undefined;
  /**
   * This record is needed no more. Once for each that was kept: the handle may be that of another event from the next `append` on, so nobody
   * keeps one from one turn to the next beside its resource.
   */
  forget(stored: StoredBytes): void;

  /** What was kept before this start is put into the table: its partitions, and resources that must be in memory. Called once, first. */
  open(table: StoreTable, listener: StoreListener): void;
  /** What is known of the resource has changed: as it is when the group is cut, it is committed with it. */
  changed(resource: Resource, place: Place): void;
  /** What was committed last of a resource; undefined: nothing. */
  load(place: Place, id: string): Uint8Array | undefined;
  /** The same of every resource of a partition, without those of `skip`. It may be walked over several turns, while things change. */
  scan(place: Place, skip: ReadonlySet<string>): Iterable<readonly [id: string, record: Uint8Array]>;
  /** It must stay in memory: what is known of it is not yet where `load` looks. */
  isUncommitted(resource: Resource): boolean;
  /** Nothing is in the partition any more. */
  dropPartition(place: Place): void;
  /** The broker's position, also where nothing was kept: after a restart positions go on above it. Called a few times per second. */
  tick(position: number): void;

  /** A consistent copy of everything that is durable, piece by piece, while the store is used; undefined: the store has no files to copy. */
  backup?(): AsyncIterable<Uint8Array>;

  /** An entry of the broker's own, such as what is held; undefined removes it. Committed with the group. */
  setEntry(key: string, value: string | undefined): void;
  /** Entries were set that are not committed yet; the listener hears `durable` when they are. */
  readonly hasUnsavedEntries: boolean;
  /** All entries whose key begins so, in the order of their keys; also those that are not committed yet. */
  entries(prefix: string): Iterable<readonly [key: string, value: string]>;
}

/** What a store fills when it is opened: the table of resources. */
export interface StoreTable {
  /** @param owned how many resources each source owns; undefined comes back when the policy has changed and it is kept no more */
  addPartition(stored: StoredPartition): Place | undefined;
  /** A resource that ends some day by itself, and must be in memory for that. */
  addResource(place: Place, id: string, record: Uint8Array): Resource;
}

/** A partition as a store keeps it. */
export interface StoredPartition {
  readonly number: number;
  readonly cluster: string;
  readonly dataType: string;
  readonly size: number;
  readonly requests: number;
  readonly owned: readonly (readonly [source: string, count: number])[];
}

/** What a store tells the core. Nothing is called from inside of a call to the store. */
export interface StoreListener {
  /** `durablePosition` has moved. */
  durable(): void;
  /** The groups that were under way are lost: what they changed is to be restored from `committed`, and their Publishes refused. */
  failed(refusal: StoreRefusal, changed: Iterable<Resource>): void;
  /** The resource ends some day by itself: it must be in memory. */
  ends(place: Place | undefined, id: string): void;
  /** A record does not have the checksum that it was written with: it is as if it had never been kept. */
  damaged(what: DamagedRecord): void;
}

export interface DamagedRecord {
  readonly what: 'event' | 'resource';
  readonly cluster: string;
  readonly dataType: string;
  readonly resourceId: string;
}

export interface StoreRecord {
  readonly resource: Resource;
  readonly kind: CellKind;
  /** One counter for the whole broker: higher is later. */
  readonly position: number;
  readonly bytes: Uint8Array;
  /** When it arrived, in milliseconds since 1970. */
  readonly at: number;
  /** The user that published it. */
  readonly user: string;
}

/** `disk-full` and `disk-error`: the disk does not take it. `behind`: too much waits for the disk already. */
export type StoreRefusalReason = 'disk-full' | 'disk-error' | 'behind';

/** Why the store takes nothing: the answer to a Publish. */
export interface StoreRefusal {
  readonly reason: StoreRefusalReason;
  readonly code: 'resource_exhausted' | 'unavailable';
  readonly message: string;
}

/** How a store on disk does, in plain numbers; sizes in bytes. */
export interface StoreStats {
  /** From the cut of a group to its commit, in seconds. */
  readonly commits: Distribution;
  /** Events by group. */
  readonly groupEvents: Distribution;
  /** Groups that the disk did not take, by reason. */
  readonly failedGroups: ReadonlyMap<StoreRefusalReason, number>;
  /** What is not committed yet. */
  readonly uncommittedBytes: number;
  /** Resources whose newest is in the journal only. */
  readonly unsettledHeads: number;
  /** Groups in the journal. */
  readonly journalGroups: number;
  readonly fileBytes: number;
  /** What the disk of the files still takes; undefined: the system does not say. */
  readonly diskFreeBytes: number | undefined;
}

/** Opens a store: `lmdbStore()` of `ce-broker/lmdb` makes one that survives. */
export interface StoreProvider {
  readonly name: string;
  /** @internal Rejects with CeBrokerError when the store cannot be used: somebody else has it, its files are damaged, the disk is read-only. */
  open(context: StoreContext): Promise<OpenStore>;
}

export interface StoreContext {
  readonly logger: Logger;
}

/** A store that was opened, until it is closed. */
export interface OpenStore extends EventStore {
  /** Waits for what is under way, and lets go of the files. */
  close(): Promise<void>;
}
