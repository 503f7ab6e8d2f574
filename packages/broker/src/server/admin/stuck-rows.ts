import type { Core } from '../../core/index.js';
import type { Session } from '../../delivery/session.js';
import type { StoredBytes } from '../../state/event-store.js';
import type { Partition } from '../../state/partition.js';
import type { ResourceView } from '../../state/resource.js';
import type { Clock } from '../clock.js';
import type { StateFilter } from './state-filter.js';
import { type StateRows, shown } from './state-rows.js';
import { noteOf, unlessDamaged } from './stored-note.js';
import { syncOf } from './sync.js';
import { type ReasonRow, reasonRow, whyRows } from './trace-rows.js';

/** What is younger is under way, not stuck: a minute. */
export const DEFAULT_STUCK_MS = 60_000;

/** One line in `/state/stuck`. */
export interface StuckRow {
  /**
   * `spec`: it is not answered. `deletion`: it is not confirmed. `orphan`: an agent lists it and nobody owns it. `agent`: it was given
   * something and has reported nothing since it subscribed. `hold`: somebody holds a cluster, a source or a resource.
   */
  readonly kind: 'spec' | 'deletion' | 'orphan' | 'agent' | 'hold';
  /** The id of the resource; null for an agent, and for a hold of a cluster or a source. */
  readonly id: string | null;
  /** Null: a hold of a source. */
  readonly cluster: string | null;
  readonly dataType: string | null;
  /** The source; null: nobody, or many. */
  readonly owner: string | null;
  /** ISO 8601. */
  readonly since: string;
  readonly ageMs: number;
  /** Versions of spec and status; null: there is none. */
  readonly spec: number | string | null;
  readonly status: number | string | null;
  readonly why: readonly ReasonRow[];
}

export interface StuckFilter extends StateFilter {
  readonly olderThanMs: number;
}

/** Everything that waits for longer than it should, as a walk over what the broker holds; undefined stands for what is in order. */
export class StuckRows {
  readonly #core: Readonly<Core>;
  readonly #clock: Clock;
  readonly #rows: StateRows;

  constructor(core: Readonly<Core>, clock: Clock, rows: StateRows) {
    this.#core = core;
    this.#clock = clock;
    this.#rows = rows;
  }

  *rows(filter: StuckFilter): Iterable<StuckRow | undefined> {
    yield* this.#holds(filter);
    for (const partition of this.#rows.partitions(filter)) {
      yield* this.#resources(partition, filter);
      yield* this.#orphans(partition, filter);
    }
  }

  *#resources(partition: Partition, filter: StuckFilter): Iterable<StuckRow | undefined> {
    const before = this.#clock.now() - filter.olderThanMs;
    const silence = new Silence();
    for (const resource of partition.views()) {
      silence.reported(resource);
      const since = this.#outOfSyncSince(resource);
      const fits = filter.source === undefined || resource.owner === filter.source;
      if (since === undefined || since > before || !fits) {
        yield undefined;
        continue;
      }
      const row = this.#resource(resource, since);
      if (row.why.some(({ code }) => code === 'no-report' || code === 'old-report' || code === 'unconfirmed'))
        silence.waitsFor(since);
      yield row;
    }
    for (const session of this.#core.sessions.agentsOf(partition.cluster)) {
      if (session.takes(partition.dataType)) yield this.#silent(session, partition, silence, before);
    }
  }

  #resource(resource: ResourceView, since: number): StuckRow {
    const { id, owner = null, place, spec, status } = resource;
    return {
      kind: spec?.deleting === true ? 'deletion' : 'spec',
      id,
      cluster: place.cluster,
      dataType: place.dataType,
      owner,
      ...this.#when(since),
      spec: spec === undefined ? null : shown(spec.version),
      status: status === undefined ? null : shown(status.version),
      why: whyRows(this.#core, resource),
    };
  }

  /** Since when what is wanted is not answered: the first spec of this life after the newest status, as far as the past is kept. */
  #outOfSyncSince(resource: ResourceView): number | undefined {
    const sync = syncOf(resource);
    const { earlierVersion, pastSpecs = [], spec, status } = resource;
    if (spec === undefined || sync === undefined || sync === 'answered') return undefined;
    if (sync === 'unconfirmed') return spec.at;
    let first: StoredBytes = spec.stored;
    for (const stored of pastSpecs) {
      if (stored.position < (status?.position ?? 0)) break;
      if (earlierVersion !== undefined && this.#isDeletion(stored)) break;
      first = stored;
    }
    return first === spec.stored ? spec.at : (noteOf(this.#core.store, first)?.at ?? spec.at);
  }

  #isDeletion(stored: StoredBytes): boolean {
    const { scanner, store } = this.#core;
    return unlessDamaged(() => scanner.scanEvent(store.read(stored)).deleting) ?? true;
  }

  #silent(
    { about }: Session,
    { cluster, dataType }: Partition,
    { oldest, newestReport, waiting }: Silence,
    before: number,
  ): StuckRow | undefined {
    const since = Math.max(oldest, about.openedAt);
    if (waiting === 0 || newestReport >= about.openedAt || since > before) return undefined;
    const things = waiting === 1 ? '1 thing' : `${waiting} things`;
    const text = `agent ${about.name} (session ${about.id}, user ${about.user}) has ${things} to answer, and has reported nothing since it subscribed`;
    return {
      kind: 'agent',
      id: null,
      cluster,
      dataType,
      owner: null,
      ...this.#when(since),
      spec: null,
      status: null,
      why: [reasonRow('spec', { code: 'no-report', text, since: about.openedAt })],
    };
  }

  *#orphans(partition: Partition, filter: StuckFilter): Iterable<StuckRow | undefined> {
    if (filter.source !== undefined) return;
    const { cluster, dataType, orphans } = partition;
    for (const [id, { since, version }] of orphans) {
      if (this.#clock.now() - since < filter.olderThanMs) {
        yield undefined;
        continue;
      }
      const text = `the agent of ${cluster} has version ${version} of it, and no source owns it`;
      yield {
        kind: 'orphan',
        id,
        cluster,
        dataType,
        owner: null,
        ...this.#when(since),
        spec: null,
        status: null,
        why: [reasonRow('status', { code: 'orphan', text, since })],
      };
    }
  }

  *#holds({ cluster, olderThanMs, source, type }: StuckFilter): Iterable<StuckRow | undefined> {
    for (const hold of this.#core.holds.all()) {
      const [onCluster, ofType] =
        hold.kind === 'resource'
          ? [hold.cluster, hold.dataType]
          : [hold.kind === 'cluster' ? hold.name : null, null];
      const ofSource = hold.kind === 'source' ? hold.name : null;
      const fits =
        (cluster === undefined || onCluster === null || onCluster === cluster) &&
        (source === undefined || ofSource === null || ofSource === source) &&
        (type === undefined || ofType === null || ofType === type);
      if (!fits || this.#clock.now() - hold.since < olderThanMs) continue;
      const text = `held by ${hold.by}: ${hold.reason}; ce-broker release lets it go`;
      yield {
        kind: 'hold',
        id: hold.kind === 'resource' ? hold.name : null,
        cluster: onCluster,
        dataType: ofType,
        owner: ofSource,
        ...this.#when(hold.since),
        spec: null,
        status: null,
        why: [reasonRow('spec', { code: 'held', text, since: hold.since })],
      };
    }
  }

  #when(since: number): { readonly since: string; readonly ageMs: number } {
    const ageMs = Math.max(0, Math.round(this.#clock.now() - since));
    return { since: new Date(since).toISOString(), ageMs };
  }
}

/** What the agents of one partition owe, and when one of them reported last. */
class Silence {
  waiting = 0;
  oldest = Infinity;
  newestReport = 0;

  reported({ grave, status }: ResourceView): void {
    this.newestReport = Math.max(this.newestReport, status?.at ?? 0, grave?.at ?? 0);
  }

  waitsFor(since: number): void {
    this.waiting += 1;
    this.oldest = Math.min(this.oldest, since);
  }
}
