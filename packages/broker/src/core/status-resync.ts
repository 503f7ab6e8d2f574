import type { ResourceStatusHash } from 'ce-broker-proto';
import type { Session } from '../delivery/session.js';
import type { Partition } from '../state/partition.js';
import type { ResourceView } from '../state/resource.js';
import type { Core } from './core.js';
import { enqueue } from './held.js';
import { forgetStatus } from './keep.js';
import { ListAsk } from './list-ask.js';
import type { ListPlan } from './list-plan.js';
import { HASHES } from './request-event.js';
import { inSlices } from './slices.js';
import type { Turn, Walk } from './walk.js';

/**
 * Ids that the broker does not know may live on any cluster, so every agent is asked about them; but ids times clusters no more than
 * this. After a lost store that is soon too much: then the statuses are asked for when the specs to them are known again.
 */
const MOST_UNPLACED = 50_000;

export interface StatusResync {
  readonly source: string;
  /** `""`: all clusters. */
  readonly cluster: string;
  readonly dataType: string;
  /** The status hashes that the source holds, by resource id; empty means: send everything. */
  readonly hashes: ReadonlyMap<string, string>;
}

/**
 * A source says which statuses it holds and asks for the rest. Agents that are here are asked, each for its own; for those that are
 * away the broker answers from what it knows. Many resources are gone through over several turns.
 * @param done is called when all is answered; never, when the asker goes away before
 */
export function answerStatusResync(
  core: Core,
  ask: StatusResync,
  { key, done }: { readonly key: string; readonly done: () => void },
  now: number,
): void {
  inSlices(core, key, now, (turn) => answer(core, ask, turn, done));
}

function* answer(core: Core, ask: StatusResync, turn: Turn, done: () => void): Walk {
  const askers = askersOf(core, ask);
  turn.atEnd = () => {
    for (const session of askers) session.flush(turn.now);
  };
  const isOver = () => askers.length > 0 && askers.every((session) => !session.open);
  const position = core.position;
  const { known, unknown: unplaced } = yield* sortByCluster(core, ask);
  const clusters = [...clustersOf(core, ask)];
  const unknown = unplaced.length * clusters.length <= MOST_UNPLACED ? unplaced : [];
  for (const cluster of clusters) {
    if (isOver()) return;
    const agents = core.sessions
      .agentsOf(cluster)
      .filter((session) => session.takes(ask.dataType, ask.source));
    if (agents.length > 0)
      askAgents(core, ask, cluster, agents, [...(known.get(cluster) ?? []), ...unknown], turn.now);
    else yield* answerFor(core, ask, cluster, askers, turn);
    yield* forgetWhatTheSourceForgot(core, ask, cluster, position);
  }
  for (const session of askers) session.flush(turn.now);
  done();
}

function clustersOf(core: Core, ask: StatusResync): Iterable<string> {
  if (ask.cluster !== '') return [ask.cluster];
  const clusters = new Set(core.sessions.clusters());
  for (const partition of core.table.all(ask.dataType)) clusters.add(partition.cluster);
  return clusters;
}

interface ByCluster {
  readonly known: ReadonlyMap<string, readonly ResourceStatusHash[]>;
  readonly unknown: readonly ResourceStatusHash[];
}

/** Which listed id lives on which cluster; ids that the broker does not know may live on any. */
function* sortByCluster(core: Core, ask: StatusResync): Generator<undefined, ByCluster> {
  const known = new Map<string, ResourceStatusHash[]>();
  const found = new Set<string>();
  if (ask.hashes.size > 0) {
    for (const partition of [...partitionsOf(core, ask)]) {
      const own: ResourceStatusHash[] = [];
      for (const resource of smallerSide(partition, ask.hashes)) {
        yield;
        if (resource === undefined) continue;
        const statusHash = ask.hashes.get(resource.id);
        const isOthers = resource.owner !== undefined && resource.owner !== ask.source;
        if (statusHash === undefined || isOthers) continue;
        found.add(resource.id);
        own.push({ resourceId: resource.id, statusHash });
      }
      if (own.length > 0) known.set(partition.cluster, own);
    }
  }
  const unknown: ResourceStatusHash[] = [];
  for (const [resourceId, statusHash] of ask.hashes) {
    if (!found.has(resourceId)) unknown.push({ resourceId, statusHash });
  }
  return { known, unknown };
}

/** The resources that may be listed, at the cost of the shorter of list and partition; undefined: an id that is not here. */
function* smallerSide(
  partition: Partition,
  hashes: ReadonlyMap<string, string>,
): Iterable<ResourceView | undefined> {
  if (partition.size <= hashes.size) yield* partition.views();
  else for (const id of hashes.keys()) yield partition.peek(id);
}

function partitionsOf(core: Core, ask: StatusResync): Iterable<Partition> {
  return ask.cluster === '' ? core.table.all(ask.dataType) : core.table.ofCluster(ask.cluster, ask.dataType);
}

/**
 * An agent takes an empty list for "everything": a slice that came out empty is not sent. It is written down when the connection takes
 * it; should the agent go away instead, the broker answers.
 */
function askAgents(
  core: Core,
  ask: StatusResync,
  cluster: string,
  agents: readonly Session[],
  slice: readonly ResourceStatusHash[],
  now: number,
): void {
  if (slice.length === 0 && ask.hashes.size > 0) return;
  const type = `${ask.dataType}.status.resync_request`;
  const head = { type, source: ask.source, cluster, originalSource: '' };
  const key = `${ask.source}\n${ask.dataType}`;
  const unanswered = () => {
    const job = `status answer ${key}\n${cluster}`;
    enqueue(core, job, (at) => inSlices(core, job, at, (turn) => answerInstead(core, ask, cluster, turn)));
  };
  const plan: ListPlan<ResourceStatusHash> = {
    key: `asked ${key}`,
    head,
    kind: HASHES,
    entries: () => slice.map((entry) => [entry.resourceId, entry] as const),
    sendsEmpty: true,
  };
  for (const session of agents) {
    session.relayed(key, { at: now, unanswered });
    session.ask(new ListAsk(core, session, plan));
    session.flush(now);
  }
}

/** The agent went away soon after it was asked: perhaps it never saw the question. */
function* answerInstead(core: Core, ask: StatusResync, cluster: string, turn: Turn): Walk {
  const askers = askersOf(core, ask);
  turn.atEnd = () => {
    for (const session of askers) session.flush(turn.now);
  };
  yield* answerFor(core, ask, cluster, askers, turn);
  for (const session of askers) session.flush(turn.now);
}

function askersOf(core: Core, ask: StatusResync): readonly Session[] {
  return core.sessions.ofSource(ask.source).filter((session) => session.takes(ask.dataType));
}

/** The agent is away: the source gets each status whose hash differs; without a list, every one. */
function* answerFor(
  core: Core,
  ask: StatusResync,
  cluster: string,
  askers: readonly Session[],
  turn: Turn,
): Walk {
  const partition = core.table.find(ask.dataType, cluster);
  if (partition === undefined) return;
  for (const view of partition.views()) {
    yield;
    if (askers.every((session) => !session.open)) return;
    const { owner } = view;
    if (view.status === undefined || (owner !== undefined && owner !== ask.source)) continue;
    if (ask.hashes.size > 0) {
      const hash = ask.hashes.get(view.id);
      if (hash === undefined || (hash !== '' && hash === view.status.statusHash)) continue;
    }
    // It may have changed while others had their turn.
    const status = partition.find(view.id)?.status;
    if (status === undefined) continue;
    for (const session of askers) session.mark(status, turn.now);
  }
}

/**
 * A deletion is over for good once the source's list lacks the resource too.
 * @param position of when the list came: what was deleted later may have been created later
 */
function* forgetWhatTheSourceForgot(core: Core, ask: StatusResync, cluster: string, position: number): Walk {
  if (ask.hashes.size === 0) return;
  const partition = core.table.find(ask.dataType, cluster);
  if (partition === undefined || core.table.graves.size === 0) return;
  for (const view of partition.views()) {
    const { grave, owner, spec } = view;
    const isOver = grave !== undefined && grave.position <= position && spec === undefined;
    if (isOver && owner === ask.source && !ask.hashes.has(view.id)) forgetStatus(core, partition.hold(view));
    yield;
  }
}
