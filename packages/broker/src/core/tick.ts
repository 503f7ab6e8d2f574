import { grpcCodeOf } from 'ce-broker-proto';
import type { Session } from '../delivery/session.js';
import { buildHeartbeat } from '../wire/build-event.js';
import type { Core } from './core.js';
import { evict } from './end-session.js';
import { dropExpired } from './held.js';
import { isHeld } from './hold.js';
import {
  bury,
  confirmFarewell,
  dropFarewell,
  forgetOwed,
  forgetRequest,
  forgetResource,
  isOwed,
} from './keep.js';
import { cleanDeletions } from './mass-deletion.js';
import { reconcile } from './reconcile.js';
import { dropUnreadLists } from './shared-list.js';
import { askForSpecs } from './spec-ask.js';
import { askDueStatuses } from './status-ask.js';
import { letPass, sweep } from './sweep.js';

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
  reconcile(core, now);
  dropUnreadLists(core);
  core.store.tick(core.position);
  forgetOwed(core);
  letPass(core, 1);
  sweep(core, now);
  if (now >= core.nextCleaning) {
    core.nextCleaning = now + CLEANING_INTERVAL_MS;
    clean(core, now);
  }
}

function tickSession(core: Core, session: Session, now: number): void {
  // Room may be back without a word from the engine: when all subscriptions together held too much.
  if (session.blockedSince !== undefined && session.outlet.writableBytes() > 0) session.flush(now);
  const { blockedSince } = session;
  if (blockedSince !== undefined && now - blockedSince >= core.options.drainTimeoutMs) {
    evict(core, session, 'frozen');
    return;
  }
  if (session.later.size > 0) session.wakeLater(now);
  clearSuspicion(session, now);
  for (const [key, ask] of session.relayedAsks) {
    if (ask.at >= now - ANSWERED_MS) break;
    session.relayedAsks.delete(key);
  }
  if (now >= session.heartbeatDue) {
    session.heartbeatDue = now + core.options.heartbeatIntervalMs;
    session.heartbeat = buildHeartbeat(core.port.newId());
  }
  if (session.waits && blockedSince === undefined) session.flush(now);
}

/** The receiver lives on after an event larger than every receiver takes: it can take it, whatever happened before. */
function clearSuspicion(session: Session, now: number): void {
  const { oversize } = session;
  if (oversize === undefined || now - oversize.at <= REFUSED_AT_ONCE_MS) return;
  oversize.cell.refusedBy?.delete(session.receiver);
  session.oversize = undefined;
}

/** Every Publish is answered, also when the store is stuck: the client holds its lock for the whole call. */
function failOverdue(core: Core, now: number): void {
  for (const append of core.pending) {
    if (now - append.at < core.options.publishTimeoutMs) return;
    append.call?.fail(
      grpcCodeOf('deadline_exceeded'),
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
    if (farewell === undefined || isHeld(core, resource.spec)) continue;
    const since = farewell.sentAt ?? agentHereSince(core, place.cluster, place.dataType);
    if (since === undefined || now - Math.max(since, farewell.since) < core.options.farewellTimeoutMs)
      continue;
    confirmFarewell(core, resource, now);
  }
}

/** When the agent session that is here longest was opened; an agent resyncs soon after that, and its list may still matter. */
function agentHereSince(core: Core, cluster: string, dataType: string): number | undefined {
  let since: number | undefined;
  for (const session of core.sessions.agentsOf(cluster)) {
    if (session.takes(dataType) && session.about.openedAt < (since ?? Infinity))
      since = session.about.openedAt;
  }
  return since;
}

/** Retention, and memory that is no longer needed. */
function clean(core: Core, now: number): void {
  const { tombstoneRetentionMs, graveRetentionMs } = core.options;
  cleanDeletions(core, now);
  for (const resource of core.table.tombstones) {
    if (isHeld(core, resource.spec)) continue;
    if (resource.spec === undefined || isOwed(core, resource.spec)) continue;
    if (now - resource.spec.at >= tombstoneRetentionMs) bury(core, resource, now);
  }
  for (const resource of core.table.graves) {
    if (resource.grave === undefined || isHeld(core, resource.status)) continue;
    const retention = resource.status === undefined ? graveRetentionMs : tombstoneRetentionMs;
    if (now - resource.grave.at >= retention) forgetResource(core, resource);
  }
  for (const resource of core.table.farewells) {
    if (isHeld(core, resource.spec)) continue;
    const over = resource.farewell !== undefined && now - resource.farewell.since >= tombstoneRetentionMs;
    if (over) dropFarewell(core, resource);
  }
  for (const resource of core.table.endedRequests) {
    const { request, place } = resource;
    const heard =
      request !== undefined &&
      core.sessions.of('source', request.to).some((session) => session.takes(place.dataType));
    const retention = heard ? graveRetentionMs : tombstoneRetentionMs;
    if (request === undefined || isHeld(core, request) || now - request.at < retention) continue;
    forgetRequest(core, resource);
  }
  for (const partition of core.table.all()) {
    if (!core.sessions.hasAgent(partition.cluster, partition.dataType)) core.table.dropIfEmpty(partition);
  }
}
