import { CeBrokerError } from 'ce-broker-proto';
import type { Session } from '../delivery/session.js';
import type { Cell } from '../state/resource.js';
import type { Core } from './core.js';
import { type Hold, type HoldTarget, nameOf, resort } from './holds.js';

/** Holds that are placed at most. */
const MOST_HOLDS = 10_000;

/** From now on what the target names waits. Throws `already_exists`, `failed_precondition` without a store, `resource_exhausted`. */
export function placeHold(
  core: Core,
  target: HoldTarget,
  { by, reason }: { readonly by: string; readonly reason: string },
  now: number,
): Hold {
  if (!core.options.keepState) {
    throw new CeBrokerError(
      'failed_precondition',
      'nothing is kept (store is none), so nothing can wait: a hold needs a store',
    );
  }
  const { holds } = core;
  const before = holds.find(target);
  if (before !== undefined) {
    throw new CeBrokerError(
      'already_exists',
      `${nameOf(before)} is held already, by ${before.by} (${before.reason}): release it first to hold it for another reason`,
    );
  }
  if (holds.size >= MOST_HOLDS)
    throw new CeBrokerError('resource_exhausted', `${MOST_HOLDS} holds are placed: release some first`);
  const hold: Hold = Object.freeze({ ...target, since: now, by, reason });
  holds.add(hold);
  core.port.note({ kind: 'held', target: nameOf(hold), by, reason });
  for (const session of concerned(core, hold)) resort(session, now);
  return hold;
}

/** What waited for this hold goes out, each resource's newest. Throws `not_found`. */
export function releaseHold(core: Core, target: HoldTarget, by: string, now: number): Hold {
  const hold = core.holds.find(target);
  if (hold === undefined)
    throw new CeBrokerError('not_found', `${nameOf(target)} is not held: ce-broker holds lists what is`);
  resumeFarewells(core, hold, now);
  core.holds.remove(hold);
  core.port.note({ kind: 'released', target: nameOf(hold), by });
  for (const session of concerned(core, hold)) resort(session, now);
  return hold;
}

/** The cell's newest event is held: nobody can confirm it, and time does not end it. */
export function isHeld(core: Core, cell: Cell | undefined): boolean {
  return cell !== undefined && core.holds.any && core.holds.covers(cell);
}

function concerned(core: Core, hold: Hold): Iterable<Session> {
  if (hold.kind === 'cluster') return [...core.sessions.agentsOf(hold.name)];
  return [...core.sessions.all()];
}

/** The time that agents have to confirm the deletion of an earlier life begins when they may see it. */
function resumeFarewells(core: Core, hold: Hold, now: number): void {
  for (const resource of core.table.farewells) {
    const { farewell } = resource;
    if (farewell === undefined || core.holds.of(resource) !== hold) continue;
    resource.farewell = { ...farewell, since: now };
  }
}
