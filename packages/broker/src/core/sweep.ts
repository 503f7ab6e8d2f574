import type { Session } from '../delivery/session.js';
import type { Resource } from '../state/resource.js';
import type { Core } from './core.js';

const INTERVAL_MS = 2_000;
/** So many pass before it is worth a look who holds them. */
const MANY = 512;
/** Where more than this is held or waits for the store, the next sweep sees to those that pass too. */
const MOST_HELD = 4_096;

/** Resources that a store has and nobody uses leave memory. Whoever holds one is asked: marks of sessions, and what waits for the store. */
export function sweep(core: Core, now: number): void {
  if (now < core.nextSweep) return;
  core.nextSweep = now + INTERVAL_MS;
  let held: Set<Resource> | undefined;
  core.table.sweep((resource) => {
    held ??= heldResources(core);
    return held.has(resource);
  });
}

/** Those leave that only pass, once so many have come. */
export function letPass(core: Core, from = MANY): void {
  if (core.table.residents.newcomers < from) return;
  let marks = core.pending.length;
  for (const session of core.sessions.all()) marks += marksOf(session);
  if (marks > MOST_HELD) return;
  const held = heldResources(core);
  core.table.residents.letPass((resource) => held.has(resource));
}

function marksOf({ dirty, held, later, owedFarewells }: Session): number {
  return dirty.size + held.size + later.size + owedFarewells.size;
}

function heldResources(core: Core): Set<Resource> {
  const held = new Set<Resource>(core.owedBefore.keys());
  for (const { cell, confirmed } of core.pending) {
    if (cell !== undefined) held.add(cell.resource);
    if (confirmed !== undefined) held.add(confirmed);
  }
  for (const session of core.sessions.all()) {
    if (session.oversize !== undefined) held.add(session.oversize.cell.resource);
    if (marksOf(session) === 0) continue;
    for (const cells of [session.dirty, session.later, session.held])
      for (const cell of cells.keys()) held.add(cell.resource);
    for (const resource of session.owedFarewells) held.add(resource);
  }
  return held;
}
