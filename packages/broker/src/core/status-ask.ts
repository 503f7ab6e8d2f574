import type { ResourceStatusHash } from 'ce-broker-proto';
import type { Session } from '../delivery/session.js';
import type { Partition } from '../state/partition.js';
import type { ResourceView } from '../state/resource.js';
import type { Core } from './core.js';
import { ListAsk } from './list-ask.js';
import { HASHES } from './request-event.js';

/** How long the broker collects what a source sends again before it asks the agent for the statuses. */
const COLLECT_MS = 1000;

/** An agent is here that was away: it may have failed to publish statuses. It is asked once for each source that owns something. */
export function askForStatuses(core: Core, session: Session, partition: Partition): void {
  if (session.statusesAsked.has(partition.dataType)) return;
  session.statusesAsked.add(partition.dataType);
  for (const source of partition.owned.keys()) {
    if (session.takes(partition.dataType, source)) askOne(core, session, partition, source);
  }
}

/** A source's specs are known again, after the broker had lost them: the statuses to them are missing too. */
export function scheduleStatusAsk(core: Core, partition: Partition, source: string, now: number): void {
  const key = `${source}\n${partition.cluster}\n${partition.dataType}`;
  if (core.agenda.statuses.has(key)) return;
  core.agenda.statuses.set(key, { source, partition, due: now + COLLECT_MS });
}

/** Asks the connected agents what was scheduled. */
export function askDueStatuses(core: Core, now: number): void {
  for (const [key, { source, partition, due }] of core.agenda.statuses) {
    if (due > now) continue;
    core.agenda.statuses.delete(key);
    for (const session of core.sessions.agentsOf(partition.cluster)) {
      if (!session.takes(partition.dataType, source)) continue;
      session.statusesAsked.add(partition.dataType);
      askOne(core, session, partition, source);
      session.flush(now);
    }
  }
}

function askOne(core: Core, session: Session, partition: Partition, source: string): void {
  askUnder(core, session, partition, source, source);
  for (const name of core.adoptions.earlierNames(source)) askUnder(core, session, partition, source, name);
}

/** @param name the source from which the agent has its specs: it answers a source only about what it got from it */
function askUnder(core: Core, session: Session, partition: Partition, source: string, name: string): void {
  const { cluster, dataType } = partition;
  const head = { type: `${dataType}.status.resync_request`, source: name, cluster, originalSource: '' };
  const entryOf = (id: string): ResourceStatusHash | undefined => hashOf(partition.peek(id), source);
  session.ask(
    new ListAsk(core, session, {
      key: `status ${name}\n${dataType}`,
      same: `status ${name}\n${source}\n${cluster}\n${dataType}`,
      head,
      kind: HASHES,
      entries: () => hashesOf(partition, source),
      changes: { partition, entryOf },
      sendsEmpty: false,
    }),
  );
}

function* hashesOf(
  partition: Partition,
  source: string,
): Iterable<readonly [id: string, entry: ResourceStatusHash | undefined]> {
  for (const view of partition.views()) yield [view.id, hashOf(view, source)];
}

/** A hash that is not known is written as empty: unequal only means "send it again". */
function hashOf(view: ResourceView | undefined, source: string): ResourceStatusHash | undefined {
  if (view === undefined || view.owner !== source || view.grave !== undefined) return undefined;
  return { resourceId: view.id, statusHash: view.status?.statusHash ?? '' };
}
