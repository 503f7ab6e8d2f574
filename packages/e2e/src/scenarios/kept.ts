import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { dataDirOf, keptIn } from '../data-dir.js';
import type { Scenario } from '../run.js';
import { incarnations } from './incarnations.js';
import { lostPublishes } from './lost-publishes.js';
import { mixedRestart } from './mixed-restart.js';
import { wipedStore } from './wiped-store.js';

/** The same, over a broker whose state is on disk. */
function kept(scenario: Scenario, more: { readonly isWiped?: boolean } = {}): Scenario {
  return {
    number: scenario.number,
    name: `${scenario.name}-kept`,
    async play(run) {
      const dataDir = dataDirOf(run);
      run.start = keptIn(dataDir);
      run.keepsState = more.isWiped !== true;
      if (more.isWiped === true) {
        run.beforeRestart = () => {
          for (const file of readdirSync(dataDir)) rmSync(join(dataDir, file));
        };
      }
      await scenario.play(run);
    },
  };
}

export const livesKept = kept(incarnations);
export const lostKept = kept(lostPublishes);
export const wipedKept = kept(wipedStore, { isWiped: true });
export const mixedRestartKept = kept(mixedRestart);
