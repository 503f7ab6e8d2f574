import { grpcCodeOf } from 'ce-broker-proto';
import type { Session } from '../delivery/session.js';
import type { Core } from './core.js';

const REASONS = {
  'lane-full': 'it has too much unread: the lane for events without state is full',
  'all-lanes-full': 'the broker holds too much unread for all subscribers together, and this one the most',
  frozen: 'it takes nothing although events wait',
} as const;

export type EvictionReason = keyof typeof REASONS;

/** Ends a session for everybody's sake, and its connection with it, so that every Go client comes back. */
export function evict(core: Core, session: Session, reason: EvictionReason): void {
  const { id, role, name } = session.about;
  core.counters.count(core.counters.evictions, reason);
  core.port.note({ kind: 'session-evicted', session: id, role, name, reason });
  removeSession(core, session);
  session.outlet.endConnection(
    grpcCodeOf('resource_exhausted'),
    `subscription of ${role} ${name} ended: ${REASONS[reason]}; subscribe and resync again`,
    core.options.endGraceMs,
  );
}

/** The stream is over, whoever ended it. */
export function closeSession(core: Core, session: Session, byPeer: boolean): void {
  if (!session.open) return;
  const { id, role, name } = session.about;
  core.port.note({ kind: 'session-closed', session: id, role, name, byPeer });
  if (byPeer) suspectOversize(core, session);
  removeSession(core, session);
}

/**
 * A Go client takes 4 MiB, breaks its stream over more, and comes back for the same: what went out just before it went away
 * twice is not handed to it again.
 */
function suspectOversize(core: Core, session: Session): void {
  const { oversize } = session;
  if (oversize === undefined || oversize.cell.position !== oversize.position) return;
  const { cell } = oversize;
  cell.refusedBy ??= new Map();
  cell.refusedBy.set(session.receiver, (cell.refusedBy.get(session.receiver) ?? 0) + 1);
  core.counters.count(core.counters.dropped, 'too-large-for-receiver');
  const { name } = session.about;
  core.port.note({ kind: 'undeliverable', name, resourceId: cell.resource.id, bytes: cell.stored.size });
}

function removeSession(core: Core, session: Session): void {
  core.counters.sentEvents += session.sentEvents;
  core.counters.sentBytes += session.sentBytes;
  core.sessions.remove(session);
  for (const ask of session.relayedAsks.values()) ask.unanswered();
  session.close();
}
