import type { Session } from '../delivery/session.js';
import type { Envelope } from '../wire/envelope.js';
import type { Core } from './core.js';
import { evict } from './end-session.js';

/** Passes an event on without keeping it: through the small lanes, which are bounded in bytes. */
export function relay(core: Core, receivers: readonly Session[], event: Envelope): void {
  const { dataType } = event.type;
  core.counters.relayed += 1;
  for (const session of [...receivers]) {
    const peer = session.about.role === 'agent' ? event.source : event.cluster;
    if (session.takes(dataType, peer)) pushOrEvict(core, session, event.bytes);
  }
}

/** A lane that is full ends a session: whoever was in it resyncs when it is back, and nobody else waits. */
export function pushOrEvict(core: Core, session: Session, bytes: Uint8Array): void {
  if (!session.open) return;
  let outcome = session.push(bytes);
  while (outcome === 'all-full') {
    const fullest = sessionWithFullestLane(core) ?? session;
    evict(core, fullest, 'all-lanes-full');
    if (fullest === session) return;
    outcome = session.push(bytes);
  }
  if (outcome === 'full') evict(core, session, 'lane-full');
}

function sessionWithFullestLane(core: Core): Session | undefined {
  let fullest: Session | undefined;
  for (const session of core.sessions.all()) {
    if (session.laneBytes > (fullest?.laneBytes ?? 0)) fullest = session;
  }
  return fullest;
}
