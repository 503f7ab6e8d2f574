import type { Session } from '../delivery/session.js';
import { buildHeartbeat } from '../wire/build-event.js';
import type { Core } from './core.js';
import { evict } from './end-session.js';
import { dropExpired } from './held.js';
import { bury, confirmFarewell, forgetResource } from './keep.js';
import { askForSpecs } from './spec-ask.js';
import { askDueStatuses } from './status-ask.js';

const CLEANING_INTERVAL_MS = 60_000;
/** A receiver that cannot take a message says so at once. */
const REFUSED_AT_ONCE_MS = 5_000;
/** What was handed on longer ago has arrived: a connection that took nothing would have been ended by now. */
const ANSWERED_MS = 45_000;
/** What time alone brings: heartbeats, frozen peers, things that were put off, things that are over. Called a few times per second. */
export function tick(core: Core, now: number): void {
  failOverdue(core, now);
  for (const session of [...core.sessions.all()]) tickSession(core, session, now);
  dropExpired(core, now);
  askDueLists(core, now);
  askDueStatuses(core, now);
  endFarewells(core, now);
  if (now >= core.nextCleaning) {
    core.nextCleaning = now + CLEANING_INTERVAL_MS;
    clean(core, now);
  }
}

function tickSession(core: Core, session: Session, now: number): void {
  const { blockedSince } = session;
  if (blockedSince !== undefined && now - blockedSince >= core.options.drainTimeoutMs) {
    evict(core, session, 'frozen');
    return;
  }
  if (session.later.size > 0) session.wakeLater(now);
  if (session.oversize !== undefined && now - session.oversize.at > REFUSED_AT_ONCE_MS)
    session.oversize = undefined;
  while ((session.relayedAsks[0]?.at ?? now) < now - ANSWERED_MS) session.relayedAsks.shift();
  if (now >= session.heartbeatDue) {
    session.heartbeatDue = now + core.options.heartbeatIntervalMs;
    session.heartbeat = buildHeartbeat(core.port.newId());
  }
  if (session.waits && blockedSince === undefined) session.flush(now);
}

/** Every Publish is answered, also when the store is stuck: the client holds its lock for the whole call. */
function failOverdue(core: Core, now: number): void {
  for (const append of core.pending) {
    if (now - append.at < core.options.publishTimeoutMs) return;
    append.call?.fail(
      4,
      'the store did not confirm the event in time: it may or may not be kept, publish it again',
    );
    append.call = undefined;
  }
}

function askDueLists(core: Core, now: number): void {
  for (const [key, list] of core.agenda.lists) {
    if (list.due > now) continue;
    core.agenda.lists.delete(key);
    askForSpecs(core, list.source, list.partition, now, { listed: list.listed, fresh: true });
  }
}

/** Nobody confirms the deletion of the life before: the present one goes out all the same. */
function endFarewells(core: Core, now: number): void {
  for (const resource of core.table.farewells) {
    const { farewell, place } = resource;
    if (farewell === undefined || !core.sessions.hasAgent(place.cluster, place.dataType)) continue;
    if (farewell.sentAt === undefined || now - farewell.sentAt < core.options.farewellTimeoutMs) continue;
    confirmFarewell(core, resource, now);
  }
}

/** Retention, and memory that is no longer needed. */
function clean(core: Core, now: number): void {
  const { tombstoneRetentionMs, graveRetentionMs } = core.options;
  for (const resource of core.table.tombstones) {
    if (resource.spec !== undefined && now - resource.spec.at >= tombstoneRetentionMs)
      bury(core, resource, now);
  }
  for (const resource of core.table.graves) {
    if (resource.grave === undefined) continue;
    const retention = resource.status === undefined ? graveRetentionMs : tombstoneRetentionMs;
    if (now - resource.grave.at >= retention) forgetResource(core, resource);
  }
}
