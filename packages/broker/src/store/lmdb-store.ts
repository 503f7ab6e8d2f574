import { CeBrokerError, type Logger } from 'ce-broker-proto';
import type {
  EventStore,
  OpenStore,
  StoreListener,
  StoreRecord,
  StoreRefusal,
  StoreStats,
  StoreTable,
} from '../state/event-store.js';
import { MemoryBytes } from '../state/memory-store.js';
import type { Place } from '../state/place.js';
import type { Resource } from '../state/resource.js';
import type { StoredBytes, StoredNote } from '../state/stored.js';
import { backup, copied } from './backup.js';
import { type Databases, reasonOf } from './databases.js';
import { EndsLoader } from './ends-loader.js';
import { Group } from './group.js';
import { diskOf, GroupCounts } from './group-counts.js';
import { encodeEvent, numberKey } from './layout.js';
import type { LmdbSettings } from './lmdb-settings.js';
import { Patience } from './patience.js';
import { type Progress, readProgress } from './progress.js';
import { readEvent } from './read-event.js';
import { readHead, scanHeads } from './read-heads.js';
import { RecentBytes } from './recent-bytes.js';
import { type Recovered, readEntries, recover } from './recover.js';
import { Settling, type Slice } from './settling.js';
import { cannotBeOpened, isBehind, refusalOf } from './store-failure.js';
import { Troubles } from './troubles.js';
import { type WrittenGroup, writeGroup } from './write-group.js';

const SLICE_AT_REST = 2_048;
const LEAST_SLICE = 64;
const LONGEST_ENTRY_KEY = 1_800;
/** Damaged pages that are named one by one. */
/** Positions that were given out for what is kept in memory only are lost with the process: after a restart they are jumped over. */
const POSITIONS_AHEAD = 1_000_000;

/**
 * Keeps events in LMDB: what happens in one turn is a group, written and synced as one transaction, one group after the other. Events and
 * what their resources have become are appended; where the resources belong they are written later (docs/adr/0009).
 */
export class LmdbStore implements EventStore, OpenStore {
  readonly name = 'lmdb';
  readonly epoch: string;
  readonly lastPosition: number;
  readonly #databases: Databases;
  readonly #settings: LmdbSettings;
  readonly #logger: Logger;
  readonly #directory: string;
  readonly #recent: RecentBytes;
  readonly #settling: Settling;
  readonly #entries: Map<string, string>;
  readonly #counts = new GroupCounts();
  readonly #onClosed: () => void;
  #listener: StoreListener | undefined = undefined;
  #places = new Map<number, Place>();
  #growing = new Group();
  #underWay: Group | undefined = undefined;
  #scheduled = false;
  #settleNow = false;
  readonly #troubles = new Troubles();
  readonly #patience = new Patience();
  #progress: Progress;
  #keptBytes: number;
  #position: number;
  /** How many entries each group has in the journal, in ascending order of the groups. */
  #journal = new Map<number, number>();
  #endsLoader: EndsLoader | undefined = undefined;
  #whenIdle: (() => void)[] = [];
  #closing = false;
  #closed = false;

  /** @param onClosed lets go of what was taken to open it */
  constructor(
    databases: Databases,
    directory: string,
    logger: Logger,
    settings: LmdbSettings,
    onClosed: () => void,
  ) {
    this.#databases = databases;
    this.#directory = directory;
    this.#logger = logger;
    this.#settings = settings;
    this.#onClosed = onClosed;
    this.#recent = new RecentBytes(settings.cacheBytes);
    this.#settling = new Settling(settings.settleAt);
    this.#progress = readProgress(databases.meta);
    this.epoch = this.#progress.epoch;
    this.#keptBytes = this.#progress.keptBytes;
    this.lastPosition = this.#progress.position === 0 ? 0 : this.#progress.position + POSITIONS_AHEAD;
    this.#position = this.lastPosition;
    this.#entries = new Map(readEntries(databases, logger));
  }

  get durablePosition(): number {
    const first = this.#underWay?.first ?? this.#growing.first;
    return first === undefined ? Number.MAX_SAFE_INTEGER : first - 1;
  }

  get refusal(): StoreRefusal | undefined {
    const { refusal } = this.#troubles;
    if (refusal !== undefined) return refusal;
    const waiting = this.#uncommittedBytes;
    return waiting <= this.#settings.mostUnderWay ? undefined : isBehind(waiting, this.#directory);
  }

  get #uncommittedBytes(): number {
    return this.#growing.bytes + (this.#underWay?.bytes ?? 0);
  }

  get hasUnsavedEntries(): boolean {
    return this.#growing.entries.size > 0 || (this.#underWay?.entries.size ?? 0) > 0;
  }

  get troubles(): readonly string[] {
    return this.#troubles.list;
  }

  /** Somebody else has the directory: from now on nothing is written. */
  directoryIsLost(error: CeBrokerError): void {
    this.#troubles.directoryIsLost(error);
  }

  /** Its file was found to be damaged while it is in use. */
  fileIsDamaged(message: string): void {
    this.#troubles.fileIsDamaged(message);
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  get stats(): StoreStats {
    const uncommittedBytes = this.#uncommittedBytes;
    const [unsettledHeads, journalGroups] = [this.#settling.size, this.#journal.size];
    const { commits, failedGroups, groupEvents } = this.#counts;
    const counts = { commits, failedGroups, groupEvents, uncommittedBytes, unsettledHeads, journalGroups };
    return { ...counts, ...diskOf(this.#directory) };
  }

  open(table: StoreTable, listener: StoreListener): void {
    this.#listener = listener;
    const recovered = this.#recover(table);
    this.#places = recovered.places;
    this.#settling.add(recovered.lastGroup, recovered.heads, recovered.dead);
    this.#journal = recovered.journal;
    this.#endsLoader = new EndsLoader(this.#databases, this.#places);
  }

  #recover(table: StoreTable): Recovered {
    try {
      return recover(this.#databases, table, this.#logger);
    } catch (thrown) {
      throw cannotBeOpened(thrown, this.#directory);
    }
  }

  append(record: StoreRecord): StoredBytes {
    const { position, bytes, resource } = record;
    this.#position = Math.max(this.#position, position);
    if (resource.place.keep === 'latest') return new MemoryBytes(record);
    this.#number(resource.place);
    const encoded = encodeEvent(numberKey(position), record);
    this.#growing.events.set(position, encoded);
    this.#growing.first ??= position;
    this.#growing.bytes += encoded.byteLength;
    this.#keptBytes += bytes.byteLength;
    this.#recent.add(position, encoded.subarray(encoded.byteLength - bytes.byteLength));
    this.#schedule();
    return { position, size: bytes.byteLength };
  }

  read(stored: StoredBytes): Uint8Array {
    if (stored instanceof MemoryBytes) return stored.bytes;
    const recent = this.#recent.get(stored.position);
    if (recent !== undefined) return recent;
    const { bytes } = readEvent(this.#databases, this.#directory, stored.position);
    this.#recent.add(stored.position, bytes);
    this.#recent.trim(this.durablePosition);
    return bytes;
  }

  describe(stored: StoredBytes): StoredNote | undefined {
    if (stored instanceof MemoryBytes) return stored;
    const growing = this.#growing.events.get(stored.position) ?? this.#underWay?.events.get(stored.position);
    const { at, user } = readEvent(this.#databases, this.#directory, stored.position, growing);
    return { at, user };
  }

  forget(stored: StoredBytes): void {
    if (stored instanceof MemoryBytes) return;
    this.#keptBytes -= stored.size;
    this.#recent.delete(stored.position);
    const unwritten = this.#growing.events.get(stored.position);
    if (unwritten === undefined) this.#growing.dead.push(stored.position);
    else {
      this.#growing.events.delete(stored.position);
      this.#growing.bytes -= unwritten.byteLength;
    }
    this.#schedule();
  }

  changed(resource: Resource, place: Place): void {
    this.#number(place);
    this.#growing.resources.add(resource);
    this.#growing.places.add(place);
    // Nothing may come of an event but a change: its position is not durable before that is.
    this.#growing.first ??= this.#position + 1;
    this.#schedule();
  }

  load(place: Place, id: string): Uint8Array | undefined {
    return readHead(this.#databases, place, id, this.#onDamaged);
  }

  scan(place: Place, skip: ReadonlySet<string>): Iterable<readonly [string, Uint8Array]> {
    return scanHeads(this.#databases, place, skip, this.#onDamaged);
  }

  committed(resource: Resource): Uint8Array | undefined {
    const head = this.#settling.get(resource);
    return head === undefined ? this.load(resource.place, resource.id) : head.record;
  }

  isUnsettled(resource: Resource): boolean {
    return (
      this.#settling.has(resource) ||
      this.#growing.resources.has(resource) ||
      this.#underWay?.resources.has(resource) === true
    );
  }

  dropPartition(place: Place): void {
    if (place.number === 0) return;
    this.#growing.places.delete(place);
    this.#growing.droppedPlaces.push(place.number);
    this.#places.delete(place.number);
    place.number = 0;
    this.#schedule();
  }

  tick(position: number): void {
    this.#position = Math.max(this.#position, position);
    if (this.#listener !== undefined) this.#endsLoader?.load(this.#listener);
    if (!this.#growing.isEmpty || this.#underWay !== undefined) return;
    // Nothing is to be written: time to settle, and to say how far positions have come without anything that is kept.
    if (this.#position - this.#progress.position > POSITIONS_AHEAD / 2) this.#growing.withProgress = true;
    this.#settleNow = !this.#settling.isEmpty;
    if (this.#settleNow || this.#growing.withProgress) this.#schedule();
  }

  setEntry(key: string, value: string | undefined): void {
    if (Buffer.byteLength(key) > LONGEST_ENTRY_KEY)
      throw new CeBrokerError('internal', `the key of an entry has more than ${LONGEST_ENTRY_KEY} bytes`);
    if (value === undefined) this.#entries.delete(key);
    else this.#entries.set(key, value);
    this.#growing.entries.set(key, value);
    this.#schedule();
  }

  *entries(prefix: string): Iterable<readonly [string, string]> {
    for (const key of [...this.#entries.keys()].filter((name) => name.startsWith(prefix)).sort()) {
      const value = this.#entries.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  backup(): AsyncIterable<Uint8Array> {
    return backup(this.#databases, this.#directory);
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#troubles.close();
    this.#endsLoader?.close();
    this.#settleNow = true;
    this.#schedule();
    while (this.#underWay !== undefined || this.#scheduled)
      await new Promise<void>((resolve) => {
        this.#whenIdle.push(resolve);
      });
    this.#closed = true;
    // A group that was lost meanwhile would be tried again.
    this.#troubles.close();
    await copied(this.#directory);
    await this.#databases.root.close();
    this.#onClosed();
  }

  #schedule(): void {
    if (this.#scheduled || this.#underWay !== undefined || this.#closed) return;
    this.#scheduled = true;
    setImmediate(this.#cut);
  }

  /** The group that has grown is written as one transaction, and the next begins. */
  readonly #cut = (): void => {
    const group = this.#growing;
    if (this.#patience.isWorthIt(group.events.size)) {
      setImmediate(this.#cut);
      return;
    }
    this.#scheduled = false;
    const slice = this.#nextSlice(group);
    if (group.isEmpty && slice === undefined) {
      this.#rest();
      return;
    }
    this.#growing = new Group();
    this.#underWay = group;
    this.#counts.cut();
    const { lost } = this.#troubles;
    if (lost !== undefined) {
      this.#failed(group, lost);
      return;
    }
    // Position 0 says that the store is new.
    const position = Math.max(1, this.#position);
    const before = { ...this.#progress, position, keptBytes: this.#keptBytes };
    try {
      const written = writeGroup(this.#databases, { group, slice, before, journal: this.#journal });
      written.committed.then(
        () => this.#committed(group, slice, written),
        async (thrown: unknown) => this.#failed(group, await reasonOf(thrown)),
      );
    } catch (thrown) {
      // What cannot be encoded is lost with its group; the broker is not.
      this.#failed(group, thrown);
    }
  };

  #committed(group: Group, slice: Slice | undefined, { entries, heads, progress }: WrittenGroup): void {
    this.#counts.committed(group.events.size);
    const { nextPlace } = this.#progress;
    this.#progress = { ...progress, nextPlace };
    this.#databases.root.resetReadTxn();
    if (slice !== undefined) this.#settling.settled(slice);
    for (const number of this.#journal.keys()) {
      if (number > progress.settled) break;
      this.#journal.delete(number);
    }
    if (entries > 0) this.#journal.set(progress.group, entries);
    this.#settling.add(progress.group, heads, group.dead);
    this.#underWay = undefined;
    // What only settles fits where an event does not.
    if (group.events.size > 0) this.#troubles.groupIsCommitted();
    this.#recent.trim(this.durablePosition);
    this.#tell((listener) => listener.durable());
    this.#next();
  }

  /** Nothing of the group is kept, nor of what came meanwhile: all of it goes back to what was committed before. */
  #failed(group: Group, thrown: unknown): void {
    const after = this.#growing;
    const refusal = refusalOf(thrown, this.#directory);
    this.#counts.failed(refusal.reason);
    this.#logger.error(
      { directory: this.#directory, error: refusal.message },
      'the store takes nothing at present',
    );
    this.#databases.root.resetReadTxn();
    this.#growing = new Group();
    for (const { entries } of [group, after]) {
      for (const [key, value] of entries) this.#growing.entries.set(key, value);
    }
    this.#growing.droppedPlaces.push(...group.droppedPlaces, ...after.droppedPlaces);
    for (const position of [...group.events.keys(), ...after.events.keys()]) this.#recent.delete(position);
    this.#underWay = undefined;
    this.#keptBytes = this.#progress.keptBytes;
    this.#troubles.groupIsLost(refusal, () => {
      if (!this.#growing.isEmpty) this.#schedule();
    });
    const changed = new Set([...group.resources, ...after.resources]);
    this.#tell((listener) => listener.failed(refusal, changed));
    this.#rest();
  }

  /** A defect of the listener must not stop the groups that follow. */
  #tell(say: (listener: StoreListener) => void): void {
    try {
      if (this.#listener !== undefined) say(this.#listener);
    } catch (thrown) {
      const { stack } = CeBrokerError.from(thrown, 'internal');
      this.#logger.error({ error: stack }, 'a defect of the broker; it goes on');
    }
  }

  #next(): void {
    if (this.#growing.isEmpty && !this.#settleNow) this.#rest();
    else this.#schedule();
  }

  #rest(): void {
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #nextSlice(group: Group): Slice | undefined {
    const load = 2 * Math.max(group.resources.size, group.dead.length);
    const atRest = this.#closing || (this.#settleNow && group.isEmpty);
    const slice = this.#settling.slice(
      atRest ? SLICE_AT_REST : Math.max(LEAST_SLICE, load),
      this.#settleNow ? 'begin' : 'when-due',
    );
    if (slice === undefined || slice.settledUpTo !== undefined) this.#settleNow = false;
    if (this.#closing && !this.#settling.isEmpty) this.#settleNow = true;
    return slice;
  }

  #number(place: Place): void {
    if (place.number > 0) return;
    place.number = this.#progress.nextPlace;
    this.#progress = { ...this.#progress, nextPlace: place.number + 1 };
    this.#places.set(place.number, place);
  }

  readonly #onDamaged = ({ cluster, dataType }: Place, resourceId: string): void => {
    this.#listener?.damaged({ what: 'resource', cluster, dataType, resourceId });
  };
}
