import { describe, it } from 'vitest';
import { playScenario, SCENARIOS, seedFromEnvironment } from '../../src/index.js';

/** The short forms that are played with every `npm test`; the others take longer, or need the machine for themselves. */
export const QUICK_SCENARIOS: readonly number[] = Object.freeze([9, 13, 21, 22]);

/** CE_BROKER_FAULTS=1 plays them all. Where nothing may be left out (CI), that is so anyway. */
const ALL = process.env['CE_BROKER_FAULTS'] === '1' || process.env['CE_BROKER_REQUIRE_TOOLS'] === '1';

const TIMEOUT_MS = 240_000;

/** A test for each of these scenarios, in its short form, against a real broker process. Figures are printed as a line of JSON. */
export function describeScenarios(title: string, numbers: Readonly<Record<number, string>>): void {
  describe(title, () => {
    for (const [text, holds] of Object.entries(numbers)) {
      const number = Number(text);
      const scenario = SCENARIOS.find((one) => one.number === number);
      if (scenario === undefined) throw new Error(`there is no scenario ${number}`);
      const name = `${number} ${scenario.name}: ${holds}`;
      if (!ALL && !QUICK_SCENARIOS.includes(number)) {
        console.log(`left out: the longer fault scenarios; to play them: CE_BROKER_FAULTS=1 npm test`);
        it.skip(name, () => {});
        continue;
      }
      it(name, { timeout: TIMEOUT_MS }, async () => {
        const figures = await playScenario(scenario, { seed: seedFromEnvironment(), long: false });
        console.log(JSON.stringify(figures));
      });
    }
  });
}
