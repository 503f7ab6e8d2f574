import type { Cell, Resource } from '../state/resource.js';
import type { StoredBytes } from '../state/stored.js';
import { Aside, type Ask, NOTHING_ASIDE, type RelayedAsk } from './aside.js';
import { Lane } from './lane.js';
import type { Outlet } from './outlet.js';
import type { SessionDescription } from './session-description.js';
import type { SessionSettings } from './session-settings.js';
import { SparseMap, SparseSet } from './sparse.js';
import { waitsForEnd } from './waits-for-end.js';

/** A receiver that went away so often right after it was handed an event cannot take it. */
const REFUSALS = 2;

/** What can be looked up and deleted from outside; what comes in comes through the session. */
type Unfilled<C> = Omit<C, 'set' | 'add'>;

/** Who waits until so many dirty cells have had their turn. */
interface WrittenWait {
  readonly taken: number;
  readonly done: () => void;
}

const NONE: readonly WrittenWait[] = Object.freeze([]);

/**
 * What one subscriber still has to see, as keys: the bytes are looked up when its connection can take them. So a slow receiver
 * converges on the newest, costs keys and not payloads, and never delays another.
 */
export class Session {
  readonly about: SessionDescription;
  readonly outlet: Outlet;
  /** Dirty cells in the order in which they became so, with the time since when. */
  readonly dirty = new SparseMap<Cell, number>();
  /** Since when the connection takes nothing although something waits; undefined: it is not blocked. */
  blockedSince: number | undefined;
  heartbeatDue: number;
  heartbeat: Uint8Array | undefined;
  /** Data types for which the agent of this session was asked for its statuses. */
  readonly statusesAsked = new SparseSet<string>();
  /** The event larger than every receiver takes that this session was handed last, until it has shown to live on. */
  oversize: { readonly cell: Cell; readonly position: number; readonly at: number } | undefined;
  open = true;
  sentEvents = 0;
  sentBytes = 0;

  readonly #settings: SessionSettings;
  #aside: Aside | undefined = undefined;
  /** Made when something has to wait in it. */
  #lane: Lane | undefined = undefined;
  /** Where the walk through the dirty cells stands, and whether this round of it found one that may go out. */
  #cursor: Iterator<Cell, undefined> | undefined;
  #foundSome = false;
  /** Dirty cells whose turn has come so far, and who waits for how many. */
  #taken = 0;
  #whenWritten: readonly WrittenWait[] = NONE;

  constructor(about: SessionDescription, outlet: Outlet, settings: SessionSettings, heartbeatDue: number) {
    this.about = about;
    this.outlet = outlet;
    this.#settings = settings;
    this.heartbeatDue = heartbeatDue;
  }

  /**
   * Dirty cells that are held, with the time since when they are dirty: until they are released nothing here waits for the connection,
   * and a flush does not look at them.
   */
  get held(): Unfilled<Aside['held']> {
    return (this.#aside ?? NOTHING_ASIDE).held;
  }

  get asks(): Unfilled<Aside['asks']> {
    return (this.#aside ?? NOTHING_ASIDE).asks;
  }

  /** Cells that become dirty again at a time: they keep their distance from a deletion. */
  get later(): Unfilled<Aside['later']> {
    return (this.#aside ?? NOTHING_ASIDE).later;
  }

  /** Deletions of earlier lives that this session still has to see before the present one. */
  get owedFarewells(): Unfilled<Aside['owedFarewells']> {
    return (this.#aside ?? NOTHING_ASIDE).owedFarewells;
  }

  /** When it was handed those that have not been confirmed yet, in milliseconds. */
  get saidFarewells(): Unfilled<Aside['saidFarewells']> {
    return (this.#aside ?? NOTHING_ASIDE).saidFarewells;
  }

  /** What this session was asked lately on behalf of others, to be seen to when it ends without an answer. */
  get relayedAsks(): Unfilled<Aside['relayedAsks']> {
    return (this.#aside ?? NOTHING_ASIDE).relayedAsks;
  }

  /** Bytes of what has no state, and waits. */
  get laneBytes(): number {
    return this.#lane?.bytes ?? 0;
  }

  /** Who it is that comes back when this session's client reconnects. */
  get receiver(): string {
    const { role, name, dataType } = this.about;
    return `${role} ${name} ${dataType}`;
  }

  /** @param peer the other side, where it is known: a source for an agent, a cluster for a source */
  takes(dataType: string, peer?: string): boolean {
    const { dataType: own, filter } = this.about;
    if (own !== '' && own !== dataType) return false;
    if (filter === undefined) return true;
    if (filter.dataTypes.size > 0 && !filter.dataTypes.has(dataType)) return false;
    return peer === undefined || filter.peers.size === 0 || filter.peers.has(peer);
  }

  /** Whether what agents ask for is marked for it when it subscribes. */
  get takesRequests(): boolean {
    return true;
  }

  /** A cell has a new newest event: an idle connection gets the shared bytes at once, a busy one a mark. */
  offer(cell: Cell, bytes: Uint8Array, now: number): void {
    if (this.#idle() && !this.#isHeld(cell) && !this.#mustWait(cell, now)) {
      this.#aside?.held.delete(cell);
      this.#write(bytes);
      this.#delivered(cell, cell.position, bytes, now);
      return;
    }
    this.mark(cell, now);
    if (this.blockedSince === undefined) this.flush(now);
  }

  /** The session has to see the newest of this cell. A mark keeps its place; one that is held comes back when it is released. */
  mark(cell: Cell, now: number): void {
    if (this.#isHeld(cell)) {
      if (!this.held.has(cell)) this.#keepAside().held.set(cell, this.dirty.get(cell) ?? now);
      this.dirty.delete(cell);
      return;
    }
    this.#aside?.held.delete(cell);
    if (!this.dirty.has(cell)) this.dirty.set(cell, now);
  }

  /** Whether the session still has to see the newest of this cell. */
  owes(cell: Cell): boolean {
    return this.dirty.has(cell) || this.held.has(cell);
  }

  /** What is held has changed: sorts what waits anew. Call `flush` after it. */
  sortHeld(now: number): void {
    for (const [cell, since] of this.dirty) {
      if (!this.#isHeld(cell)) continue;
      this.dirty.delete(cell);
      this.#keepAside().held.set(cell, since);
    }
    for (const cell of this.held.keys()) {
      if (this.#isHeld(cell)) continue;
      this.held.delete(cell);
      // What was held did not wait for the connection: that begins now.
      this.dirty.set(cell, now);
    }
  }

  /** Something without state. Unless it is `sent` or `held`, a lane is full and a session must end. */
  push(bytes: Uint8Array): 'sent' | 'held' | 'full' | 'all-full' {
    if (!this.#idle()) {
      this.#lane ??= new Lane(this.#settings.laneBytes, this.#settings.laneBudget);
      return this.#lane.push(bytes);
    }
    this.#write(bytes);
    return 'sent';
  }

  ask(ask: Ask): void {
    this.asks.get(ask.key)?.dropped?.();
    this.#keepAside().asks.set(ask.key, ask);
  }

  /** It was handed a question on behalf of another; the newest of a key counts, and is the last. */
  relayed(key: string, ask: RelayedAsk): void {
    const { relayedAsks } = this.#keepAside();
    relayedAsks.delete(key);
    relayedAsks.set(key, ask);
  }

  /** It has to see the end of the resource's earlier life before the present one. */
  oweFarewell(resource: Resource): void {
    this.#keepAside().owedFarewells.add(resource);
  }

  get waits(): boolean {
    return this.heartbeat !== undefined || this.#hasLane() || this.asks.size > 0 || this.dirty.size > 0;
  }

  /** Calls `done` once everything that is dirty now was written to the connection; never, when the session ends before. */
  whenWritten(done: () => void): void {
    this.#whenWritten = [...this.#whenWritten, { taken: this.#taken + this.dirty.size, done }];
    this.#tellWritten();
  }

  /** Writes what waits, as much as the connection takes now: heartbeat, requests, then resources. */
  flush(now: number): void {
    this.#flush(now);
    if (this.open && this.#whenWritten.length > 0) this.#tellWritten();
  }

  #flush(now: number): void {
    if (!this.open) return;
    while (this.waits) {
      if (this.outlet.writableBytes() <= 0) {
        this.blockedSince ??= now;
        return;
      }
      if (!this.#writeNext(now)) break;
    }
    this.blockedSince = undefined;
  }

  /** The subscription is over: nothing is held for it any more. */
  close(): void {
    this.open = false;
    this.#lane?.clear();
    this.dirty.clear();
    const { asks } = this;
    this.#aside = undefined;
    for (const ask of asks.values()) ask.dropped?.();
  }

  /** Marks the cells whose distance has passed. */
  wakeLater(now: number): void {
    for (const [cell, due] of this.later) {
      if (due > now) continue;
      this.later.delete(cell);
      this.mark(cell, now);
    }
  }

  /** Since when the longest-waiting resource waits, in milliseconds; undefined: none does. */
  get oldestDirty(): number | undefined {
    for (const since of this.dirty.values()) return since;
    return undefined;
  }

  #idle(): boolean {
    return (
      this.open &&
      this.dirty.size === 0 &&
      !this.#hasLane() &&
      (this.#aside === undefined || this.#aside.asks.size === 0) &&
      this.outlet.writableBytes() > 0
    );
  }

  /** No getter: V8 looks up private ones at each call. */
  #hasLane(): boolean {
    return this.#lane !== undefined && !this.#lane.isEmpty;
  }

  #keepAside(): Aside {
    this.#aside ??= new Aside();
    return this.#aside;
  }

  #tellWritten(): void {
    for (let [first] = this.#whenWritten; first !== undefined; [first] = this.#whenWritten) {
      if (this.dirty.size > 0 && this.#taken < first.taken) return;
      this.#whenWritten = this.#whenWritten.slice(1);
      first.done();
    }
  }

  /** False when what is left waits for the store. */
  #writeNext(now: number): boolean {
    if (this.heartbeat !== undefined) {
      this.outlet.write(this.heartbeat);
      this.heartbeat = undefined;
      return true;
    }
    const bytes = this.#lane?.shift();
    if (bytes !== undefined) {
      this.#write(bytes);
      return true;
    }
    return this.#writeAsk() || this.#writeDirty(now);
  }

  /** One after the other: what comes after one that is put together waits for it. */
  #writeAsk(): boolean {
    for (const [key, ask] of this.asks) {
      const messages = ask.messages();
      for (const message of messages) this.#write(message);
      if (ask.isPending === true) return messages.length > 0;
      this.asks.delete(key);
      return true;
    }
    return false;
  }

  /** The next dirty cell that is durable, from where the last one was found: from the start, a map whose first keys are gone costs all of them. */
  #writeDirty(now: number): boolean {
    for (;;) {
      this.#cursor ??= this.dirty.keys();
      const { done, value: cell } = this.#cursor.next();
      if (done === true) {
        this.#cursor = undefined;
        // What was not durable when it was passed may be so by now.
        if (!this.#foundSome || this.dirty.size === 0) return false;
        this.#foundSome = false;
        continue;
      }
      const stored = this.#shown(cell);
      if (stored === undefined) continue;
      this.#foundSome = true;
      this.dirty.delete(cell);
      this.#taken += 1;
      this.#deliver(cell, stored, now);
      return true;
    }
  }

  /**
   * The newest event of the cell that is durable. While one after the other waits for the disk that is an earlier one; the mark comes back
   * with the next. Where a life ends or begins, the newest itself is waited for.
   */
  #shown({ deleting, lastDurable, position, resource, stored }: Cell): StoredBytes | undefined {
    if (resource.place.keep === 'latest' || position <= this.#settings.store.durablePosition) return stored;
    return deleting || resource.farewell !== undefined ? undefined : lastDurable;
  }

  #deliver(cell: Cell, stored: StoredBytes, now: number): void {
    const { resource } = cell;
    if (cell !== resource[cell.kind]) return;
    if (this.#isHeld(cell)) {
      this.#keepAside().held.set(cell, now);
      return;
    }
    const { farewell } = resource;
    if (farewell !== undefined && cell.kind === 'spec') {
      if (this.owedFarewells.delete(resource)) {
        const bytes = this.#settings.read(cell, farewell.stored);
        if (bytes !== undefined) {
          this.#write(bytes);
          this.#settings.trace.delivered(farewell.stored.position, this.about, now);
          this.#keepAside().saidFarewells.set(resource, now);
          resource.deletionSentAt = now;
          if (farewell.sentAt === undefined) {
            farewell.sentAt = now;
            this.#settings.saidFarewell(resource);
          }
        }
      }
    }
    if ((cell.refusedBy?.get(this.receiver) ?? 0) >= REFUSALS || this.#mustWait(cell, now)) return;
    const bytes = this.#settings.read(cell, stored);
    if (bytes === undefined) return;
    this.#write(bytes);
    this.#delivered(cell, stored.position, bytes, now);
  }

  #isHeld(cell: Cell): boolean {
    const { holding } = this.#settings;
    return holding.any && holding.covers(cell);
  }

  /** The present life waits until the earlier one is certainly over at the agent; whoever ends the wait marks the cell again. */
  #mustWait(cell: Cell, now: number): boolean {
    if (cell.kind !== 'spec' || cell.deleting) return false;
    const { resource } = cell;
    if (this.#aside?.owedFarewells.has(resource) === true) return true;
    if (waitsForEnd(resource, this.#settings)) return true;
    const sent = resource.deletionSentAt;
    if (sent === undefined) return false;
    const due = sent + this.#settings.deletionGapMs;
    if (due <= now) return false;
    this.#keepAside().later.set(cell, due);
    return true;
  }

  #delivered(cell: Cell, position: number, bytes: Uint8Array, now: number): void {
    this.#settings.trace.delivered(position, this.about, now);
    if (bytes.length > this.#settings.receiverMaxBytes) this.oversize = { cell, position, at: now };
    if (cell.deleting) cell.resource.deletionSentAt = now;
  }

  #write(bytes: Uint8Array): void {
    this.outlet.write(bytes);
    this.sentEvents += 1;
    this.sentBytes += bytes.length;
  }
}
