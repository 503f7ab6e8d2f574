import type { Core } from '../../core/index.js';
import { isDurable } from '../../core/keep.js';
import type { Delivery, Refusal } from '../../core/trace.js';
import type { StoredBytes } from '../../state/event-store.js';
import type { Cell, Resource } from '../../state/resource.js';
import { type CellRow, type ResourceRow, type StateRows, shown } from './state-rows.js';
import { noteOf, unlessDamaged } from './stored-note.js';
import { type Reason, whyUnanswered, whyUndelivered } from './why.js';

/** Refusals of one resource that are shown. */
const MOST_REFUSALS = 20;
const MOST_SUPERSEDED = 10;

/** One resource in `/state/trace`. Times are ISO 8601. */
export interface TraceRow extends Omit<ResourceRow, 'spec' | 'status' | 'request'> {
  readonly spec: StageRow | null;
  readonly status: StageRow | null;
  readonly request: StageRow | null;
  /** When the newest status answered the newest spec; null: it has not. */
  readonly answeredAt: string | null;
  /** Why the newest spec is not answered, or its answer has not arrived; empty: all is done. */
  readonly why: readonly ReasonRow[];
  /** Publishes of this resource that were refused, or had no effect, lately; newest first. */
  readonly refusals: readonly RefusalRow[];
}

/** The newest event of one side, and how far it came. */
export interface StageRow extends CellRow {
  /** These three are null when the record is damaged. */
  readonly action: string | null;
  readonly source: string | null;
  readonly eventId: string | null;
  /** By its publisher's clock; null: it did not say. */
  readonly stampedAt: string | null;
  /** Whether it may be shown: it is on disk, or its type is kept in memory only. */
  readonly durable: boolean;
  /** Null: it was at once, or before this start of the broker, or it is not yet. */
  readonly durableAt: string | null;
  /** Newest first. */
  readonly deliveries: readonly DeliveryRow[];
  /** How often it was delivered; those before the last 16 are not listed. */
  readonly delivered: number;
  /** `all`: every delivery since it arrived is counted; `since-start`: those before this start of the broker are not known; `lately`: older ones are forgotten. */
  readonly known: 'all' | 'since-start' | 'lately';
  /** Earlier versions that gave way to it, newest first, and whether anybody got them. */
  readonly superseded: readonly SupersededRow[];
}

export interface DeliveryRow {
  readonly at: string;
  readonly role: 'agent' | 'source';
  readonly name: string;
  readonly session: number;
  readonly user: string;
  /** The session is still here. */
  readonly open: boolean;
}

export interface SupersededRow {
  /** Null: the record is damaged. */
  readonly version: number | string | null;
  readonly at: string | null;
  /** How often it was delivered; null: not known any more. */
  readonly delivered: number | null;
}

export interface ReasonRow {
  readonly about: 'spec' | 'status' | 'request';
  readonly code: Reason['code'];
  readonly text: string;
  readonly since: string | null;
}

export interface RefusalRow {
  readonly at: string;
  readonly code: Refusal['code'];
  readonly message: string;
  readonly source: string;
  readonly type: string;
  readonly user: string;
}

/** What became of the newest spec and status of a resource, and what they wait for. */
export function traceOf(core: Readonly<Core>, rows: StateRows, resource: Resource): TraceRow {
  const { request, spec, status } = resource;
  const row = rows.row(resource);
  return {
    ...row,
    spec: stage(core, row.spec, spec, resource.pastSpecs),
    status: stage(core, row.status, status, resource.pastStatuses),
    request: stage(core, row.request, request, undefined),
    answeredAt: row.sync === 'answered' ? (row.status?.at ?? null) : null,
    why: reasons(core, resource),
    refusals: refusalsOf(core, resource),
  };
}

export function reasonRow(about: ReasonRow['about'], { code, since, text }: Reason): ReasonRow {
  return { about, code, text, since: since === undefined ? null : iso(since) };
}

/** Why the newest spec is not answered, in the order in which it has to go. */
export function whyRows(core: Readonly<Core>, resource: Parameters<typeof whyUnanswered>[0]): ReasonRow[] {
  const { spec } = resource;
  const undelivered = spec === undefined ? [] : whyUndelivered(core, resource, spec);
  const unanswered = undelivered.length > 0 ? undefined : whyUnanswered(resource);
  return [...undelivered, ...(unanswered === undefined ? [] : [unanswered])].map((reason) =>
    reasonRow('spec', reason),
  );
}

function reasons(core: Readonly<Core>, resource: Resource): readonly ReasonRow[] {
  const { request, spec, status } = resource;
  const ofStatus = status === undefined ? [] : whyUndelivered(core, resource, status);
  const ofRequest = request === undefined ? [] : whyUndelivered(core, resource, request);
  return [
    ...(spec === undefined ? [] : whyRows(core, resource)),
    ...refusedSince(core, resource),
    ...ofStatus.map((reason) => reasonRow('status', reason)),
    ...ofRequest.map((reason) => reasonRow('request', reason)),
  ];
}

/** The newest publish of somebody else's, or of a broken event, after the newest spec: perhaps that is what is missed. */
function refusedSince(core: Readonly<Core>, { id, place, spec }: Resource): readonly ReasonRow[] {
  for (const { at, code, message, source, type, user } of core.trace.refusals(id, place.cluster)) {
    if (spec !== undefined && at < spec.at) return [];
    if (code === 'stale' || !type.startsWith(`${place.dataType}.spec.`)) continue;
    const text = `a later publish of source ${source}, user ${user}, was refused: ${message}`;
    return [reasonRow('spec', { code: 'refused', text, since: at })];
  }
  return [];
}

function stage(
  core: Readonly<Core>,
  row: CellRow | null,
  cell: Cell | undefined,
  past: readonly StoredBytes[] | undefined,
): StageRow | null {
  if (row === null || cell === undefined) return null;
  const trace = core.trace.of(cell.position);
  const durableAt = trace?.durableAt ?? 0;
  const event = unlessDamaged(() => core.scanner.scanEvent(core.store.read(cell.stored)));
  return {
    ...row,
    action: event?.type.action ?? null,
    source: event?.source ?? null,
    eventId: event?.id ?? null,
    stampedAt: cell.stampedAt === 0 ? null : iso(cell.stampedAt),
    durable: isDurable(core, cell),
    durableAt: durableAt === 0 ? null : iso(durableAt),
    deliveries: (trace?.deliveries ?? []).map((delivery) => deliveryRow(core, delivery)),
    delivered: trace?.delivered ?? 0,
    known: cell.position <= core.trace.before ? 'since-start' : trace === undefined ? 'lately' : 'all',
    superseded: (past ?? []).slice(0, MOST_SUPERSEDED).map((stored) => superseded(core, stored)),
  };
}

function deliveryRow({ sessions }: Readonly<Core>, { at, session }: Delivery): DeliveryRow {
  const { id, name, role, user } = session;
  const open = sessions.of(role, name).some(({ about }) => about === session);
  return { at: iso(at), role, name, session: id, user, open };
}

function superseded({ scanner, store, trace }: Readonly<Core>, stored: StoredBytes): SupersededRow {
  const note = noteOf(store, stored);
  const version = unlessDamaged(() => scanner.scanEvent(store.read(stored)).version);
  const isBeforeStart = stored.position <= trace.before;
  return {
    version: version === undefined ? null : shown(version),
    at: note === undefined ? null : iso(note.at),
    delivered: isBeforeStart ? null : (trace.of(stored.position)?.delivered ?? null),
  };
}

function refusalsOf(core: Readonly<Core>, { id, place }: Resource): readonly RefusalRow[] {
  const rows: RefusalRow[] = [];
  for (const { at, code, message, source, type, user } of core.trace.refusals(id, place.cluster)) {
    if (rows.length === MOST_REFUSALS) break;
    rows.push({ at: iso(at), code, message, source, type, user });
  }
  return rows;
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
