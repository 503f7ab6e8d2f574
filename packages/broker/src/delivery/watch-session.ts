import type { EventStore } from '../state/event-store.js';
import type { Cell, Resource } from '../state/resource.js';
import type { Backlog, Missed } from './backlog.js';
import { Session } from './session.js';
import type { SessionDescription } from './session-description.js';
import type { SessionSettings } from './session-settings.js';
import { waitsForEnd } from './waits-for-end.js';
import type { WatchOutlet } from './watch-outlet.js';

/** So many missed cells are marked ahead of the connection: what waits beyond them costs a key each. */
const AHEAD = 256;
/** Missed cells that one flush looks at: most of them may have been sent already, as they changed again. */
const LOOKED_AT = 2_048;
/** Waiting cells that are looked at for each batch; where there are more, only heartbeats say where to resume. */
const FEW = 512;

/** What a Watch needs to know of the broker around it. */
export interface WatchSettings {
  readonly store: EventStore;
  /** Up to here everything has been handed to the sessions that it is for. */
  head(): number;
  /** Resources whose present life waits for the end of the one before. */
  farewells(): Iterable<Resource>;
  /** Call `flush` of this session in a later turn. */
  again(session: WatchSession): void;
}

/** Where it began. */
export interface WatchBegin {
  /** What was missed, when it is collected; undefined: it begins with what is new. */
  readonly backlog: Backlog | undefined;
  /** Everything after this position is missing. */
  readonly after: number;
  /** The newest position when it was registered, durable or not. */
  readonly registered: number;
}

/**
 * A session that leaves out what its filter says, takes what it missed in order of position, and knows where it would have to resume: the
 * position up to which it has seen the newest of everything.
 */
export class WatchSession extends Session {
  readonly #out: WatchOutlet;
  readonly #watch: WatchSettings;
  readonly #confirming: Pick<SessionSettings, 'confirmsDeletion'>;
  readonly #saidFarewell: SessionSettings['saidFarewell'];
  /** What agents asked for is marked for every source that subscribes; where it resumes, only what was missed is sent. */
  #leavesRequests: boolean;
  #backlog: Backlog | undefined = undefined;
  #after = 0;
  /** Up to where it had seen everything when it came; 0: nothing, or not known. */
  #seen = 0;
  #registered = 0;
  /** Positions of missed deletions that it has been given, or is about to be. */
  readonly #farewells = new Set<number>();
  /** Missed cells that were marked last, with their positions, oldest first. */
  #marked: { readonly cell: Cell; readonly position: number }[] = [];
  #owesMarker = false;
  /** Where to resume, as the subscriber was told last. */
  #told = 0;

  constructor(
    about: SessionDescription,
    outlet: WatchOutlet,
    settings: SessionSettings,
    watch: WatchSettings,
    heartbeatDue: number,
    resumes: boolean,
  ) {
    super(about, outlet, { ...settings, read: noting(settings.read, outlet) }, heartbeatDue);
    this.#out = outlet;
    this.#watch = watch;
    this.#leavesRequests = resumes;
    this.#confirming = settings;
    this.#saidFarewell = settings.saidFarewell;
  }

  /** Where it resumes they are part of what it missed. */
  override get takesRequests(): boolean {
    return !this.#leavesRequests;
  }

  /** It is registered, and has been told so: what it missed may follow. `position`: from here on it is told of resuming. */
  begin({ after, backlog, registered }: WatchBegin, position: number): void {
    this.#leavesRequests = false;
    this.#backlog = backlog;
    this.#after = after;
    this.#seen = backlog === undefined ? 0 : after;
    this.#registered = registered;
    this.#owesMarker = backlog !== undefined;
    this.#told = position;
  }

  /** What it still has to be sent of what it missed. */
  get missing(): number {
    return this.#backlog?.size ?? 0;
  }

  override mark(cell: Cell, now: number): void {
    if (!this.#fits(cell) || (this.#leavesRequests && cell.kind === 'request')) return;
    // Should it still have to wait, it is put there again; what is written meanwhile is not written twice.
    if (this.later.size > 0) this.later.delete(cell);
    this.#oweFarewell(cell, now);
    super.mark(cell, now);
  }

  /**
   * The end of a life that it missed, or that was not durable when it registered, comes before the present one. One that begins later is
   * seen to by whoever begins it.
   */
  #oweFarewell({ deleting, kind, position, resource }: Cell, now: number): void {
    if (kind !== 'spec') return;
    if (deleting) {
      if (position <= this.#registered) this.#farewells.add(position);
      return;
    }
    const { farewell } = resource;
    if (farewell === undefined) return;
    const end = farewell.stored.position;
    if (end <= this.#seen && farewell.sentAt === undefined && this.about.role === 'agent') {
      // Where it resumes says that it has seen it, on a connection that is gone: the present life need not wait for that.
      farewell.sentAt = now;
      this.#saidFarewell(resource);
    }
    if (end <= this.#after || end > this.#registered || this.#farewells.has(end)) return;
    this.#farewells.add(end);
    this.oweFarewell(resource);
  }

  /** As a mark: what is written has been read, and so has its position. */
  override offer(cell: Cell, _bytes: Uint8Array, now: number): void {
    this.mark(cell, now);
    if (this.blockedSince === undefined) this.flush(now);
  }

  override push(bytes: Uint8Array): ReturnType<Session['push']> {
    const outcome = super.push(bytes);
    this.#complete(false);
    return outcome;
  }

  override flush(now: number): void {
    if (!this.open) return;
    const beats = this.heartbeat !== undefined && this.#out.writableBytes() > 0;
    if (beats) this.heartbeat = undefined;
    let left = LOOKED_AT;
    for (;;) {
      super.flush(now);
      if (this.blockedSince !== undefined || left <= 0) break;
      const looked = this.#markMissed(now, left);
      if (looked === 0) break;
      left -= looked;
    }
    if (left <= 0 && this.blockedSince === undefined) this.#watch.again(this);
    this.#complete(beats);
  }

  override close(): void {
    super.close();
    this.#backlog = undefined;
    this.#marked = [];
  }

  #fits(cell: Cell): boolean {
    if (this.about.filter === undefined) return true;
    const { owner, place } = cell.resource;
    return this.takes(place.dataType, this.about.role === 'agent' ? (owner ?? '') : place.cluster);
  }

  /** Marks the next missed cells; gives how many it looked at. */
  #markMissed(now: number, most: number): number {
    const backlog = this.#backlog;
    let looked = 0;
    while (backlog !== undefined && looked < most && this.dirty.size < AHEAD) {
      const missed = backlog.take();
      if (missed === undefined) break;
      looked += 1;
      this.#markOne(missed, now);
    }
    return looked;
  }

  /** One that has changed since was handed to this session as it changed; unless that is not durable yet, and may be lost. */
  #markOne({ id, kind, partition, position }: Missed, now: number): void {
    const resource = partition.find(id);
    const cell = resource?.[kind];
    if (resource === undefined || cell === undefined) return;
    if (cell.position !== position && cell.position <= this.#watch.store.durablePosition) return;
    this.mark(cell, now);
    this.#marked.push({ cell, position: cell.position });
  }

  /** What was written is complete, and what else there is to tell follows it. */
  #complete(beats: boolean): void {
    if (!this.open) return;
    const caughtUp = this.#owesMarker && this.#isCaughtUp();
    if (!beats && !caughtUp && !this.#out.hasEvents) return;
    const reached = this.#reached(beats || caughtUp);
    const position = reached > this.#told ? reached : 0;
    if (position > 0) this.#told = position;
    this.#out.complete(position);
    if (caughtUp) {
      this.#owesMarker = false;
      this.#backlog = undefined;
      this.#out.caughtUp(position);
    }
    if (beats) this.#out.beat(position);
  }

  #isCaughtUp(): boolean {
    if (this.#backlog?.isCollected !== true || this.#backlog.size > 0) return false;
    let seen = 0;
    for (const { cell, position } of this.#marked) {
      const waits = cell.position === position && (this.dirty.has(cell) || this.later.has(cell));
      if (waits) break;
      seen += 1;
    }
    this.#marked = this.#marked.slice(seen);
    return this.#marked.length === 0;
  }

  /**
   * Up to where it has seen the newest of everything; 0: not known. What waits, whyever, lies behind it: when it comes back it gets that
   * too, whether it was released meanwhile or not.
   */
  #reached(atAnyCost: boolean): number {
    if (this.#backlog?.isCollected === false) return 0;
    const waiting = this.dirty.size + this.held.size + this.later.size + this.owedFarewells.size;
    if (waiting > FEW && !atAnyCost) return 0;
    const durable = this.#watch.store.durablePosition;
    let low = this.#watch.head();
    for (const cells of [this.dirty, this.held, this.later]) {
      for (const cell of cells.keys()) {
        // The event before this one may become the newest again, should the store lose this one.
        if (cell.position > durable) return 0;
        low = Math.min(low, cell.position - 1);
      }
    }
    for (const { farewell } of this.owedFarewells)
      low = Math.min(low, (farewell?.stored.position ?? low) - 1);
    if (this.about.role === 'agent') {
      let looked = 0;
      for (const resource of this.#watch.farewells()) {
        const { place, spec } = resource;
        looked += 1;
        if (looked > FEW && !atAnyCost) return 0;
        if (spec === undefined || place.cluster !== this.about.name || !this.takes(place.dataType)) continue;
        if (waitsForEnd(resource, this.#confirming)) low = Math.min(low, spec.position - 1);
      }
    }
    return Math.min(low, (this.#backlog?.nextPosition ?? Number.MAX_SAFE_INTEGER) - 1);
  }
}

/** A session reads what it writes next: so the outlet hears its position. */
function noting(read: SessionSettings['read'], outlet: WatchOutlet): SessionSettings['read'] {
  return (cell, stored) => {
    const bytes = read(cell, stored);
    if (bytes !== undefined) outlet.next(stored.position);
    return bytes;
  };
}
