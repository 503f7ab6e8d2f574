import { CeBrokerError } from 'ce-broker-proto';
import type { CellView, ResourceView } from '../state/resource.js';
import type { StoredBytes } from '../state/stored.js';
import type { Core } from './core.js';
import { HOLD_PREFIX } from './hold-entries.js';

/** The form of the lines; a higher one was written by a later version. */
export const EXPORT_FORMAT = 1;

/** An event that is kept, as a line has it. */
export interface ExportedEvent {
  /** The CloudEvent's bytes in base64; absent: it is secret, or damaged. */
  readonly event?: string;
  /** When it arrived, in milliseconds since 1970. */
  readonly at: number;
  readonly user: string;
  readonly position: number;
}

/** The newest event of one side of a resource. What stands beside `event` is for readers, but for the last four. */
export interface ExportedCell extends ExportedEvent {
  readonly version: string;
  readonly deleting?: true;
  /** A status that reports the condition Deleted. */
  readonly gone?: true;
  /** A spec that the present owner was given by hand. */
  readonly inherited?: true;
  /** A spec that stands because an operator discarded its deletion. */
  readonly declined?: true;
  /** The source that a request is for. */
  readonly to?: string;
}

/** One resource. */
export interface ExportedResource {
  readonly kind: 'resource';
  readonly cluster: string;
  readonly dataType: string;
  readonly id: string;
  readonly owner: string | null;
  /** Its events are left out, because the policy of its type says so. */
  readonly secret?: true;
  readonly newestVersion: string;
  readonly earlierVersion?: string | undefined;
  /** In milliseconds since 1970 by the clock of its source; 0: unknown. */
  readonly lifeBegan: number;
  readonly spec?: ExportedCell | undefined;
  readonly status?: ExportedCell | undefined;
  readonly request?: ExportedCell | undefined;
  readonly pastSpecs?: readonly ExportedEvent[] | undefined;
  readonly pastStatuses?: readonly ExportedEvent[] | undefined;
  /** The memory of a confirmed deletion. */
  readonly grave?:
    | {
        readonly version: string;
        readonly position: number;
        readonly stampedAt: number;
        readonly at: number;
        readonly sequenceId?: string | undefined;
      }
    | undefined;
  /** A deletion of an earlier life that agents may still have to see. `sentAt` null: no agent was handed it; absent: not known. */
  readonly farewell?:
    | (ExportedEvent & { readonly since: number; readonly sentAt?: number | null })
    | undefined;
}

export interface ExportHead {
  readonly kind: 'export';
  readonly format: number;
  readonly epoch: string;
  readonly position: number;
  /** ISO 8601. */
  readonly time: string;
}

/** What is held, or waits for consent. */
export interface ExportedHold {
  readonly kind: 'hold';
  readonly hold: Readonly<Record<string, unknown>>;
}

/** Who gave resources to whom, or a source that is gone for good. */
export type ExportedCustody =
  | { readonly kind: 'adopted'; readonly from: string; readonly to: string }
  | { readonly kind: 'retired'; readonly source: string };

export interface ExportEnd {
  readonly kind: 'end';
  readonly resources: number;
}

export type ExportRow = ExportHead | ExportedHold | ExportedCustody | ExportedResource | ExportEnd;

export interface ExportOptions {
  /** The events of secret types too. */
  readonly secrets: boolean;
  /** Earlier events too. */
  readonly history: boolean;
}

/** Everything that the broker holds, one row for each resource as it is when its turn comes; undefined is a place to pause at. */
export function* exportRows(
  core: Core,
  options: ExportOptions,
  now: number,
): Generator<ExportRow | undefined> {
  const { adoptions, position, store, table } = core;
  const time = new Date(now).toISOString();
  yield { kind: 'export', format: EXPORT_FORMAT, epoch: store.epoch, position, time };
  for (const [, value] of store.entries(HOLD_PREFIX)) yield { kind: 'hold', hold: JSON.parse(value) };
  for (const [from, to] of adoptions.all()) yield { kind: 'adopted', from, to };
  for (const source of adoptions.retired()) yield { kind: 'retired', source };
  let resources = 0;
  for (const partition of [...table.all()]) {
    yield undefined;
    for (const view of partition.views()) {
      resources += 1;
      yield resourceRow(core, view, options);
    }
  }
  yield { kind: 'end', resources };
}

function resourceRow(core: Core, view: ResourceView, { history, secrets }: ExportOptions): ExportedResource {
  const { earlierVersion, farewell, grave, id, lifeBegan, newestVersion, owner, place } = view;
  const { pastSpecs, pastStatuses, request, spec, status } = view;
  const secret = core.policies.of(place.dataType).secret && !secrets;
  const event = (stored: StoredBytes): ExportedEvent => eventOf(core, stored, secret);
  const past = (all: readonly StoredBytes[] | undefined) => (history ? all?.map(event) : undefined);
  return {
    kind: 'resource',
    cluster: place.cluster,
    dataType: place.dataType,
    id,
    owner: owner ?? null,
    ...(secret ? { secret } : {}),
    newestVersion: String(newestVersion),
    earlierVersion: earlierVersion === undefined ? undefined : String(earlierVersion),
    lifeBegan,
    spec: cellOf(spec, event),
    status: cellOf(status, event),
    request: cellOf(request, event),
    pastSpecs: past(pastSpecs),
    pastStatuses: past(pastStatuses),
    grave: grave === undefined ? undefined : { ...grave, version: String(grave.version) },
    farewell:
      farewell === undefined
        ? undefined
        : { ...event(farewell.stored), since: farewell.since, sentAt: farewell.sentAt ?? null },
  };
}

function cellOf(
  cell: CellView | undefined,
  event: (stored: StoredBytes) => ExportedEvent,
): ExportedCell | undefined {
  if (cell === undefined) return undefined;
  const { declined, deleting, gone, inherited, kind, stored, to, version } = cell;
  return {
    version: String(version),
    ...(deleting ? { deleting } : {}),
    ...(gone ? { gone } : {}),
    ...(inherited ? { inherited } : {}),
    ...(declined ? { declined } : {}),
    ...(kind === 'request' ? { to } : {}),
    ...event(stored),
    at: cell.at,
  };
}

function eventOf({ store }: Core, stored: StoredBytes, secret: boolean): ExportedEvent {
  const { position } = stored;
  try {
    const { at = 0, user = '' } = store.describe(stored) ?? {};
    if (secret) return { at, user, position };
    const bytes = store.read(stored);
    const event = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
    return { at, user, position, event };
  } catch (thrown) {
    if (thrown instanceof CeBrokerError && thrown.code === 'data_loss') return { at: 0, user: '', position };
    throw thrown;
  }
}
