import { CeBrokerError } from 'ce-broker-proto';
import type { Identity } from '../access/identity.js';
import type { Outlet } from '../delivery/outlet.js';
import { Session } from '../delivery/session.js';
import type { SessionDescription, SessionFilter, SessionRole } from '../delivery/session-description.js';
import type { Core } from './core.js';
import { releaseHeld } from './held.js';
import { inSlices } from './slices.js';
import { askForSpecs } from './spec-ask.js';
import { askForStatuses } from './status-ask.js';
import type { Turn, Walk } from './walk.js';

export interface Subscription {
  readonly source: string;
  readonly clusterName: string;
  readonly dataType: string;
  /** Undefined: everything of `dataType`. */
  readonly filter?: SessionFilter | undefined;
}

/** Makes the session of a subscription that was let in. */
export type MakeSession = (about: SessionDescription, heartbeatDue: number) => Session;

/** One Subscribe: who is it, register, and ask what the broker may have missed. Throws a CeBrokerError when it is refused. */
export function subscribe(
  core: Core,
  outlet: Outlet,
  request: Subscription,
  identity: Identity,
  now: number,
  make: MakeSession = (about, due) => new Session(about, outlet, core.sessionSettings, due),
): Session {
  if (core.draining) throw new CeBrokerError('unavailable', 'the broker is shutting down: subscribe again');
  const { role, name } = subscriberOf(request);
  refuseBadDataType(request.dataType);
  core.nextSessionId += 1;
  const about = {
    id: core.nextSessionId,
    role,
    name,
    dataType: core.dataTypes.of(request.dataType),
    user: identity.user,
    openedAt: now,
    filter: request.filter,
  };
  const session = make(about, now + core.options.heartbeatIntervalMs);
  core.sessions.add(session);
  core.port.note({
    kind: 'session-opened',
    session: about.id,
    role,
    name,
    dataType: about.dataType,
    user: about.user,
  });
  releaseHeld(core, session, now);
  if (core.options.keepState) {
    if (role === 'agent') askAgent(core, session);
    else askSource(core, session, now);
  }
  session.flush(now);
  return session;
}

/** A cluster name makes it an agent, otherwise it is a source. */
function subscriberOf(request: Subscription): { role: SessionRole; name: string } {
  if (request.clusterName !== '') return { role: 'agent', name: request.clusterName };
  if (request.source !== '') return { role: 'source', name: request.source };
  throw new CeBrokerError(
    'invalid_argument',
    'source and cluster_name are both empty: an agent subscribes with its cluster_name, a source with its source',
    { field: 'source' },
  );
}

export function refuseBadDataType(dataType: string): void {
  if (dataType === '' || dataType.split('.').length >= 3) return;
  throw new CeBrokerError(
    'invalid_argument',
    `data_type ${JSON.stringify(dataType)} has fewer than three dot-separated parts: it is <group>.<version>.<resource>, or empty for every type`,
    { field: 'data_type' },
  );
}

/** An agent may have failed to publish statuses while it was away. */
function askAgent(core: Core, session: Session): void {
  const { dataType } = session.about;
  if (dataType !== '' && core.table.find(dataType, session.about.name) === undefined)
    session.statusesAsked.add(dataType);
  for (const partition of core.table.ofCluster(session.about.name, session.about.dataType)) {
    if (session.takes(partition.dataType)) askForStatuses(core, session, partition);
  }
}

/** A source may have failed to publish specs while it was away, and agents may have asked for them in vain. */
function askSource(core: Core, session: Session, now: number): void {
  const { name, dataType } = session.about;
  const asked = new Set(core.table.ofSource(name, dataType));
  for (const partition of core.table.all(dataType)) {
    if (!session.takes(partition.dataType, partition.cluster)) continue;
    if (partition.agentAsked || partition.orphans.size > 0) asked.add(partition);
  }
  for (const partition of asked) askForSpecs(core, name, partition, now, { connected: session });
  if (session.takesRequests)
    inSlices(core, `requests ${session.about.id}`, now, (turn) => markRequests(core, session, turn));
}

/** What agents wrote while the source was away: leases, certificate requests. What they write from now on it gets as it comes. */
function* markRequests(core: Core, session: Session, turn: Turn): Walk {
  const { position } = core;
  const { dataType, name } = session.about;
  turn.atEnd = () => session.flush(turn.now);
  for (const partition of [...core.table.all(dataType)]) {
    if (partition.requests === 0 || !session.takes(partition.dataType, partition.cluster)) continue;
    for (const view of partition.views()) {
      yield;
      if (!session.open) return;
      if (view.request === undefined) continue;
      // It may have changed while others had their turn.
      const request = partition.find(view.id)?.request;
      if (request === undefined || (request.to !== '' && request.to !== name)) continue;
      // What is not durable may be lost, and the one before it is the newest again.
      const isLater = request.position > position && request.position <= core.store.durablePosition;
      if (!isLater) session.mark(request, turn.now);
    }
  }
  session.flush(turn.now);
}
