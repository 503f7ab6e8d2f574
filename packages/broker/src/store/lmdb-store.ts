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
import { StoredAt, type StoredBytes, type StoredNote } from '../state/stored.js';
import { backup, copied } from './backup.js';
import type { Databases } from './databases.js';
import { EndsLoader } from './ends-loader.js';
import { diskOf } from './group-counts.js';
import { Groups } from './groups.js';
import { encodeEvent, resourceKey } from './layout.js';
import type { LmdbSettings } from './lmdb-settings.js';
import { readEvent } from './read-event.js';
import { readHead, scanHeads } from './read-heads.js';
import { RecentBytes } from './recent-bytes.js';
import { type Recovered, readEntries, recover } from './recover.js';
import { cannotBeOpened, isBehind } from './store-failure.js';

const LONGEST_ENTRY_KEY = 1_800;
/** One of so many resources may wait to be settled. */
const SHARE_TO_SETTLE = 8;

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
  readonly #groups: Groups;
  readonly #entries: Map<string, string>;
  readonly #onClosed: () => void;
  #listener: StoreListener | undefined = undefined;
  #places = new Map<number, Place>();
  #endsLoader: EndsLoader | undefined = undefined;
  #closing = false;

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
    this.#groups = new Groups({ databases, directory, logger, settings, recent: this.#recent });
    this.epoch = this.#groups.epoch;
    this.lastPosition = this.#groups.position;
    this.#entries = new Map(readEntries(databases, logger));
  }

  get durablePosition(): number {
    return this.#groups.durablePosition;
  }

  get refusal(): StoreRefusal | undefined {
    const { troubles, uncommittedBytes: waiting } = this.#groups;
    const { refusal } = troubles;
    if (refusal !== undefined) return refusal;
    return waiting <= this.#settings.mostUnderWay ? undefined : isBehind(waiting, this.#directory);
  }

  get hasUnsavedEntries(): boolean {
    return this.#groups.hasUnsavedEntries;
  }

  get troubles(): readonly string[] {
    return this.#groups.troubles.list;
  }

  /** Somebody else has the directory: from now on nothing is written. */
  directoryIsLost(error: CeBrokerError): void {
    this.#groups.troubles.directoryIsLost(error);
  }

  /** Its file was found to be damaged while it is in use. */
  fileIsDamaged(message: string): void {
    this.#groups.troubles.fileIsDamaged(message);
  }

  get keptBytes(): number {
    return this.#groups.keptBytes;
  }

  get stats(): StoreStats {
    const { counts: groups, journalGroups, settling, uncommittedBytes } = this.#groups;
    const unsettledHeads = settling.size;
    const { commits, failedGroups, groupEvents } = groups;
    const counts = { commits, failedGroups, groupEvents, uncommittedBytes, unsettledHeads, journalGroups };
    return { ...counts, ...diskOf(this.#directory) };
  }

  open(table: StoreTable, listener: StoreListener): void {
    this.#listener = listener;
    const recovered = this.#recover(table);
    this.#places = recovered.places;
    this.#groups.begin(recovered, listener);
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
    this.#groups.reached(position);
    if (resource.place.keep === 'latest') return new MemoryBytes(record);
    this.#number(resource.place);
    const encoded = encodeEvent(record);
    const { growing } = this.#groups;
    const stored = new StoredAt(position, bytes.byteLength);
    growing.events.add(stored, encoded);
    growing.first ??= position;
    growing.bytes += encoded.byteLength;
    this.#groups.keeps(bytes.byteLength);
    this.#recent.add(stored, encoded.subarray(encoded.byteLength - bytes.byteLength));
    this.#groups.schedule();
    return stored;
  }

  read(stored: StoredBytes): Uint8Array {
    if (stored instanceof MemoryBytes) return stored.bytes;
    const kept = stored as StoredAt;
    if (kept.bytes !== undefined) return kept.bytes;
    const { bytes } = readEvent(this.#databases, this.#directory, stored.position);
    this.#recent.add(kept, bytes);
    this.#recent.trim(this.durablePosition);
    return bytes;
  }

  describe(stored: StoredBytes): StoredNote | undefined {
    if (stored instanceof MemoryBytes) return stored;
    const unwritten = this.#groups.unwritten(stored.position);
    const { at, user } = readEvent(this.#databases, this.#directory, stored.position, unwritten);
    return { at, user };
  }

  forget(stored: StoredBytes): void {
    if (stored instanceof MemoryBytes) return;
    const { growing } = this.#groups;
    this.#groups.keeps(-stored.size);
    this.#recent.letGo(stored as StoredAt);
    const unwritten = growing.events.delete(stored.position);
    if (unwritten === undefined) {
      growing.dead.push(stored.position);
      growing.deadBytes += stored.size;
    } else growing.bytes -= unwritten.byteLength;
    this.#groups.schedule();
  }

  changed(resource: Resource, place: Place): void {
    this.#number(place);
    const { growing, position } = this.#groups;
    growing.resources.add(resource);
    if (place.revision !== place.storedRevision) {
      place.storedRevision = place.revision;
      growing.places.add(place);
    }
    // Nothing may come of an event but a change: its position is not durable before that is.
    growing.first ??= position + 1;
    this.#groups.schedule();
  }

  load(place: Place, id: string): Uint8Array | undefined {
    if (place.number === 0) return undefined;
    const key = resourceKey(place.number, id);
    const unsettled = this.#groups.settling.get(key);
    return unsettled === undefined
      ? readHead(this.#databases, place, key, this.#onDamaged)
      : unsettled.record;
  }

  /** Those that are not settled first. It may take many turns, in which they settle, and others change: each comes as it is then. */
  *scan(place: Place, skip: ReadonlySet<string>): Iterable<readonly [string, Uint8Array]> {
    const { settling } = this.#groups;
    // It is 0 once the partition is gone, and what is gone with it may not be settled yet.
    const { number } = place;
    const unsettled = settling.ids(number);
    for (const id of unsettled) {
      const record = skip.has(id) || place.number !== number ? undefined : this.load(place, id);
      if (record !== undefined) yield [id, record];
    }
    const isSeen = (id: string): boolean => unsettled.has(id) || skip.has(id);
    const times = (): number => settling.times;
    for (const [id, settled] of scanHeads(this.#databases, place, isSeen, times, this.#onDamaged)) {
      if (place.number !== number) return;
      const head = settling.get(resourceKey(number, id));
      const record = head === undefined ? settled : head.record;
      if (record !== undefined) yield [id, record];
    }
  }

  isUncommitted(resource: Resource): boolean {
    return this.#groups.isUncommitted(resource);
  }

  dropPartition(place: Place): void {
    if (place.number === 0) return;
    const { growing } = this.#groups;
    growing.places.delete(place);
    growing.droppedPlaces.push(place.number);
    this.#places.delete(place.number);
    place.number = 0;
    this.#groups.schedule();
  }

  tick(position: number): void {
    this.#groups.reached(position);
    if (this.#listener !== undefined) this.#endsLoader?.load(this.#listener);
    this.#groups.settling.limits.threshold = this.#settleAt();
    this.#groups.tick();
  }

  setEntry(key: string, value: string | undefined): void {
    if (Buffer.byteLength(key) > LONGEST_ENTRY_KEY)
      throw new CeBrokerError('internal', `the key of an entry has more than ${LONGEST_ENTRY_KEY} bytes`);
    if (value === undefined) this.#entries.delete(key);
    else this.#entries.set(key, value);
    this.#groups.growing.entries.set(key, value);
    this.#groups.schedule();
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
    this.#endsLoader?.close();
    await this.#groups.close();
    await copied(this.#directory);
    await this.#databases.root.close();
    this.#onClosed();
  }

  /** The more resources there are, the more heads must come together until some of them share a page. */
  #settleAt(): number {
    const { settleAt, settleAtMost } = this.#settings;
    let resources = 0;
    for (const { size } of this.#places.values()) resources += size;
    return Math.max(settleAt, Math.min(settleAtMost, Math.floor(resources / SHARE_TO_SETTLE)));
  }

  #number(place: Place): void {
    if (place.number > 0) return;
    place.number = this.#groups.nextPlace();
    place.storedRevision = -1;
    this.#places.set(place.number, place);
  }

  readonly #onDamaged = ({ cluster, dataType }: Place, resourceId: string): void => {
    this.#listener?.damaged({ what: 'resource', cluster, dataType, resourceId });
  };
}
