import { CeBrokerError, type Logger } from 'ce-broker-proto';
import type { StoreListener } from '../state/event-store.js';
import type { Resource } from '../state/resource.js';
import { type Databases, reasonOf } from './databases.js';
import { Group } from './group.js';
import { GroupCounts } from './group-counts.js';
import type { LmdbSettings } from './lmdb-settings.js';
import { Patience } from './patience.js';
import { type Progress, readProgress } from './progress.js';
import type { RecentBytes } from './recent-bytes.js';
import type { Recovered } from './recover.js';
import { Settling, type Slice } from './settling.js';
import { refusalOf } from './store-failure.js';
import { Troubles } from './troubles.js';
import { type WrittenGroup, writeGroup } from './write-group.js';

const SLICE_AT_REST = 2_048;
const LEAST_SLICE = 64;
/** So many groups between two ticks are little. */
const QUIET_GROUPS = 4;
/** Positions that were given out for what is kept in memory only are lost with the process: after a restart they are jumped over. */
const POSITIONS_AHEAD = 1_000_000;

/** Where the groups are written, and what is kept beside them. */
export interface GroupsPlace {
  readonly databases: Databases;
  readonly directory: string;
  readonly logger: Logger;
  readonly settings: LmdbSettings;
  readonly recent: RecentBytes;
}

/**
 * What is to be written, one group after the other: all that happens in one turn is a transaction, synced before the next begins. With it
 * goes a slice of what earlier groups have left to settle.
 */
export class Groups {
  readonly counts = new GroupCounts();
  readonly troubles = new Troubles();
  readonly settling: Settling;
  readonly #place: GroupsPlace;
  readonly #patience = new Patience();
  #listener: StoreListener | undefined = undefined;
  #growing = new Group();
  #underWay: Group | undefined = undefined;
  #scheduled = false;
  #settleNow = false;
  #groupAtTick: number;
  #progress: Progress;
  #keptBytes: number;
  #position: number;
  /** How many entries each group has in the journal, in ascending order of the groups. */
  #journal = new Map<number, number>();
  #whenIdle: (() => void)[] = [];
  #closing = false;
  #closed = false;

  constructor(place: GroupsPlace) {
    this.#place = place;
    const { settleAt: threshold, settleAtBytes: bytes, settleAtDeadBytes: deadBytes } = place.settings;
    this.settling = new Settling({ threshold, bytes, deadBytes, groups: threshold });
    this.#progress = readProgress(place.databases.meta);
    this.#groupAtTick = this.#progress.group;
    this.#keptBytes = this.#progress.keptBytes;
    const { position } = this.#progress;
    this.#position = position === 0 ? 0 : position + POSITIONS_AHEAD;
  }

  get epoch(): string {
    return this.#progress.epoch;
  }

  /** The newest position that was given out, as far as the store knows. */
  get position(): number {
    return this.#position;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** The group that everything goes into until it is cut. Call `schedule` after a change to it. */
  get growing(): Group {
    return this.#growing;
  }

  get durablePosition(): number {
    const first = this.#underWay?.first ?? this.#growing.first;
    return first === undefined ? Number.MAX_SAFE_INTEGER : first - 1;
  }

  get uncommittedBytes(): number {
    return this.#growing.bytes + (this.#underWay?.bytes ?? 0);
  }

  get journalGroups(): number {
    return this.#journal.size;
  }

  get hasUnsavedEntries(): boolean {
    return this.#growing.entries.size > 0 || (this.#underWay?.entries.size ?? 0) > 0;
  }

  /** The record of an event that is not durable yet. */
  unwritten(position: number): Buffer | undefined {
    return this.#growing.events.record(position) ?? this.#underWay?.events.record(position);
  }

  /** Whether the resource differs from what is committed. */
  isUncommitted(resource: Resource): boolean {
    return this.#growing.resources.has(resource) || this.#underWay?.resources.has(resource) === true;
  }

  begin({ dead, heads, journal, lastGroup }: Recovered, listener: StoreListener): void {
    this.#listener = listener;
    this.settling.add(lastGroup, heads, dead);
    this.#journal = journal;
  }

  reached(position: number): void {
    this.#position = Math.max(this.#position, position);
  }

  /** @param bytes negative: less is kept */
  keeps(bytes: number): void {
    this.#keptBytes += bytes;
  }

  /** The number of a partition that is new to the store. */
  nextPlace(): number {
    const number = this.#progress.nextPlace;
    this.#progress = { ...this.#progress, nextPlace: number + 1 };
    return number;
  }

  schedule(): void {
    if (this.#scheduled || this.#underWay !== undefined || this.#closed) return;
    this.#scheduled = true;
    setImmediate(this.#cut);
  }

  /**
   * When little is written, it is time to settle, and to say how far positions have come without anything that is kept. Under load there are
   * moments without a group as well: what settled in them would not be enough to share pages.
   */
  tick(): void {
    if (this.#closing) return;
    const { group } = this.#progress;
    const isQuiet = group - this.#groupAtTick <= QUIET_GROUPS;
    this.#groupAtTick = group;
    if (!this.#growing.isEmpty || this.#underWay !== undefined) return;
    if (this.#position - this.#progress.position > POSITIONS_AHEAD / 2) this.#growing.withProgress = true;
    this.#settleNow = isQuiet && !this.settling.isEmpty;
    if (this.#settleNow || this.#growing.withProgress) this.schedule();
  }

  /** Writes and settles everything; nothing is written after it. */
  async close(): Promise<void> {
    this.#closing = true;
    this.troubles.close();
    this.#settleNow = true;
    this.schedule();
    while (this.#underWay !== undefined || this.#scheduled)
      await new Promise<void>((resolve) => {
        this.#whenIdle.push(resolve);
      });
    this.#closed = true;
    // A group that was lost meanwhile would be tried again.
    this.troubles.close();
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
    this.counts.cut();
    const { lost } = this.troubles;
    if (lost !== undefined) {
      this.#failed(group, lost);
      return;
    }
    // Position 0 says that the store is new.
    const position = Math.max(1, this.#position);
    const before = { ...this.#progress, position, keptBytes: this.#keptBytes };
    try {
      const written = writeGroup(this.#place.databases, { group, slice, before, journal: this.#journal });
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
    this.counts.committed(group.events.size);
    const { nextPlace } = this.#progress;
    this.#progress = { ...progress, nextPlace };
    this.#place.databases.root.resetReadTxn();
    if (slice !== undefined) this.settling.settled(slice);
    for (const number of this.#journal.keys()) {
      if (number > progress.settled) break;
      this.#journal.delete(number);
    }
    if (entries > 0) this.#journal.set(progress.group, entries);
    this.settling.add(progress.group, heads, group.dead, group.deadBytes);
    this.#underWay = undefined;
    // What only settles fits where an event does not.
    if (group.events.size > 0) this.troubles.groupIsCommitted();
    this.#place.recent.trim(this.durablePosition);
    this.#tell((listener) => listener.durable());
    this.#next();
  }

  /** Nothing of the group is kept, nor of what came meanwhile: all of it goes back to what was committed before. */
  #failed(group: Group, thrown: unknown): void {
    const after = this.#growing;
    const refusal = refusalOf(thrown, this.#place.directory);
    this.counts.failed(refusal.reason);
    this.#place.logger.error(
      { directory: this.#place.directory, error: refusal.message },
      'the store takes nothing at present',
    );
    this.#place.databases.root.resetReadTxn();
    this.#growing = new Group();
    for (const { entries } of [group, after]) {
      for (const [key, value] of entries) this.#growing.entries.set(key, value);
    }
    this.#growing.droppedPlaces.push(...group.droppedPlaces, ...after.droppedPlaces);
    for (const { events } of [group, after])
      for (const stored of events.handles) this.#place.recent.letGo(stored);
    this.#underWay = undefined;
    this.#keptBytes = this.#progress.keptBytes;
    this.troubles.groupIsLost(refusal, () => {
      if (!this.#growing.isEmpty) this.schedule();
    });
    // What is kept of them may be less than they were taken for.
    for (const { places } of [group, after]) for (const place of places) place.storedRevision = -1;
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
      this.#place.logger.error({ error: stack }, 'a defect of the broker; it goes on');
    }
  }

  #next(): void {
    if (this.#growing.isEmpty && !this.#settleNow) this.#rest();
    else this.schedule();
  }

  #rest(): void {
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #nextSlice(group: Group): Slice | undefined {
    const load = 2 * Math.max(group.resources.size, group.dead.length);
    // Where a round is slower than what comes meanwhile, it is hurried.
    const atRest = this.#closing || (this.#settleNow && group.isEmpty) || this.settling.isDue;
    const slice = this.settling.slice(
      atRest ? SLICE_AT_REST : Math.max(LEAST_SLICE, load),
      this.#settleNow ? 'begin' : 'when-due',
    );
    if (slice === undefined || slice.settledUpTo !== undefined) this.#settleNow = false;
    if (this.#closing && !this.settling.isEmpty) this.#settleNow = true;
    return slice;
  }
}
