import type { Core } from '../../src/core/core.js';
import { sweep } from '../../src/core/sweep.js';
import { SimulatedStore } from './simulated-store.js';
import type { World, WorldStores } from './world.js';

/** Everything is durable, and all that nobody holds leaves memory. */
export function goCold({ core, now }: World): void {
  if (core.view.store instanceof SimulatedStore) core.view.store.commit();
  for (let turn = 0; turn < 3; turn++) {
    (core.view as Core).nextSweep = 0;
    sweep(core.view, now);
  }
}

/** The same stores, with nothing in memory from one turn to the next but what is held. */
export function cold(stores: WorldStores): WorldStores {
  const options = { ...stores.options, mostAtRest: 0 };
  return { ...stores, options, settled: goCold, afterTurn: goCold };
}
