import type { Partition } from '../state/partition.js';
import type { Resource } from '../state/resource.js';
import type { Core } from './core.js';
import { resort } from './holds.js';
import { dropFarewell } from './keep.js';

/** A source that was asked for everything, or an agent for its statuses, and says nothing for so long has said it all. */
const QUIET_MS = 30_000;
const LOOK_EVERY_MS = 1_000;

/** The broker starts: with a restored store, what that has waits. */
export function beginReconciling(core: Core): void {
  const { reconciling } = core;
  if (!reconciling.any) return;
  reconciling.begin(core.table.all());
  core.port.note({ kind: 'reconciling', sources: reconciling.progress?.sources.size ?? 0 });
  if (reconciling.isDone) end(core);
}

/** The owner's word on the resource is taken: what was owed before the backup is owed no more. */
export function confirmRestored(core: Core, resource: Resource): void {
  const { farewell } = resource;
  if (farewell !== undefined && core.reconciling.isOld(farewell.stored.position))
    dropFarewell(core, resource);
}

/** What time brings: who was asked and has become quiet has said it all. */
export function reconcile(core: Core, now: number): void {
  const { reconciling } = core;
  if (!reconciling.any || now < reconciling.nextLook) return;
  reconciling.nextLook = now + LOOK_EVERY_MS;
  let changed = false;
  for (const [source, asked] of reconciling.asked) {
    const sessions = core.sessions.ofSource(source);
    if (sessions.length === 0) {
      reconciling.asked.delete(source);
      continue;
    }
    if (sessions.some((session) => session.asks.size > 0)) asked.heardAt = now;
    if (now - asked.heardAt < QUIET_MS) continue;
    for (const partition of asked.partitions.keys()) settleSpecs(core, partition, source);
    reconciling.asked.delete(source);
    changed = true;
  }
  for (const partition of reconciling.statuses) {
    if (!isQuiet(core, partition, now)) continue;
    reconciling.statuses.delete(partition);
    reconciling.agentsHeardAt.delete(partition);
    changed = true;
  }
  if (changed) afterwards(core, now);
}

/** An operator says that nothing newer will come of this source, or of anybody (`undefined`): what the broker has counts. */
export function endReconciling(core: Core, source: string | undefined, now: number): void {
  const { reconciling } = core;
  if (!reconciling.any) return;
  for (const [partition, owners] of reconciling.specs) {
    for (const owner of owners)
      if (source === undefined || owner === source) settleSpecs(core, partition, owner);
  }
  if (source === undefined) reconciling.statuses.clear();
  afterwards(core, now);
}

/** Nothing of the partition is known any more. */
export function forgetReconciling(core: Core, partition: Partition, now: number): void {
  const { reconciling } = core;
  if (!reconciling.any) return;
  reconciling.specs.delete(partition);
  reconciling.statuses.delete(partition);
  afterwards(core, now);
}

function settleSpecs(core: Core, partition: Partition, source: string): void {
  const { reconciling, table } = core;
  const owners = reconciling.specs.get(partition);
  owners?.delete(source);
  if (owners?.size === 0) reconciling.specs.delete(partition);
  for (const resource of table.farewells) {
    if (resource.place === partition && resource.owner === source) confirmRestored(core, resource);
  }
}

/** Its agents were asked for their statuses when they came. */
function isQuiet(core: Core, partition: Partition, now: number): boolean {
  let since = Number.POSITIVE_INFINITY;
  for (const session of core.sessions.agentsOf(partition.cluster)) {
    if (!session.takes(partition.dataType) || !session.statusesAsked.has(partition.dataType)) continue;
    if (session.asks.size > 0) return false;
    since = Math.min(since, session.about.openedAt);
  }
  const heardAt = core.reconciling.agentsHeardAt.get(partition) ?? 0;
  return now - Math.max(since, heardAt) >= QUIET_MS;
}

function afterwards(core: Core, now: number): void {
  if (core.reconciling.isDone) end(core);
  for (const session of [...core.sessions.all()]) resort(session, now);
}

function end(core: Core): void {
  core.reconciling.end();
  core.port.note({ kind: 'reconciled' });
}
