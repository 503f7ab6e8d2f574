import type { Core } from '../../core/index.js';
import type { Partition } from '../../state/partition.js';
import type { CellView, Resource, ResourceView } from '../../state/resource.js';
import type { Clock } from '../clock.js';
import { whyHeld } from '../holds.js';
import { type EventRow, eventRow } from './event-row.js';
import type { StateFilter } from './state-filter.js';
import { noteOf, unlessDamaged } from './stored-note.js';
import { type Sync, syncOf } from './sync.js';

/** Partitions that are asked for an id in one turn of the event loop. */
const LOOKS_PER_TURN = 1_000;

/** One side of a resource in `/state`. Times are ISO 8601, ages milliseconds, sizes bytes. */
export interface CellRow {
  /** The newest event's version; a number, beyond 2^53 its digits. */
  readonly version: number | string;
  readonly at: string;
  readonly ageMs: number;
  readonly bytes: number;
  readonly position: number;
  /** The user that published it; null: the store does not say. */
  readonly by: string | null;
}

export const RESOURCE_STATES = ['live', 'deleting', 'deleted', 'requested'] as const;

/** One resource in `/state`. */
export interface ResourceRow {
  readonly id: string;
  readonly cluster: string;
  readonly dataType: string;
  /** The source that owns it; null: nobody. */
  readonly owner: string | null;
  /**
   * `live`; `deleting`: its deletion waits for the confirmation; `deleted`: confirmed, remembered for late events; `requested`: only an
   * agent asks for it.
   */
  readonly state: (typeof RESOURCE_STATES)[number];
  /** How the status stands to the spec; null: nothing is wanted. */
  readonly sync: Sync | null;
  /** Why nothing newer goes out until it is released; null: it is not held. */
  readonly held: string | null;
  readonly spec: CellRow | null;
  readonly status:
    | (CellRow & { readonly statusHash: string | null; readonly sequenceId: string | null })
    | null;
  /** The spec that an agent wrote: a lease, a certificate request. */
  readonly request: CellRow | null;
}

export interface ResourceDetail extends ResourceRow {
  readonly specEvent: EventRow | null;
  readonly statusEvent: EventRow | null;
  readonly requestEvent: EventRow | null;
}

export interface OrphanRow {
  readonly id: string;
  readonly cluster: string;
  readonly dataType: string;
  /** The version that the agent has. */
  readonly version: number | string;
  readonly since: string;
  readonly ageMs: number;
}

export interface ListFilter extends StateFilter {
  readonly state?: ResourceRow['state'] | undefined;
  /** Only where the newest status does not answer the newest spec. */
  readonly outOfSync?: boolean;
  readonly held?: boolean;
  /** The newest change is at least so old; with `outOfSync` the newest spec is. */
  readonly olderThanMs?: number | undefined;
}

/** Reads what the core holds, row by row, so that a long list is never built at once; undefined stands for one that was left out. */
export class StateRows {
  readonly #view: Readonly<Core>;
  readonly #clock: Clock;

  constructor(view: Readonly<Core>, clock: Clock) {
    this.#view = view;
    this.#clock = clock;
  }

  *resources(filter: ListFilter): Iterable<ResourceRow | undefined> {
    for (const partition of this.partitions(filter)) {
      for (const resource of partition.views()) {
        yield this.#fits(resource, filter) ? this.row(resource) : undefined;
      }
    }
  }

  *tombstones(filter: StateFilter): Iterable<ResourceRow | undefined> {
    for (const resource of this.#view.table.tombstones) {
      const { cluster, dataType } = resource.place;
      const fits =
        (filter.cluster === undefined || cluster === filter.cluster) &&
        (filter.type === undefined || dataType === filter.type) &&
        (filter.source === undefined || resource.owner === filter.source);
      yield fits ? this.row(resource) : undefined;
    }
  }

  *orphans(filter: StateFilter): Iterable<OrphanRow> {
    for (const { cluster, dataType, orphans } of this.partitions(filter)) {
      for (const [id, { version, since }] of orphans) {
        const at = this.#isoTime(since);
        yield { id, cluster, dataType, version: shown(version), since: at, ageMs: this.#age(since) };
      }
    }
  }

  /** Every resource of that id: it may live on several clusters, and in several data types. Many clusters are many look-ups, so it takes turns. */
  async found(id: string, filter: StateFilter): Promise<readonly Resource[]> {
    const found: Resource[] = [];
    let looked = 0;
    for (const partition of this.partitions(filter)) {
      looked += 1;
      if (looked % LOOKS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      const resource = partition.find(id);
      if (resource === undefined) continue;
      if (filter.source === undefined || resource.owner === filter.source) found.push(resource);
    }
    return found;
  }

  detail(resource: ResourceView): ResourceDetail {
    const { secret } = this.#view.policies.of(resource.place.dataType);
    const event = (cell: CellView | undefined): EventRow | null =>
      cell === undefined
        ? null
        : (unlessDamaged(() => eventRow(this.#view.store.read(cell.stored), secret)) ?? null);
    return {
      ...this.row(resource),
      specEvent: event(resource.spec),
      statusEvent: event(resource.status),
      requestEvent: event(resource.request),
    };
  }

  *partitions({ cluster, type }: StateFilter): Iterable<Partition> {
    const { table } = this.#view;
    if (cluster !== undefined) yield* table.ofCluster(cluster, type ?? '');
    else yield* table.all(type ?? '');
  }

  row(resource: ResourceView): ResourceRow {
    const { id, owner, place, request, spec, status } = resource;
    return {
      id,
      cluster: place.cluster,
      dataType: place.dataType,
      owner: owner ?? null,
      state: stateOf(resource),
      sync: syncOf(resource) ?? null,
      held: whyHeld(this.#view, resource) ?? null,
      spec: spec === undefined ? null : this.#cell(spec),
      status:
        status === undefined
          ? null
          : {
              ...this.#cell(status),
              statusHash: status.statusHash ?? null,
              sequenceId: status.sequenceId ?? null,
            },
      request: request === undefined ? null : this.#cell(request),
    };
  }

  #fits(resource: ResourceView, filter: ListFilter): boolean {
    const { held, outOfSync, olderThanMs, source, state } = filter;
    if (source !== undefined && resource.owner !== source) return false;
    if (state !== undefined && stateOf(resource) !== state) return false;
    if (held === true && whyHeld(this.#view, resource) === undefined) return false;
    if (outOfSync === true && !isOutOfSync(resource)) return false;
    if (olderThanMs === undefined) return true;
    const since = outOfSync === true ? resource.spec?.at : changedAt(resource);
    return this.#age(since ?? 0) >= olderThanMs;
  }

  #cell({ at, position, stored, version }: CellView): CellRow {
    return {
      version: shown(version),
      at: this.#isoTime(at),
      ageMs: this.#age(at),
      bytes: stored.size,
      position,
      by: noteOf(this.#view.store, stored)?.user ?? null,
    };
  }

  #isoTime(at: number): string {
    return new Date(at).toISOString();
  }

  #age(at: number): number {
    return Math.max(0, Math.round(this.#clock.now() - at));
  }
}

export function shown(version: bigint): number | string {
  const number = Number(version);
  return Number.isSafeInteger(number) ? number : String(version);
}

function isOutOfSync(resource: ResourceView): boolean {
  const sync = syncOf(resource);
  return sync !== undefined && sync !== 'answered';
}

/** When anything about it was published last. */
function changedAt({ grave, request, spec, status }: ResourceView): number {
  return Math.max(spec?.at ?? 0, status?.at ?? 0, request?.at ?? 0, grave?.at ?? 0);
}

function stateOf({ grave, request, spec, status, tombstone }: ResourceView): ResourceRow['state'] {
  if (tombstone !== undefined) return 'deleting';
  if (grave !== undefined) return 'deleted';
  return request !== undefined && spec === undefined && status === undefined ? 'requested' : 'live';
}
