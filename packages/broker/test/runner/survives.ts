import { RECONCILING_ENTRY, reconcilingMark } from '../../src/core/reconciling.js';
import { Disk, SimulatedStore } from './simulated-store.js';
import type { World, WorldStores } from './world.js';

/** A store that is durable after every command, and the same one after a restart. */
export function survives(): WorldStores {
  let disk = new Disk();
  return {
    make: () => new SimulatedStore(disk, true),
    backup: ({ now }) => {
      const saved = disk.copy();
      return () => {
        disk = saved.copy();
        disk.entries.set(RECONCILING_ENTRY, reconcilingMark({ upTo: disk.position, since: now }));
        disk.position += 1_000;
        return new SimulatedStore(disk, true);
      };
    },
    settled: ({ core }: World) => {
      if (core.view.store instanceof SimulatedStore) core.view.store.commit();
    },
  };
}
