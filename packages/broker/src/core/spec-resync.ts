import type { DataTypePolicy } from '../access/data-type-policy.js';
import type { Session } from '../delivery/session.js';
import { Partition } from '../state/partition.js';
import type { Cell, Farewell, Resource, ResourceView } from '../state/resource.js';
import { askSources, type Listing } from './ask-sources.js';
import type { Core } from './core.js';
import { bury, dropFarewell, isOwed, showLifeWhenDurable } from './keep.js';
import { inSlices } from './slices.js';
import { askForStatuses } from './status-ask.js';
import type { Turn, Walk } from './walk.js';

/** Data types that one cluster may ask about before anybody has published anything there. */
const MOST_TYPES = 1000;

export interface SpecResync extends Listing {
  readonly cluster: string;
  readonly dataType: string;
  /** When the list came, in milliseconds. */
  readonly at: number;
  /** Answered again, for another session: the agent may hold more than it listed. */
  readonly again: boolean;
}

/**
 * An agent says what it holds and asks for the rest. What the broker knows, it answers; the connected sources are asked too, each
 * with its own slice, because they are the authority; what nobody owns is withheld.
 *
 * Many resources are answered over several turns, each from its state at the beginning: one that changes meanwhile is answered before that.
 * What it has to say of lives that are over counts also when its session ends in the middle.
 * @param done is called when all is answered
 */
export function answerSpecResync(
  core: Core,
  ask: SpecResync,
  { key, done }: { readonly key: string; readonly done: () => void },
  now: number,
): void {
  inSlices(core, key, now, (turn) => answer(core, ask, turn, done));
}

function* answer(core: Core, ask: SpecResync, turn: Turn, done: () => void): Walk {
  const partition = partitionFor(core, ask);
  const sessions = core.sessions.agentsOf(ask.cluster).filter((session) => session.takes(ask.dataType));
  partition.agentAsked = true;
  turn.atEnd = () => {
    for (const session of sessions) session.flush(turn.now);
  };
  yield* answerAll(core, partition, ask, sessions, turn);
  const service = core.services.get(ask.dataType);
  if (service !== undefined) service.list(ask.cluster, ask.dataType, ask.listed);
  else yield* askSources(core, partition, ask, turn);
  for (const session of sessions) {
    if (!session.open) continue;
    if (ask.named === '') askForStatuses(core, session, partition);
    session.flush(turn.now);
  }
  done();
}

function* answerAll(
  core: Core,
  partition: Partition,
  ask: SpecResync,
  sessions: readonly Session[],
  turn: Turn,
): Walk {
  const began = turn.now;
  const answered = new Set<string>();
  const look = (view: ResourceView) => {
    if (ask.named !== '' && view.owner !== ask.named) return;
    if (isKnownToAgent(view, ask)) return;
    answered.add(view.id);
    answerOne(core, partition.hold(view), ask, sessions, began, turn.now);
  };
  const beforeChange = (resource: Resource) => {
    if (answered.has(resource.id)) return;
    answered.add(resource.id);
    look(resource);
  };
  partition.beforeChange.add(beforeChange);
  try {
    for (const view of partition.views()) {
      if (!answered.has(view.id)) look(view);
      yield;
    }
  } finally {
    partition.beforeChange.delete(beforeChange);
  }
}

/**
 * Remembered, so that sources that connect later are asked too; but a cluster that invents types does not make the broker remember
 * them all.
 */
function partitionFor(core: Core, ask: SpecResync): Partition {
  const known = core.table.find(ask.dataType, ask.cluster);
  if (known !== undefined) return known;
  const types = [...core.table.ofCluster(ask.cluster, '')].length;
  return types < MOST_TYPES
    ? core.table.partition(ask.dataType, ask.cluster)
    : new Partition(ask.dataType, ask.cluster);
}

/** Most resources, most of the time: nothing is to be said of them. */
function isKnownToAgent({ farewell, id, spec }: ResourceView, { listed }: SpecResync): boolean {
  if (spec === undefined) return true;
  if (spec.deleting || farewell !== undefined || spec.version === 0n) return false;
  return spec.version <= (listed.get(id) ?? -1n);
}

function answerOne(
  core: Core,
  resource: Resource,
  ask: SpecResync,
  sessions: readonly Session[],
  began: number,
  now: number,
): void {
  const { spec } = resource;
  const policy = core.policies.of(ask.dataType);
  if (spec === undefined) return;
  const listed = ask.listed.get(resource.id);
  if (spec.deleting) {
    const seen = resource.deletionSentAt !== undefined && resource.deletionSentAt <= began;
    const confirmed = policy.deletion === 'absence' && seen && listed === undefined && !ask.again;
    if (confirmed && !isOwed(core, spec)) bury(core, resource, now);
    else markAll(sessions, spec, now);
    return;
  }
  const isWanted = listed === undefined || spec.version === 0n || spec.version > listed;
  if (resource.farewell !== undefined) {
    if (!ask.again && isSaidSince(resource, ask.at, sessions)) return;
    const isOfBefore =
      ask.again && policy.deletion === 'absence' && (resource.deletionSentAt ?? -1) >= ask.at;
    if (!isOfBefore && needsFarewell(resource.farewell, spec, listed, policy)) {
      for (const session of sessions) if (session.open) session.oweFarewell(resource);
      markAll(sessions, spec, now);
      return;
    }
    if (ask.again) {
      // It was written before the end was handed over, which the agent may have seen, and the present life after it.
      if (isOfBefore) markAll(sessions, spec, now);
      return;
    }
    dropFarewell(core, resource);
    if (isWanted && showLifeWhenDurable(core, resource, now)) return;
  }
  if (isWanted) markAll(sessions, spec, now);
}

/** The list is older than the answer to the one before: the agent has been handed the end of the earlier life since, and the present one after it. */
function isSaidSince(resource: Resource, at: number, sessions: readonly Session[]): boolean {
  const open = sessions.filter((session) => session.open);
  return open.length > 0 && open.every((session) => (session.saidFarewells.get(resource) ?? -1) >= at);
}

/**
 * Does the agent hold the life before? A version above the present one is of the life before: the agent would take the present one
 * for stale. A lower one simply becomes newer. An equal one is of the life before when nobody was shown its end.
 */
function needsFarewell(
  farewell: Farewell,
  spec: Cell,
  listed: bigint | undefined,
  policy: DataTypePolicy,
): boolean {
  if (listed === undefined) return false;
  if (policy.deletion === 'deleted-condition') return true;
  // All of the present life is known since the farewell: whatever is higher is earlier, also when a restored store never saw it.
  if (listed > spec.version) return true;
  return listed === spec.version && farewell.sentAt === undefined;
}

function markAll(sessions: readonly Session[], cell: Cell, now: number): void {
  for (const session of sessions) if (session.open) session.mark(cell, now);
}
