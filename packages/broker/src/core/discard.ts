import { CeBrokerError } from 'ce-broker-proto';
import type { StoredBytes } from '../state/event-store.js';
import type { Partition } from '../state/partition.js';
import type { Resource, ResourceView } from '../state/resource.js';
import type { Core } from './core.js';
import type { CustodyPace } from './custody-work.js';
import type { HeldDeletions } from './deletion-guard.js';
import { keep } from './keep.js';
import { settle } from './publish.js';
import { askForSpecs } from './spec-ask.js';

/** Which deletions that wait for consent: those of a cluster, or of them only one data type or one source. */
export interface DiscardSubject {
  readonly cluster: string;
  readonly dataType?: string | undefined;
  readonly source?: string | undefined;
}

export interface DiscardTally {
  /** Resources that are wanted again, as they were. */
  discarded: number;
  /** Deletions that wait on: it is not known what was before them, or agents may have seen them or the life before already. */
  left: number;
}

/**
 * The other answer than consent: each resource is wanted again as its source published it last, and agents never hear of the deletion. The
 * sources are asked what they have: one that still wants the deletions sends them again, and they wait again. One resource between two
 * steps. Throws CeBrokerError `not_found`, `failed_precondition`.
 */
export function* discardWork(
  core: Core,
  subject: DiscardSubject,
  { by, now }: { readonly by: string; readonly now: () => number },
): Generator<CustodyPace, DiscardTally> {
  const trips = tripsOf(core, subject);
  const tally: DiscardTally = { discarded: 0, left: 0 };
  const upTo = core.position;
  for (const trip of trips) {
    const partition = core.table.find(trip.dataType, trip.cluster);
    if (partition === undefined) continue;
    const owners = yield* discardTrip(core, { partition, trip, upTo, subject, tally, by, now });
    for (const owner of owners) askForSpecs(core, owner, partition, now(), { fresh: true });
  }
  const { discarded, left } = tally;
  core.port.note({ kind: 'discarded', ...subject, discarded, left, by });
  return tally;
}

interface Task {
  readonly partition: Partition;
  readonly trip: HeldDeletions;
  /** What waits since after this position was not seen by whoever discards. */
  readonly upTo: number;
  readonly subject: DiscardSubject;
  readonly tally: DiscardTally;
  readonly by: string;
  readonly now: () => number;
}

/** Gives the owners of what is wanted again. */
function* discardTrip(core: Core, task: Task): Generator<CustodyPace, ReadonlySet<string>> {
  const { by, now, partition, tally, trip } = task;
  const owners = new Set<string>();
  try {
    for (const { id, ...view } of seen(partition)) {
      if (isMeant(core, view, task)) {
        while (core.store.refusal !== undefined) yield 'wait';
        // Others had their turn meanwhile.
        const resource = partition.find(id);
        if (resource !== undefined && isMeant(core, resource, task)) {
          if (wantAgain(core, resource, trip, by, now())) tally.discarded += 1;
          else tally.left += 1;
          if (resource.owner !== undefined) owners.add(resource.owner);
        }
      }
      yield 'step';
    }
  } finally {
    core.deletions.recount(partition);
  }
  return owners;
}

function* seen(partition: Partition): Iterable<Pick<ResourceView, 'id' | 'owner' | 'place' | 'spec'>> {
  for (const { id, owner, place, spec } of partition.views()) yield { id, owner, place, spec };
}

function tripsOf(core: Core, { cluster, dataType }: DiscardSubject): readonly HeldDeletions[] {
  if (core.options.massDeletion === false) {
    throw new CeBrokerError(
      'failed_precondition',
      'massDeletion is off: a source that asks for a discarded deletion again would have it at once; turn it on, or publish the resources again',
    );
  }
  const trips = [...core.deletions.all()].filter(
    (held) => held.cluster === cluster && (dataType === undefined || held.dataType === dataType),
  );
  if (trips.length > 0) return trips;
  const what = dataType === undefined ? 'deletions' : `deletions of ${dataType}`;
  throw new CeBrokerError(
    'not_found',
    `no ${what} of cluster ${cluster} wait for consent: ce-broker holds lists what is held`,
  );
}

function isMeant(
  core: Core,
  resource: Pick<ResourceView, 'owner' | 'place' | 'spec'>,
  { subject: { source }, trip, upTo }: Task,
): boolean {
  // Somebody may have consented meanwhile: then agents have it.
  if (core.deletions.at(trip) !== trip) return false;
  const { owner, spec } = resource;
  if (spec?.deleting !== true || spec.position <= trip.after || spec.position > upTo) return false;
  return source === undefined || owner === source;
}

/** False: there is no way back that agents would follow. */
function wantAgain(core: Core, resource: Resource, trip: HeldDeletions, by: string, now: number): boolean {
  const { owner, place, spec } = resource;
  if (spec === undefined || spec.endsUnseen || core.reconciling.covers(spec)) return false;
  const bytes = lastWanted(core, resource, trip);
  if (bytes === undefined) return false;
  const partition = place as Partition;
  for (const look of partition.beforeChange) look(resource);
  const deletedAt = spec.stampedAt;
  const event = core.scanner.scanEvent(bytes);
  const cell = keep(core, resource, 'spec', event, bytes, now, by);
  cell.inherited = owner !== undefined && event.source !== owner;
  cell.declined = true;
  // What its source stamped before the deletion is of the past.
  cell.stampedAt = Math.max(cell.stampedAt, deletedAt);
  settle(core, undefined, event, cell, 'agent', place.cluster, now);
  return true;
}

/** The spec before the deletions that wait; undefined: it is not kept, or a deletion that agents may have seen stands between. */
function lastWanted(
  core: Core,
  { pastSpecs = [] }: Resource,
  { after }: HeldDeletions,
): Uint8Array | undefined {
  for (const stored of pastSpecs) {
    const bytes = readOrNothing(core, stored);
    if (bytes === undefined) return undefined;
    if (!core.scanner.scanEvent(bytes).deleting) return bytes;
    if (stored.position <= after) return undefined;
  }
  return undefined;
}

function readOrNothing(core: Core, stored: StoredBytes): Uint8Array | undefined {
  try {
    // A copy: it is kept once more.
    return Uint8Array.from(core.store.read(stored));
  } catch {
    return undefined;
  }
}
