import { describe, it } from 'vitest';
import { playScenario, SCENARIOS, seedFromEnvironment } from '../../src/index.js';

/** The short forms that are played with every `npm test`; the others take longer, or need the machine for themselves. */
export const QUICK_SCENARIOS: readonly string[] = Object.freeze([
  'wiped',
  'size',
  'lives',
  'lost',
  'clients-storm',
  'kill',
  'lives-kept',
]);

/** CE_BROKER_FAULTS=1 plays them all. Where nothing may be left out (CI), that is so anyway. */
const ALL = process.env['CE_BROKER_FAULTS'] === '1' || process.env['CE_BROKER_REQUIRE_TOOLS'] === '1';

const TIMEOUT_MS = 240_000;

/**
 * A test for each of these scenarios, in its short form, against a real broker process; by number (the first of that number) or by
 * name. Figures are printed as a line of JSON.
 */
export function describeScenarios(title: string, wanted: Readonly<Record<string, string>>): void {
  describe(title, () => {
    for (const [key, holds] of Object.entries(wanted)) {
      const scenario = SCENARIOS.find(({ number, name }) => String(number) === key || name === key);
      if (scenario === undefined) throw new Error(`there is no scenario ${key}`);
      const name = `${scenario.number} ${scenario.name}: ${holds}`;
      if (!ALL && !QUICK_SCENARIOS.includes(scenario.name)) {
        console.log(`left out: the longer fault scenarios; to play them: CE_BROKER_FAULTS=1 npm test`);
        it.skip(name, () => {});
        continue;
      }
      it(name, { timeout: TIMEOUT_MS }, async () => {
        const figures = await playScenario(scenario, {
          seed: seedFromEnvironment(),
          long: false,
          clocked: false,
        });
        console.log(JSON.stringify(figures));
      });
    }
  });
}
