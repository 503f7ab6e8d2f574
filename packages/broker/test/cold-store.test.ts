import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Core } from '../src/core/core.js';
import { sweep } from '../src/core/sweep.js';
import { runScript } from './runner/script.js';
import { Disk, SimulatedStore } from './runner/simulated-store.js';
import type { World, WorldStores } from './runner/world.js';

const folder = fileURLToPath(new URL('./rules/', import.meta.url));

/** After every command all that nobody holds leaves memory, so that the next one finds it in the store only. */
const coldAfterEachCommand: WorldStores = {
  make: () => new SimulatedStore(new Disk(), true),
  options: { mostAtRest: 0, history: 3 },
  settled: ({ core, now }: World) => {
    const { store } = core.view;
    if (store instanceof SimulatedStore) {
      store.commit();
      loads += store.loads;
    }
    for (let turn = 0; turn < 3; turn++) {
      (core.view as Core).nextSweep = 0;
      sweep(core.view, now);
    }
  },
};

/** A rule holds whether a resource is in memory or not. */
let loads = 0;

describe('the same rules, with everything in the store between two commands', () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
    it(file.replace('.txt', '').replaceAll('-', ' '), () => {
      const text = readFileSync(`${folder}${file}`, 'utf8');
      const played = runScript(text, coldAfterEachCommand);
      // Which resources a turn looks at depends on what is in memory; what comes of all turns does not.
      if (text.includes('turns by-hand')) expect(played.split('\n').sort()).toEqual(text.split('\n').sort());
      else expect(played).toBe(text);
    });
  }

  it('were told from the store, and not from memory', () => {
    expect(loads).toBeGreaterThan(100);
  });
});
