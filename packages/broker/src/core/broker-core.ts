import type { DataTypePolicies } from '../access/data-type-policy.js';
import type { Identity } from '../access/identity.js';
import { ByteBudget } from '../delivery/byte-budget.js';
import type { Outlet } from '../delivery/outlet.js';
import type { Session } from '../delivery/session.js';
import { SessionRegistry } from '../delivery/session-registry.js';
import type { WatchOutlet } from '../delivery/watch-outlet.js';
import type { EventStore } from '../state/event-store.js';
import { RecentEvents } from '../state/recent-events.js';
import { ResourceTable } from '../state/resource-table.js';
import { SharedStrings } from '../state/shared-strings.js';
import type { Envelope } from '../wire/envelope.js';
import { Scanner } from '../wire/scan.js';
import { Adoptions } from './adoptions.js';
import type { Core } from './core.js';
import { Counters } from './counters.js';
import { Custody } from './custody.js';
import {
  type CustodyAction,
  type CustodyHow,
  type CustodyPace,
  type CustodySubject,
  type CustodyTally,
  custodyWork,
} from './custody-work.js';
import { askForDamaged, readOrDrop } from './damaged.js';
import { DeletionGuard } from './deletion-guard.js';
import { type DiscardSubject, type DiscardTally, discardWork } from './discard.js';
import { closeSession } from './end-session.js';
import { type ExportOptions, type ExportRow, exportRows } from './export.js';
import { placeHold, releaseHold } from './hold.js';
import { HoldEntries } from './hold-entries.js';
import { type Hold, Holds, type HoldTarget } from './holds.js';
import { type Imported, importRow } from './import.js';
import { releaseDeletions } from './mass-deletion.js';
import { type CoreOptions, DEFAULT_CORE_OPTIONS } from './options.js';
import type { CorePort, PublishCall, ServiceHook } from './port.js';
import { publish, publishSpec } from './publish.js';
import { beginReconciling, endReconciling } from './reconcile.js';
import { Reconciling } from './reconciling.js';
import { settleDurable, settleFailed } from './settle.js';
import { type Subscription, subscribe } from './subscribe.js';
import { tick } from './tick.js';
import { Trace } from './trace.js';
import { headOf, type Point, type Watching, type WatchWish, watch } from './watch.js';

/** Lists of resyncs whose askers may still come: anybody can send one. */
const HELD_BYTES = 64 * 1024 * 1024;
/** Lists of askers that are here: a fleet of a million resources asks at once when its broker comes back. */
const ANSWER_BYTES = 256 * 1024 * 1024;

export interface BrokerCoreParts {
  readonly store: EventStore;
  readonly port: CorePort;
  readonly policies: DataTypePolicies;
  readonly options?: Partial<CoreOptions>;
  /** The time, for what the store tells by itself: as `now` everywhere. */
  readonly clock: () => number;
}

/**
 * The broker without any I/O: inputs come in with `now` (milliseconds, monotonic), what must happen goes out through calls,
 * outlets, the store and a narrow port. Every rule lives behind these few methods.
 */
export class BrokerCore {
  readonly #core: Core;

  constructor(parts: BrokerCoreParts) {
    const options = Object.freeze({ ...DEFAULT_CORE_OPTIONS, ...parts.options });
    const laneBudget = new ByteBudget(options.totalLaneBytes);
    const { policies, store } = parts;
    const keepOf = (dataType: string) => (policies.of(dataType).keep === 'durable' ? 'durable' : 'latest');
    const trace = new Trace(store.lastPosition);
    const entries = new HoldEntries(store);
    const deletions = new DeletionGuard(entries);
    const reconciling = new Reconciling(store);
    const dataTypes = new SharedStrings();
    const holds = new Holds(entries, deletions, reconciling);
    this.#core = {
      options,
      port: parts.port,
      scanner: new Scanner((dataType) => dataTypes.of(dataType)),
      policies,
      services: new Map(),
      table: new ResourceTable(store, keepOf, options.mostAtRest, dataTypes),
      dataTypes,
      store,
      recent: new RecentEvents(),
      sessions: new SessionRegistry(),
      holds,
      deletions,
      reconciling,
      adoptions: new Adoptions(store),
      sessionSettings: {
        holding: holds,
        trace,
        store,
        read: (cell, stored) => readOrDrop(this.#core, cell, stored),
        laneBytes: options.laneBytes,
        laneBudget,
        receiverMaxBytes: options.receiverMaxBytes,
        deletionGapMs: options.deletionGapMs,
        saidFarewell: (resource) => this.#core.table.changed(resource),
        confirmsDeletion: (dataType) => policies.of(dataType).deletion === 'deleted-condition',
      },
      counters: new Counters(),
      trace,
      jobs: new Map(),
      lists: new Map(),
      walks: new Map(),
      pending: [],
      owedBefore: new Map(),
      agenda: { held: new Map(), heldBy: new Map(), lists: new Map(), statuses: new Map() },
      writersWithoutState: new Map(),
      laneBudget,
      heldBudget: new ByteBudget(HELD_BYTES),
      answerBudget: new ByteBudget(ANSWER_BYTES),
      position: store.lastPosition,
      nextSessionId: 0,
      nextListId: 0,
      nextCleaning: 0,
      nextSweep: 0,
      draining: false,
    };
    store.open(this.#core.table, {
      durable: () => settleDurable(this.#core, parts.clock()),
      failed: (refusal, changed) => settleFailed(this.#core, refusal, changed, parts.clock()),
      ends: (place, id) => {
        if (place !== undefined) this.#core.table.find(place.dataType, place.cluster)?.find(id);
      },
      damaged: (record) => {
        this.#core.counters.count(this.#core.counters.dropped, 'damaged');
        parts.port.note({ kind: 'damaged', ...record });
        askForDamaged(this.#core, record);
      },
    });
    holds.restore();
    beginReconciling(this.#core);
  }

  /** What there is to read, for metrics, status page and commands. Nobody but the core changes it. */
  get view(): Readonly<Core> {
    return this.#core;
  }

  /** One Publish; the call is answered now or, when the store commits later, then. Never throws. */
  publish(call: PublishCall, request: Uint8Array, identity: Identity, now: number): void {
    publish(this.#core, call, request, identity, now);
  }

  /** A spec that a registered service sends to its agents; `event` is an encoded CloudEvent. Throws a CeBrokerError when it is refused. */
  publishFromService(event: Uint8Array, now: number): Envelope {
    const envelope = this.#core.scanner.scanEvent(event);
    publishSpec(
      this.#core,
      undefined,
      envelope,
      this.#core.policies.of(envelope.type.dataType),
      now,
      'service',
    );
    return envelope;
  }

  /** One Subscribe; call it before the response headers go out. Throws a CeBrokerError when it is refused. */
  subscribe(outlet: Outlet, request: Subscription, identity: Identity, now: number): Session {
    return subscribe(this.#core, outlet, request, identity, now);
  }

  /** One Watch; call it before the response headers go out, and `begin` after them. Throws a CeBrokerError when it is refused. */
  watch(outlet: WatchOutlet, wish: WatchWish, identity: Identity, now: number): Watching {
    return watch(this.#core, outlet, wish, identity, now);
  }

  /** Where the broker is now: every event up to this position is durable, and on its way to whom it is for. */
  get point(): Point {
    return { epoch: this.#core.store.epoch, position: headOf(this.#core) };
  }

  /** The session's connection takes bytes again. */
  writable(session: Session, now: number): void {
    session.blockedSince = undefined;
    session.flush(now);
  }

  /** The session's stream is over, whoever ended it. */
  closed(session: Session, byPeer: boolean): void {
    closeSession(this.#core, session, byPeer);
  }

  /** Runs one job that was put off; true: there are more, call again in a later turn. */
  runJobs(now: number): boolean {
    for (const [key, job] of this.#core.jobs) {
      this.#core.jobs.delete(key);
      job.run(now);
      break;
    }
    return this.#core.jobs.size > 0;
  }

  /** What time alone brings. Call it a few times per second. */
  tick(now: number): void {
    tick(this.#core, now);
  }

  registerService(dataType: string, hook: ServiceHook): void {
    this.#core.services.set(dataType, hook);
  }

  unregisterService(dataType: string): void {
    this.#core.services.delete(dataType);
  }

  /** From now on what the target names waits. Throws a CeBrokerError when that cannot be. */
  hold(target: HoldTarget, why: { readonly by: string; readonly reason: string }, now: number): Hold {
    return placeHold(this.#core, target, why, now);
  }

  /** What waited for the hold goes out. Throws CeBrokerError `not_found`. */
  release(target: HoldTarget, by: string, now: number): Hold {
    return releaseHold(this.#core, target, by, now);
  }

  /** The deletions of a cluster that wait for consent go out; gives their number. Throws CeBrokerError `not_found`. */
  releaseDeletions(cluster: string, by: string, now: number): number {
    return releaseDeletions(this.#core, cluster, by, now);
  }

  /** Deletions that wait for consent never happen, one resource between two steps. Throws a CeBrokerError when none is meant. */
  discard(subject: DiscardSubject, how: Omit<CustodyHow, 'dryRun'>): Generator<CustodyPace, DiscardTally> {
    return discardWork(this.#core, subject, how);
  }

  /** Calls back once all holds and releases so far are safe in the store. */
  whenHoldsSaved(done: () => void): void {
    this.#core.holds.whenSaved(done);
  }

  /**
   * Retires or hands over by hand what nobody looks after any more: everything that is meant, one resource between two steps. Throws a
   * CeBrokerError when nothing is meant, or it cannot be done.
   */
  custody(
    subject: CustodySubject,
    action: CustodyAction,
    how: CustodyHow,
  ): Generator<CustodyPace, CustodyTally> {
    return custodyWork(this.#core, new Custody(this.#core), subject, action, how);
  }

  /** Everything that the broker holds, as rows that `import` takes; undefined is a place to pause at. */
  export(options: ExportOptions, now: number): Generator<ExportRow | undefined> {
    return exportRows(this.#core, options, now);
  }

  /** Takes one row of an export. Throws a CeBrokerError when it is none, or the store takes nothing at present. */
  import(row: unknown, now: number): Imported | undefined {
    return importRow(this.#core, row, now);
  }

  /** What a restored store has of a source counts from now on, whether it confirms it or not; `undefined`: of everybody. */
  reconciled(source: string | undefined, now: number): void {
    endReconciling(this.#core, source, now);
  }

  /** From now on new Publishes and subscriptions are refused as UNAVAILABLE. */
  drain(): void {
    this.#core.draining = true;
  }
}
