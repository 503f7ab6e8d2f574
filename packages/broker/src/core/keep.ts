import type { CellKind, StoredBytes } from '../state/event-store.js';
import { Cell, type Resource } from '../state/resource.js';
import type { Envelope } from '../wire/envelope.js';
import type { Core } from './core.js';

/** Makes the event the newest of its cell. */
export function keep(
  core: Core,
  resource: Resource,
  kind: CellKind,
  event: Envelope,
  bytes: Uint8Array,
  now: number,
  user: string,
): Cell {
  core.position += 1;
  const before = resource[kind];
  const shown =
    before === undefined ? undefined : isDurable(core, before) ? before.stored : before.lastDurable;
  if (before !== undefined) {
    const waits = kind === 'spec' && core.deletions.at(resource.place) !== undefined;
    // A source says it with each resync: what was before it must not leave the past for that.
    if (waits && event.deleting && core.deletions.covers(resource, before))
      drop(core, resource, before.stored);
    else setAside(core, resource, kind, before.stored, waits ? 1 : 0);
  }
  const stored = core.store.append({
    resource,
    kind,
    position: core.position,
    bytes,
    at: now,
    user,
  });
  let cell = before;
  if (cell === undefined) {
    cell = new Cell(resource, kind, stored, core.position, now, event.version);
    resource[kind] = cell;
  } else {
    cell.stored = stored;
    cell.position = core.position;
    cell.at = now;
    cell.version = event.version;
    cell.lastDurable = isDurable(core, cell) ? undefined : shown;
  }
  cell.stampedAt = event.time;
  cell.inherited = false;
  cell.endsUnseen = false;
  cell.declined = false;
  cell.refusedBy = undefined;
  if (kind !== 'status') cell.deleting = event.deleting;
  if (kind === 'spec') {
    if (!event.deleting && event.version > resource.newestVersion) resource.newestVersion = event.version;
  } else if (kind === 'status') {
    cell.statusHash = event.statusHash;
    cell.sequenceId = event.sequenceId;
  }
  core.table.changed(resource);
  return cell;
}

/**
 * What was the newest becomes the past: as much of it is kept as the options say.
 * @param least is kept whatever they say: deletions wait for consent, and what was before one, or the one before, may be needed
 */
function setAside(core: Core, resource: Resource, kind: CellKind, stored: StoredBytes, least = 0): void {
  const most = Math.max(core.options.history - 1, least);
  const past = pastOf(resource, kind, most);
  if (past === undefined) {
    drop(core, resource, stored);
    return;
  }
  past.unshift(stored);
  while (past.length > most) {
    const oldest = past.pop();
    if (oldest !== undefined) drop(core, resource, oldest);
  }
}

function pastOf(resource: Resource, kind: CellKind, most: number): StoredBytes[] | undefined {
  if (kind === 'request') return undefined;
  if (kind === 'spec') {
    if (most > 0) resource.pastSpecs ??= [];
    return resource.pastSpecs;
  }
  if (most < 1) return undefined;
  resource.pastStatuses ??= [];
  return resource.pastStatuses;
}

/** The record is needed no more, unless an agent still has to see it. */
function drop(core: Core, resource: Resource, stored: StoredBytes): void {
  if (resource.farewell?.stored.position !== stored.position) core.store.forget(stored);
}

/** The resource begins again, with the event that is kept next; a deletion of the life before that nobody confirmed is owed to the agents first. */
export function beginLife(core: Core, resource: Resource, event: Envelope, now: number): void {
  const { tombstone, grave } = resource;
  resource.earlierVersion = highest(
    resource.earlierVersion,
    resource.newestVersion,
    tombstone?.version,
    grave?.version,
  );
  resource.newestVersion = 0n;
  resource.lifeBegan = event.time;
  resource.grave = undefined;
  if (resource.spec?.declined === true) {
    oweDeclined(core, resource, now);
    return;
  }
  if (tombstone === undefined || core.reconciling.covers(tombstone)) return;
  dropFarewell(core, resource);
  resource.farewell = { stored: tombstone.stored, sentAt: handedTo(core, resource, tombstone), since: now };
  for (const session of core.sessions.agentsOf(resource.place.cluster)) {
    const unseen = session.owes(tombstone) || !isDurable(core, tombstone);
    if (unseen) session.oweFarewell(resource);
  }
}

/**
 * When the deletion was handed to an agent that is here; undefined: to none. One that has gone since may never have got it, and as long as
 * nobody is handed the present life, what is listed is the one before.
 */
function handedTo(core: Core, { deletionSentAt, place }: Resource, tombstone: Cell): number | undefined {
  if (deletionSentAt === undefined) return undefined;
  const isHere = core.sessions
    .agentsOf(place.cluster)
    .some(
      (session) =>
        session.takes(place.dataType) && session.about.openedAt <= deletionSentAt && !session.owes(tombstone),
    );
  return isHere ? deletionSentAt : undefined;
}

/** The deletion that an operator discarded has come true: the source has created the resource again. Nobody has seen it. */
function oweDeclined(core: Core, resource: Resource, now: number): void {
  const [stored] = resource.pastSpecs ?? [];
  if (stored === undefined || core.reconciling.isOld(stored.position)) return;
  dropFarewell(core, resource);
  resource.farewell = { stored, sentAt: undefined, since: now };
  for (const session of core.sessions.agentsOf(resource.place.cluster)) session.oweFarewell(resource);
}

/** A deletion is kept next: it has been handed to nobody yet. */
export function endLife(core: Core, resource: Resource): void {
  resource.deletionSentAt = undefined;
  dropFarewell(core, resource);
}

/** The life before is over at the agent: the present one follows, also to an agent that ignored it while it was still deleting. */
export function confirmFarewell(core: Core, resource: Resource, now: number): void {
  dropFarewell(core, resource);
  resource.deletionSentAt = undefined;
  if (!showLifeWhenDurable(core, resource, now)) showLife(core, resource, now);
}

/**
 * The present life follows once it is on disk that the end of the one before is owed to nobody: a broker that stops in between would take the
 * present one, which the agent has, for the one before. False: it is on disk, or kept in memory only.
 */
export function showLifeWhenDurable(core: Core, resource: Resource, now: number): boolean {
  const { durablePosition } = core.store;
  if (resource.place.keep === 'latest' || core.position + 1 <= durablePosition) return false;
  core.position += 1;
  core.pending.push({
    position: core.position,
    cell: undefined,
    stored: undefined,
    role: 'agent',
    to: '',
    at: now,
    call: undefined,
    confirmed: resource,
    id: '',
    source: '',
  });
  return true;
}

/** The agents are handed what is wanted now, whatever they were handed before. */
export function showLife(core: Core, resource: Resource, now: number): void {
  const { spec, place } = resource;
  if (spec === undefined) return;
  for (const session of core.sessions.agentsOf(place.cluster)) {
    if (!session.takes(place.dataType)) continue;
    session.mark(spec, now);
    session.flush(now);
  }
}

/** Whether a session of the cluster still has to see the newest of the cell. */
export function isOwed(core: Core, cell: Cell): boolean {
  return core.sessions.agentsOf(cell.resource.place.cluster).some((session) => session.owes(cell));
}

/** The deletion was confirmed: what is left is the memory of it, and the status that says so. */
export function bury(core: Core, resource: Resource, now: number): void {
  const { spec } = resource;
  if (spec === undefined) return;
  const version = highest(resource.earlierVersion, resource.newestVersion, spec.version) ?? 0n;
  const { position, stampedAt } = spec;
  resource.grave = { version, position, stampedAt, sequenceId: resource.status?.sequenceId, at: now };
  resource.earlierVersion = version;
  resource.newestVersion = 0n;
  setAside(core, resource, 'spec', spec.stored);
  resource.spec = undefined;
  resource.deletionSentAt = undefined;
  dropFarewell(core, resource);
  core.table.changed(resource);
}

/** The request is over and forgotten; a resource without anything else is gone. */
export function forgetRequest(core: Core, resource: Resource): void {
  const { request } = resource;
  if (request === undefined) return;
  core.store.forget(request.stored);
  resource.request = undefined;
  if (resource.hasNothing) core.table.setOwner(resource, undefined);
  core.table.changed(resource);
}

/** The status and all before it are forgotten, and with it who owned what is long deleted. */
export function forgetStatus(core: Core, resource: Resource): void {
  const { status } = resource;
  if (status === undefined) return;
  core.store.forget(status.stored);
  for (const stored of resource.pastStatuses ?? []) core.store.forget(stored);
  resource.status = undefined;
  resource.pastStatuses = undefined;
  core.table.setOwner(resource, undefined);
  core.table.changed(resource);
}

/** Nothing is left to remember of what a source wanted and an agent reported. */
export function forgetResource(core: Core, resource: Resource): void {
  const { pastSpecs, spec } = resource;
  resource.grave = undefined;
  dropFarewell(core, resource);
  if (spec !== undefined) core.store.forget(spec.stored);
  for (const stored of pastSpecs ?? []) core.store.forget(stored);
  resource.spec = undefined;
  resource.pastSpecs = undefined;
  forgetStatus(core, resource);
  if (resource.request === undefined) core.table.setOwner(resource, undefined);
  core.table.changed(resource);
}

/** Nobody needs to see the deletion of the life before any more. */
export function dropFarewell(core: Core, resource: Resource): void {
  if (resource.farewell === undefined) return;
  rememberOwed(core, resource, resource.farewell.stored.position);
  for (const session of core.sessions.agentsOf(resource.place.cluster)) {
    session.owedFarewells.delete(resource);
    session.saidFarewells.delete(resource);
  }
  const { stored } = resource.farewell;
  resource.farewell = undefined;
  const { pastSpecs, spec } = resource;
  const isKept = [...(pastSpecs ?? []), spec?.stored].some((kept) => kept?.position === stored.position);
  if (!isKept) core.store.forget(stored);
  core.table.changed(resource);
}

/** Should the store lose this change, what was committed before is owed again, to whom it was. */
function rememberOwed(core: Core, resource: Resource, position: number): void {
  if (position > core.store.durablePosition || core.owedBefore.has(resource)) return;
  const sessions = core.sessions.agentsOf(resource.place.cluster);
  const owed = sessions.filter((session) => session.owedFarewells.has(resource));
  if (owed.length > 0) core.owedBefore.set(resource, { position, until: core.position + 1, owed });
}

/** What can be lost no more needs not be remembered. */
export function forgetOwed({ owedBefore, store }: Core): void {
  for (const [resource, { until }] of owedBefore)
    if (until <= store.durablePosition) owedBefore.delete(resource);
}

/** Whether the newest event of the cell may be shown: it is on disk, or its type is kept in memory only. */
export function isDurable(core: Core, { position, resource }: Cell): boolean {
  return resource.place.keep === 'latest' || position <= core.store.durablePosition;
}

function highest(...versions: readonly (bigint | undefined)[]): bigint | undefined {
  let result: bigint | undefined;
  for (const version of versions) {
    if (version !== undefined && (result === undefined || version > result)) result = version;
  }
  return result;
}
