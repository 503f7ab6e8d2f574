import { CeBrokerError } from 'ce-broker-proto';
import type { Partition } from '../state/partition.js';
import type { Resource } from '../state/resource.js';
import type { Envelope } from '../wire/envelope.js';
import type { Core } from './core.js';
import type { HeldDeletions } from './deletion-guard.js';
import { resort } from './holds.js';
import { dropFarewell } from './keep.js';
import { inSlices } from './slices.js';
import type { Walk } from './walk.js';

/** A spec is about to become the newest of its resource: should it be a deletion too many, it waits, and so do those after it. */
export function guardDeletion(
  core: Core,
  partition: Partition,
  resource: Resource,
  event: Envelope,
  now: number,
): void {
  const { deletions, options, port, position } = core;
  const rule = options.massDeletion;
  if (rule === false) return;
  const held = deletions.count(event, {
    rule,
    partition,
    resource,
    position,
    now,
    ended: () => endedOf(core),
    most: options.sliceSize,
    countLater: ({ cluster, dataType }, begin) =>
      inSlices(core, `deletions ${cluster}\n${dataType}`, now, begin),
  });
  if (held === undefined) return;
  const { again, cluster, dataType, deleted, of } = held;
  port.note({ kind: 'deletions-held', cluster, dataType, deleted, of, ...(again && { again }) });
}

function* endedOf({ table }: Core): Iterable<Resource> {
  yield* table.tombstones;
  yield* table.graves;
}

/**
 * The resource lives again before anybody consented to its deletion: there is nothing to hold any more. Where the agent takes the new
 * spec for newer than what it has, it never hears of the deletion; else it sees the deletion first, as after every other.
 */
export function voidHeldDeletion(core: Core, resource: Resource, event: Envelope): void {
  const { earlierVersion = 0n, farewell, place } = resource;
  const held = core.deletions.at(place);
  if (held === undefined || farewell === undefined || farewell.stored.position <= held.after) return;
  const isNewer = event.version === 0n ? earlierVersion === 0n : event.version > earlierVersion;
  if (isNewer) dropFarewell(core, resource);
}

/** The deletions of a cluster that wait for consent go out; gives their number. Throws `not_found`. */
export function releaseDeletions(core: Core, cluster: string, by: string, now: number): number {
  let [count, found] = [0, false];
  const counts = countHeldDeletions(core);
  for (const held of core.deletions.all()) {
    if (held.cluster !== cluster) continue;
    found = true;
    count += counts.get(held) ?? 0;
  }
  if (!found) {
    throw new CeBrokerError(
      'not_found',
      `no deletions of cluster ${cluster} wait for consent: ce-broker holds lists what is held`,
    );
  }
  core.deletions.consent(cluster, now);
  core.port.note({ kind: 'released', target: `${count} deletions of cluster ${cluster}`, by });
  for (const session of [...core.sessions.agentsOf(cluster)]) resort(session, now);
  return count;
}

/** How many deletions wait for consent, where any do. One walk over the deletions that are not confirmed, and none where nothing is held. */
export function countHeldDeletions(core: Readonly<Core>): ReadonlyMap<HeldDeletions, number> {
  const counts = new Map<HeldDeletions, number>();
  if (!core.deletions.any) return counts;
  for (const resource of core.table.tombstones) {
    const held = core.deletions.at(resource.place);
    if (held === undefined || resource.spec === undefined) continue;
    if (core.deletions.covers(resource, resource.spec)) counts.set(held, (counts.get(held) ?? 0) + 1);
  }
  return counts;
}

/** Forgets what counts no more, and that deletions wait where all that waited are void. */
export function cleanDeletions(core: Core, now: number): void {
  const { deletions, options } = core;
  deletions.clean(options.massDeletion, now);
  const counts = countHeldDeletions(core);
  for (const held of [...deletions.all()]) {
    if (counts.has(held)) {
      deletions.noteWaiting(held);
      continue;
    }
    if (deletions.noteOver(held, core.position) > core.store.durablePosition) continue;
    // After a start the deletions come into memory little by little: the store is asked before anything is let go.
    inSlices(core, `waiting ${held.cluster}\n${held.dataType}`, now, () => dropUnlessWaiting(core, held));
  }
}

function* dropUnlessWaiting(core: Core, held: HeldDeletions): Walk {
  const { deletions, port, table } = core;
  const { cluster, dataType } = held;
  for (const resource of table.find(dataType, cluster)?.views() ?? []) {
    if (resource.spec !== undefined && deletions.covers(resource, resource.spec)) return;
    yield;
  }
  // What was deleted meanwhile is in memory.
  if (deletions.at({ cluster, dataType }) !== held || countHeldDeletions(core).has(held)) return;
  deletions.drop(held);
  const target = `deletions of ${dataType} on cluster ${cluster}, which are all wanted again or over,`;
  port.note({ kind: 'released', target, by: 'ce-broker' });
}
