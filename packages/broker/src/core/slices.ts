import type { Core } from './core.js';
import { enqueue } from './held.js';
import type { Turn, Walk } from './walk.js';

/**
 * Does the work now when it is small, and else some of it in each turn: one partition of very many resources must not stop the event loop.
 * Work of the same key that is under way is given up. While the broker drains nothing is gone on with.
 */
export function inSlices(core: Core, key: string, now: number, begin: (turn: Turn) => Walk): void {
  giveUp(core, key);
  const turn: Turn = { now };
  goOn(core, key, begin(turn), turn);
}

/** Whoever wanted the work needs it no more. */
export function giveUp(core: Core, key: string): void {
  const walk = core.walks.get(key);
  if (walk === undefined) return;
  core.walks.delete(key);
  core.jobs.delete(key);
  walk.return();
}

function goOn(core: Core, key: string, walk: Walk, turn: Turn): void {
  core.walks.delete(key);
  for (let looked = 0; looked < core.options.sliceSize; looked += 1) {
    if (walk.next().done === true) return;
  }
  core.walks.set(key, walk);
  turn.atEnd?.();
  // What was done at the end may have given it up.
  if (core.walks.get(key) !== walk) return;
  enqueue(core, key, (now) => {
    turn.now = now;
    if (core.draining) giveUp(core, key);
    else goOn(core, key, walk, turn);
  });
}
