import type { CellKind } from '../state/event-store.js';
import type { Partition } from '../state/partition.js';
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
): Cell {
  core.position += 1;
  const before = resource[kind];
  const movedToFarewell =
    kind === 'spec' && before !== undefined && before.stored === resource.farewell?.stored;
  const stored = core.store.append({
    kind,
    dataType: resource.place.dataType,
    cluster: resource.place.cluster,
    resourceId: resource.id,
    position: core.position,
    bytes: ownCopy(bytes),
    replaces: movedToFarewell ? undefined : before?.stored,
  });
  let cell = before;
  if (cell === undefined) {
    cell = new Cell(resource, kind, stored, core.position, now, event.version);
    resource[kind] = cell;
    if (kind === 'request') partitionOf(core, resource).requests += 1;
  } else {
    cell.stored = stored;
    cell.position = core.position;
    cell.at = now;
    cell.version = event.version;
  }
  cell.stampedAt = event.time;
  cell.refusedBy = undefined;
  if (kind !== 'status') cell.deleting = event.deleting;
  if (kind === 'spec') {
    if (!event.deleting && event.version > resource.newestVersion) resource.newestVersion = event.version;
  } else if (kind === 'status') {
    cell.statusHash = event.statusHash;
    cell.sequenceId = event.sequenceId;
  }
  return cell;
}

/**
 * A request's bytes may lie in a much larger chunk of the socket; what is kept must not keep that alive.
 */
function ownCopy(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer.byteLength <= bytes.byteLength + bytes.byteLength / 4 + 64) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.byteLength);
  copy.set(bytes);
  return copy;
}

/** The resource begins again; a deletion of the life before that nobody confirmed is owed to the agents first. */
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
  core.table.graves.delete(resource);
  core.table.tombstones.delete(resource);
  if (tombstone === undefined) return;
  dropFarewell(core, resource);
  resource.farewell = { stored: tombstone.stored, sentAt: resource.deletionSentAt, since: now };
  core.table.farewells.add(resource);
  for (const session of core.sessions.agentsOf(resource.place.cluster)) {
    const unseen = session.dirty.has(tombstone) || tombstone.position > core.store.durablePosition;
    if (unseen) session.owedFarewells.add(resource);
  }
}

/** A deletion is about to become the newest: it has been handed to nobody yet. */
export function endLife(core: Core, resource: Resource): void {
  resource.deletionSentAt = undefined;
  dropFarewell(core, resource);
  core.table.tombstones.add(resource);
}

/** The life before is over at the agent: the present one follows, also to an agent that ignored it while it was still deleting. */
export function confirmFarewell(core: Core, resource: Resource, now: number): void {
  dropFarewell(core, resource);
  resource.deletionSentAt = undefined;
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
  return core.sessions.agentsOf(cell.resource.place.cluster).some((session) => session.dirty.has(cell));
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
  core.store.forget(spec.stored);
  resource.spec = undefined;
  resource.deletionSentAt = undefined;
  dropFarewell(core, resource);
  core.table.tombstones.delete(resource);
  core.table.graves.add(resource);
}

/** The cell is empty now; a resource without any cell is gone. */
export function clearCell(core: Core, resource: Resource, kind: CellKind): void {
  const cell = resource[kind];
  if (cell === undefined) return;
  core.store.forget(cell.stored);
  resource[kind] = undefined;
  if (kind === 'request') partitionOf(core, resource).requests -= 1;
  const { spec, status, request, grave } = resource;
  if ((spec ?? status ?? request ?? grave) === undefined) core.table.remove(resource);
}

/** Nothing is left to remember of what a source wanted and an agent reported. */
export function forgetResource(core: Core, resource: Resource): void {
  resource.grave = undefined;
  core.table.graves.delete(resource);
  dropFarewell(core, resource);
  clearCell(core, resource, 'spec');
  clearCell(core, resource, 'status');
  if (resource.request === undefined) core.table.remove(resource);
}

/** Nobody needs to see the deletion of the life before any more. */
export function dropFarewell(core: Core, resource: Resource): void {
  if (resource.farewell === undefined) return;
  for (const session of core.sessions.agentsOf(resource.place.cluster))
    session.owedFarewells.delete(resource);
  core.store.forget(resource.farewell.stored);
  resource.farewell = undefined;
  core.table.farewells.delete(resource);
}

function partitionOf(core: Core, resource: Resource): Partition {
  return core.table.partition(resource.place.dataType, resource.place.cluster);
}

function highest(...versions: readonly (bigint | undefined)[]): bigint | undefined {
  let result: bigint | undefined;
  for (const version of versions) {
    if (version !== undefined && (result === undefined || version > result)) result = version;
  }
  return result;
}
