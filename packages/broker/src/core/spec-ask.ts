import type { ResourceVersion } from 'ce-broker-proto';
import type { Session } from '../delivery/session.js';
import { versionAfterAnswer } from '../state/ordering.js';
import type { Partition } from '../state/partition.js';
import type { ResourceView } from '../state/resource.js';
import type { Core } from './core.js';
import { ListAsk } from './list-ask.js';
import type { ListPlan } from './list-plan.js';
import { VERSIONS } from './request-event.js';

const NOTHING: ReadonlyMap<string, bigint> = new Map();

export interface AskForSpecs {
  /** Ids and versions that the asking agent listed and that the source's slice has to take up; what the broker knows itself is in any case. */
  readonly listed?: ReadonlyMap<string, bigint>;
  /** Whether those of `listed` say more than the list that the source was asked with last; undefined: it is to be found out. */
  readonly knowsMore?: boolean;
  /** What the source was asked before does not count. */
  readonly fresh?: boolean;
  /** The source has just connected with this session: what it was asked before may be lost. Its other sessions may have been asked lately. */
  readonly connected?: Session;
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
  const isLately = askedAt !== undefined && now - askedAt < resyncShareMs;
  if (isLately && ask.fresh !== true && ask.connected === undefined) {
    core.counters.listsShared += 1;
    if (!(ask.knowsMore ?? knowsMore(partition, source, listed))) return;
    const key = agendaKey(source, partition);
    const before = core.agenda.lists.get(key)?.listed ?? NOTHING;
    const both = new Map([...before, ...listed]);
    core.agenda.lists.set(key, { source, partition, listed: both, due: askedAt + resyncShareMs });
    return;
  }
  const isAlone = isLately && ask.connected !== undefined;
  const asked = isAlone ? sessions.filter((session) => session === ask.connected) : sessions;
  if (asked.length === 0) return;
  const anew = core.reconciling.asks(partition, source, asked, now);
  // The others are asked again as if this one had not come.
  partition.asked.set(source, { at: isAlone ? askedAt : now, position: core.position });
  const agent = ask.agent ?? 'ce-broker';
  const slice = new Slice(core, partition, source, listed, anew);
  const key = `spec ${agendaKey(source, partition)}`;
  const isPlain = listed.size === 0 && !anew;
  const plan: ListPlan<ResourceVersion> = {
    key,
    ...(isPlain && { same: `${key}\n${agent}` }),
    head: headOf(partition, source, agent),
    kind: VERSIONS,
    entries: () => slice.entries(),
    changes: { partition, entryOf: (id) => slice.entryOf(id, partition.peek(id)) },
    sendsEmpty: true,
  };
  for (const session of asked) {
    core.counters.listsToSources += 1;
    session.ask(new ListAsk(core, session, plan));
    session.flush(now);
  }
}

/**
 * All ids that the source owns in the partition, and those of the list that the caller found to be its. What it was given by hand is left out
 * until it has published it: should it not have it, it would delete it.
 */
class Slice {
  readonly #core: Core;
  readonly #partition: Partition;
  readonly #source: string;
  readonly #listed: ReadonlyMap<string, bigint>;
  readonly #anew: boolean;

  /** @param anew what is as old as a backup is listed at version 0: the source sends it, or deletes it */
  constructor(
    core: Core,
    partition: Partition,
    source: string,
    listed: ReadonlyMap<string, bigint>,
    anew: boolean,
  ) {
    this.#core = core;
    this.#partition = partition;
    this.#source = source;
    this.#listed = listed;
    this.#anew = anew;
  }

  *entries(): Iterable<readonly [id: string, entry: ResourceVersion | undefined]> {
    if (this.#partition.owned.has(this.#source))
      for (const view of this.#partition.views()) yield [view.id, this.entryOf(view.id, view)];
    for (const id of this.#listed.keys()) {
      const view = this.#partition.peek(id);
      yield [id, view?.spec === undefined ? this.entryOf(id, view) : undefined];
    }
  }

  entryOf(id: string, view: ResourceView | undefined): ResourceVersion | undefined {
    const resourceVersion = this.#versionOf(this.#listed.get(id), view);
    return resourceVersion === undefined ? undefined : { resourceId: id, resourceVersion };
  }

  #versionOf(listed: bigint | undefined, view: ResourceView | undefined): bigint | undefined {
    if (view?.spec === undefined) {
      const isLost = view?.hasNothing === true && view.owner === this.#source;
      return listed ?? (isLost ? 0n : undefined);
    }
    const { earlierVersion, owner, spec } = view;
    if (owner !== this.#source || spec.inherited) return undefined;
    if (this.#anew && this.#core.reconciling.isOld(spec.position)) return 0n;
    // Its source sends it, whatever its version, or deletes it, which waits.
    if (spec.declined) return 0n;
    return spec.deleting ? undefined : versionAfterAnswer(spec, earlierVersion, listed);
  }
}

/** The agent has something that the list under way did not say. */
function knowsMore(partition: Partition, source: string, listed: ReadonlyMap<string, bigint>): boolean {
  for (const [id, version] of listed) if (saysMore(partition.peek(id), source, version)) return true;
  return false;
}

/** An agent listed the resource at this version. Does that say more to its source than what the broker knows itself? */
export function saysMore(view: ResourceView | undefined, source: string, version: bigint): boolean {
  if (view?.spec === undefined) return true;
  const { earlierVersion, owner, spec } = view;
  return owner === source && versionAfterAnswer(spec, earlierVersion, version) > spec.version;
}

function headOf(partition: Partition, source: string, agent: string) {
  const type = `${partition.dataType}.spec.resync_request`;
  return { type, source: agent, cluster: partition.cluster, originalSource: source };
}

function agendaKey(source: string, partition: Partition): string {
  return `${source}\n${partition.cluster}\n${partition.dataType}`;
}
