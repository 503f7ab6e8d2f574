import type { ResourceVersion } from 'ce-broker-proto';
import { versionAfterAnswer } from '../state/ordering.js';
import type { Partition } from '../state/partition.js';
import type { Core } from './core.js';
import { specRequest } from './request-event.js';

const NOTHING: ReadonlyMap<string, bigint> = new Map();

export interface AskForSpecs {
  /** Ids and versions that the asking agent listed and that the source's slice has to take up; what the broker knows itself is in any case. */
  readonly listed?: ReadonlyMap<string, bigint>;
  /** The source has just connected: what it was asked before may be lost. */
  readonly fresh?: boolean;
  /** Who asks, as the source sees it. */
  readonly agent?: string;
}

/**
 * Asks a connected source for its specs of a cluster and type, with its own slice: the ids that it owns there, at the versions
 * that the agent has or is getting. To a Go source the list is complete, so another source's ids never stand in it, and an empty
 * one is the safe "send me everything". Agents that ask side by side share one list.
 */
export function askForSpecs(
  core: Core,
  source: string,
  partition: Partition,
  now: number,
  ask: AskForSpecs = {},
): void {
  const { cluster, dataType } = partition;
  const sessions = core.sessions.ofSource(source).filter((session) => session.takes(dataType, cluster));
  if (sessions.length === 0) return;
  const listed = ask.listed ?? NOTHING;
  const askedAt = partition.asked.get(source)?.at;
  const { resyncShareMs } = core.options;
  if (ask.fresh !== true && askedAt !== undefined && now - askedAt < resyncShareMs) {
    core.counters.listsShared += 1;
    if (!knowsMore(partition, source, listed)) return;
    const key = agendaKey(source, partition);
    const before = core.agenda.lists.get(key)?.listed ?? NOTHING;
    const both = new Map([...before, ...listed]);
    core.agenda.lists.set(key, { source, partition, listed: both, due: askedAt + resyncShareMs });
    return;
  }
  const anew = core.reconciling.asks(partition, source, sessions, now);
  partition.asked.set(source, { at: now, position: core.position });
  const agent = ask.agent ?? 'ce-broker';
  for (const session of sessions) {
    core.counters.listsToSources += 1;
    session.ask({
      key: `spec ${agendaKey(source, partition)}`,
      messages: () =>
        specRequest(core, headOf(partition, source, agent), sliceOf(core, partition, source, listed, anew)),
    });
    session.flush(now);
  }
}

/**
 * All ids that the source owns in the partition, and those of the list that the caller found to be its. What it was given by hand is left out
 * until it has published it: should it not have it, it would delete it.
 * @param anew what is as old as a backup is listed at version 0: the source sends it, or deletes it
 */
function sliceOf(
  core: Core,
  partition: Partition,
  source: string,
  listed: ReadonlyMap<string, bigint>,
  anew: boolean,
): ResourceVersion[] {
  const slice: ResourceVersion[] = [];
  if (partition.owned.has(source)) {
    for (const { earlierVersion, hasNothing, id, owner, spec } of partition.views()) {
      if (owner !== source) continue;
      if (hasNothing && !listed.has(id)) slice.push({ resourceId: id, resourceVersion: 0n });
      if (spec === undefined || spec.inherited) continue;
      if (anew && core.reconciling.isOld(spec.position)) {
        slice.push({ resourceId: id, resourceVersion: 0n });
        continue;
      }
      if (spec.deleting) continue;
      const version = versionAfterAnswer(spec, earlierVersion, listed.get(id));
      slice.push({ resourceId: id, resourceVersion: version });
    }
  }
  for (const [id, version] of listed) {
    if (partition.peek(id)?.spec === undefined) slice.push({ resourceId: id, resourceVersion: version });
  }
  return slice;
}

/** The agent has something that the list under way did not say. */
function knowsMore(partition: Partition, source: string, listed: ReadonlyMap<string, bigint>): boolean {
  for (const [id, version] of listed) {
    const resource = partition.peek(id);
    if (resource?.spec === undefined) return true;
    const { earlierVersion, owner, spec } = resource;
    if (owner === source && versionAfterAnswer(spec, earlierVersion, version) > spec.version) return true;
  }
  return false;
}

function headOf(partition: Partition, source: string, agent: string) {
  const type = `${partition.dataType}.spec.resync_request`;
  return { type, source: agent, cluster: partition.cluster, originalSource: source };
}

function agendaKey(source: string, partition: Partition): string {
  return `${source}\n${partition.cluster}\n${partition.dataType}`;
}
