import { decodeEvent, type Event, eventDataBytes, formatRfc3339 } from 'ce-broker-proto';
import type { Core } from '../core/index.js';
import type { CellView, ResourceView } from '../state/resource.js';
import type { Clock } from './clock.js';

/** One side of a resource in `/state`. Times are ISO 8601, ages milliseconds, sizes bytes. */
export interface CellRow {
  /** The newest event's version; a number, beyond 2^53 its digits. */
  readonly version: number | string;
  readonly at: string;
  readonly ageMs: number;
  readonly bytes: number;
  readonly position: number;
}

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
  readonly state: 'live' | 'deleting' | 'deleted' | 'requested';
  readonly spec: CellRow | null;
  readonly status:
    | (CellRow & { readonly statusHash: string | null; readonly sequenceId: string | null })
    | null;
  /** The spec that an agent wrote: a lease, a certificate request. */
  readonly request: CellRow | null;
}

/** An event in `/state/resource`: its attributes, its data where it is text or JSON, and its bytes. */
export interface EventRow {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string | null;
  readonly extensions: Readonly<Record<string, unknown>>;
  /** JSON data as JSON, text as text, anything else in base64; absent for a data type whose policy says `secret`. */
  readonly data?: unknown;
  /** The encoded CloudEvent, in base64; absent for a secret type. */
  readonly encoded?: string;
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

export interface StateFilter {
  readonly cluster: string | undefined;
  readonly source: string | undefined;
  readonly type: string | undefined;
}

/** Reads what the core holds, row by row, so that a long list is never built at once. */
export class StateRows {
  readonly #view: Readonly<Core>;
  readonly #clock: Clock;

  constructor(view: Readonly<Core>, clock: Clock) {
    this.#view = view;
    this.#clock = clock;
  }

  *resources(filter: StateFilter): Iterable<ResourceRow> {
    for (const partition of this.#partitions(filter)) {
      for (const resource of partition.views()) {
        if (filter.source === undefined || resource.owner === filter.source) yield this.#row(resource);
      }
    }
  }

  *tombstones(filter: StateFilter): Iterable<ResourceRow> {
    for (const resource of this.#view.table.tombstones) {
      const { cluster, dataType } = resource.place;
      if (filter.cluster !== undefined && cluster !== filter.cluster) continue;
      if (filter.type !== undefined && dataType !== filter.type) continue;
      if (filter.source === undefined || resource.owner === filter.source) yield this.#row(resource);
    }
  }

  *orphans(filter: StateFilter): Iterable<OrphanRow> {
    for (const { cluster, dataType, orphans } of this.#partitions(filter)) {
      for (const [id, { version, since }] of orphans) {
        yield { id, cluster, dataType, version: shown(version), ...this.#when(since, 'since') };
      }
    }
  }

  /** Every resource of that id: it may live on several clusters, and in several data types. */
  withId(id: string, filter: StateFilter): readonly ResourceDetail[] {
    const found: ResourceDetail[] = [];
    for (const partition of this.#partitions(filter)) {
      const resource = partition.find(id);
      if (resource === undefined || (filter.source !== undefined && resource.owner !== filter.source))
        continue;
      const { secret } = this.#view.policies.of(partition.dataType);
      found.push({
        ...this.#row(resource),
        specEvent: this.#event(resource.spec, secret),
        statusEvent: this.#event(resource.status, secret),
        requestEvent: this.#event(resource.request, secret),
      });
    }
    return found;
  }

  *#partitions({ cluster, type }: StateFilter) {
    const { table } = this.#view;
    if (cluster !== undefined) yield* table.ofCluster(cluster, type ?? '');
    else yield* table.all(type ?? '');
  }

  #row(resource: ResourceView): ResourceRow {
    const { id, owner, place, request, spec, status } = resource;
    return {
      id,
      cluster: place.cluster,
      dataType: place.dataType,
      owner: owner ?? null,
      state: stateOf(resource),
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

  #cell({ at, position, stored, version }: CellView): CellRow {
    return { version: shown(version), ...this.#when(at, 'at'), bytes: stored.size, position };
  }

  #when<K extends string>(at: number, key: K): Record<K, string> & { readonly ageMs: number } {
    const time = new Date(at).toISOString();
    return { [key]: time, ageMs: Math.round(this.#clock.now() - at) } as Record<K, string> & {
      ageMs: number;
    };
  }

  #event(cell: CellView | undefined, secret: boolean): EventRow | null {
    if (cell === undefined) return null;
    const bytes = this.#view.store.read(cell.stored);
    const event = decodeEvent(bytes);
    const row: EventRow = {
      id: event.id,
      source: event.source,
      type: event.type,
      time: event.time === undefined ? null : formatRfc3339(event.time),
      extensions: Object.fromEntries(
        [...event.extensions].map(([name, { kind, value }]) => [
          name,
          kind === 'timestamp' ? formatRfc3339(value) : kind === 'bytes' ? base64(value) : value,
        ]),
      ),
    };
    return secret ? row : { ...row, data: readableData(event), encoded: base64(bytes) };
  }
}

function readableData(event: Event): unknown {
  const bytes = eventDataBytes(event);
  if (bytes === undefined) return null;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (Buffer.byteLength(text) !== bytes.byteLength || text.includes('\uFFFD')) return base64(bytes);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function shown(version: bigint): number | string {
  const number = Number(version);
  return Number.isSafeInteger(number) ? number : String(version);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function stateOf({ grave, request, spec, status, tombstone }: ResourceView): ResourceRow['state'] {
  if (tombstone !== undefined) return 'deleting';
  if (grave !== undefined) return 'deleted';
  return request !== undefined && spec === undefined && status === undefined ? 'requested' : 'live';
}
