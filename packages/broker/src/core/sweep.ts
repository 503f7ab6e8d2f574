import type { Resource } from '../state/resource.js';
import type { Core } from './core.js';

const INTERVAL_MS = 2_000;

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

function heldResources(core: Core): Set<Resource> {
  const held = new Set<Resource>(core.owedBefore.keys());
  for (const { cell, confirmed } of core.pending) {
    if (cell !== undefined) held.add(cell.resource);
    if (confirmed !== undefined) held.add(confirmed);
  }
  for (const session of core.sessions.all()) {
    if (session.oversize !== undefined) held.add(session.oversize.cell.resource);
    for (const cells of [session.dirty, session.later, session.held])
      for (const cell of cells.keys()) held.add(cell.resource);
    for (const resource of session.owedFarewells) held.add(resource);
  }
  return held;
}
