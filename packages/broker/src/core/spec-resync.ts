import type { DataTypePolicy } from '../access/data-type-policy.js';
import type { Session } from '../delivery/session.js';
import { Partition } from '../state/partition.js';
import type { Cell, Farewell, Resource, ResourceView } from '../state/resource.js';
import type { Core } from './core.js';
import { bury, dropFarewell, isOwed } from './keep.js';
import { askForSpecs } from './spec-ask.js';
import { askForStatuses } from './status-ask.js';

/** Data types that one cluster may ask about before anybody has published anything there. */
const MOST_TYPES = 1000;

export interface SpecResync {
  readonly cluster: string;
  readonly dataType: string;
  /** The source that is asked; `""`: all. */
  readonly named: string;
  readonly agent: string;
  /** Answered again, for another session: the agent may hold more than it listed. */
  readonly again: boolean;
  /** What the agent holds, by resource id. */
  readonly listed: ReadonlyMap<string, bigint>;
}

/**
 * An agent says what it holds and asks for the rest. What the broker knows, it answers; the connected sources are asked too, each
 * with its own slice, because they are the authority; what nobody owns is withheld.
 */
export function answerSpecResync(core: Core, ask: SpecResync, now: number): void {
  const partition = partitionFor(core, ask);
  const sessions = core.sessions.agentsOf(ask.cluster).filter((session) => session.takes(ask.dataType));
  partition.agentAsked = true;
  for (const view of partition.views()) {
    if (ask.named !== '' && view.owner !== ask.named) continue;
    if (!isKnownToAgent(view, ask)) answerOne(core, partition.hold(view), ask, sessions, now);
  }
  const service = core.services.get(ask.dataType);
  if (service !== undefined) service.list(ask.cluster, ask.dataType, ask.listed);
  else askSources(core, partition, ask, now);
  for (const session of sessions) {
    if (ask.named === '') askForStatuses(core, session, partition);
    session.flush(now);
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
  now: number,
): void {
  const { spec } = resource;
  const policy = core.policies.of(ask.dataType);
  if (spec === undefined) return;
  const listed = ask.listed.get(resource.id);
  if (spec.deleting) {
    const seen = resource.deletionSentAt !== undefined;
    const confirmed = policy.deletion === 'absence' && seen && listed === undefined && !ask.again;
    if (confirmed && !isOwed(core, spec)) bury(core, resource, now);
    else markAll(sessions, spec, now);
    return;
  }
  if (resource.farewell !== undefined) {
    if (needsFarewell(resource.farewell, spec, listed, policy)) {
      for (const session of sessions) session.owedFarewells.add(resource);
      markAll(sessions, spec, now);
      return;
    }
    if (ask.again) return;
    dropFarewell(core, resource);
  }
  if (listed === undefined || spec.version === 0n || spec.version > listed) markAll(sessions, spec, now);
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
  for (const session of sessions) session.mark(cell, now);
}

/** Each source gets the listed ids that are its own; those of nobody go to a source only where the agent, or the configuration, says so. */
function askSources(core: Core, partition: Partition, ask: SpecResync, now: number): void {
  const bySource = new Map<string, Map<string, bigint>>();
  const unowned = new Map<string, bigint>();
  for (const [id, version] of ask.listed) {
    const owner = partition.peek(id)?.owner;
    if (owner === undefined) {
      unowned.set(id, version);
      continue;
    }
    let own = bySource.get(owner);
    if (own === undefined) {
      own = new Map();
      bySource.set(owner, own);
    }
    own.set(id, version);
  }
  if (ask.named !== '') {
    const listed = new Map([...(bySource.get(ask.named) ?? []), ...unowned]);
    askForSpecs(core, ask.named, partition, now, { listed, agent: ask.agent });
    return;
  }
  noteOrphans(core, partition, unowned, now);
  const everybodys = core.options.orphans === 'forward' ? unowned : new Map<string, bigint>();
  for (const source of new Set(core.sessions.sourcesOf(partition.dataType))) {
    const listed = new Map([...(bySource.get(source) ?? []), ...everybodys]);
    askForSpecs(core, source, partition, now, { listed, agent: ask.agent });
  }
}

/** A list for all sources is complete: what is no longer in it is no orphan any more. */
function noteOrphans(
  core: Core,
  partition: Partition,
  unowned: ReadonlyMap<string, bigint>,
  now: number,
): void {
  const { orphans } = partition;
  for (const id of orphans.keys()) {
    if (!unowned.has(id)) orphans.delete(id);
  }
  let found = 0;
  for (const [id, version] of unowned) {
    const known = orphans.get(id);
    if (known === undefined) found += 1;
    orphans.set(id, { version, since: known?.since ?? now });
  }
  if (found === 0) return;
  core.port.note({ kind: 'orphans', cluster: partition.cluster, dataType: partition.dataType, count: found });
}
