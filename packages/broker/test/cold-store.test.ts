import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { byCommand } from './runner/by-command.js';
import { goCold } from './runner/cold.js';
import { runScript } from './runner/script.js';
import { Disk, SimulatedStore } from './runner/simulated-store.js';
import type { WorldStores } from './runner/world.js';

const folder = fileURLToPath(new URL('./rules/', import.meta.url));

let loads = 0;

/** After every command all that nobody holds leaves memory, so that the next one finds it in the store only. */
const coldAfterEachCommand: WorldStores = {
  make: () => new SimulatedStore(new Disk(), true),
  options: { mostAtRest: 0, history: 3 },
  settled: (world) => {
    goCold(world);
    if (world.core.view.store instanceof SimulatedStore) loads += world.core.view.store.loads;
  },
};

/** It does after every turn too, and each looks at one resource. */
const coldAfterEachTurn: WorldStores = {
  ...coldAfterEachCommand,
  options: { mostAtRest: 0, history: 3, sliceSize: 1 },
  afterTurn: goCold,
};

/** A rule holds whether a resource is in memory or not. */
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

  for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
    const text = readFileSync(`${folder}${file}`, 'utf8');
    if (text.includes('option sliceSize')) continue;
    it(`${file.replace('.txt', '').replaceAll('-', ' ')}, and between two turns`, () => {
      expect(byCommand(runScript(text, coldAfterEachTurn))).toEqual(byCommand(text));
    });
  }

  it('were told from the store, and not from memory', () => {
    expect(loads).toBeGreaterThan(100);
  });
});
