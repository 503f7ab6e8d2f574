import { grpcCodeOf } from 'ce-broker-proto';
import type { Session } from '../delivery/session.js';
import type { StoreRefusal } from '../state/event-store.js';
import type { Resource } from '../state/resource.js';
import type { Core } from './core.js';
import { forgetOwed, showLife } from './keep.js';
import { cleanDeletions } from './mass-deletion.js';
import { acknowledge } from './publish.js';
import { letPass } from './sweep.js';

/** The store has made something durable: its publishers are answered, and it goes out. */
export function settleDurable(core: Core, now: number): void {
  const { pending, sessions, store } = core;
  const touched = new Set<Session>();
  let done = 0;
  for (const append of pending) {
    if (append.position > store.durablePosition) break;
    done += 1;
    acknowledge(core, append.call);
    const { cell, confirmed } = append;
    if (confirmed !== undefined) showLife(core, confirmed, now);
    if (cell === undefined) continue;
    core.trace.durable(append.position, now);
    // A later one may wait for the disk already; where one always does, this one is shown all the same.
    cell.lastDurable = cell.position === append.position ? undefined : append.stored;
    for (const session of sessions.of(append.role, append.to)) {
      if (!session.takes(cell.resource.place.dataType)) continue;
      session.mark(cell, now);
      touched.add(session);
    }
  }
  pending.splice(0, done);
  forgetOwed(core);
  for (const session of touched) {
    if (session.blockedSince === undefined) session.flush(now);
  }
  core.holds.settle();
  letPass(core);
}

/** The store has lost what was under way: nobody has seen it, and it is as if it had never been published. */
export function settleFailed(
  core: Core,
  { code, message, reason }: StoreRefusal,
  changed: Iterable<Resource>,
  now: number,
): void {
  for (const resource of changed) {
    const owed = resource.farewell?.stored.position;
    core.table.restore(resource, core.store.load(resource.place, resource.id));
    core.deletions.recount(resource.place);
    if (owed !== undefined && owed === resource.farewell?.stored.position) continue;
    for (const session of core.sessions.agentsOf(resource.place.cluster))
      session.owedFarewells.delete(resource);
    oweAgain(core, resource, now);
  }
  core.owedBefore.clear();
  for (const append of core.pending.splice(0)) {
    if (append.source !== '') core.recent.forget(append.source, append.id);
    if (append.call === undefined) continue;
    core.counters.count(core.counters.refused, code);
    core.counters.count(core.counters.refusedByStore, reason);
    append.call.fail(grpcCodeOf(code), message);
  }
  if (core.deletions.any) cleanDeletions(core, now);
  core.port.note({ kind: 'store-failed', code, message });
  for (const session of core.sessions.all()) {
    session.sortHeld(now);
    if (session.waits && session.blockedSince === undefined) session.flush(now);
  }
}

/** The change that ended what these sessions were owed is lost. */
function oweAgain({ owedBefore }: Core, resource: Resource, now: number): void {
  const before = owedBefore.get(resource);
  if (before === undefined || resource.farewell?.stored.position !== before.position) return;
  for (const session of before.owed) {
    if (!session.open) continue;
    session.oweFarewell(resource);
    if (resource.spec !== undefined) session.mark(resource.spec, now);
  }
}
