import { grpcCodeOf } from 'ce-broker-proto';
import type { Session } from '../delivery/session.js';
import type { Core } from './core.js';

/** A session that ends sooner than this after it was handed a deletion may not have seen it. */
const UNBELIEVED_MS = 30_000;

const REASONS = {
  'lane-full': 'it has too much unread: the lane for events without state is full',
  'all-lanes-full': 'the broker holds too much unread for all subscribers together, and this one the most',
  frozen: 'it takes nothing although events wait',
} as const;

export type EvictionReason = keyof typeof REASONS;

/** Ends a session for everybody's sake, and its connection with it, so that every Go client comes back. */
export function evict(core: Core, session: Session, reason: EvictionReason, now: number): void {
  const { id, role, name } = session.about;
  core.counters.count(core.counters.evictions, reason);
  core.port.note({ kind: 'session-evicted', session: id, role, name, reason });
  removeSession(core, session, now);
  session.outlet.endConnection(
    grpcCodeOf('resource_exhausted'),
    `subscription of ${role} ${name} ended: ${REASONS[reason]}; subscribe and resync again`,
    core.options.endGraceMs,
  );
}

/** The stream is over, whoever ended it. */
export function closeSession(core: Core, session: Session, byPeer: boolean, now: number): void {
  if (!session.open) return;
  const { id, role, name } = session.about;
  core.port.note({ kind: 'session-closed', session: id, role, name, byPeer });
  removeSession(core, session, now);
}

function removeSession(core: Core, session: Session, now: number): void {
  core.counters.sentEvents += session.sentEvents;
  core.counters.sentBytes += session.sentBytes;
  for (const [resource, at] of session.recentDeletions) {
    if (now - at > UNBELIEVED_MS) continue;
    resource.deletionSentAt = undefined;
    if (resource.farewell !== undefined) resource.farewell.sentAt = undefined;
  }
  core.sessions.remove(session);
  session.close();
}
