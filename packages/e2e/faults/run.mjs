// The reliability scenarios: node packages/e2e/faults/run.mjs [--scenario N] [--seed S] [--short] [--rpc-engine ENGINE] [--list]
import { parseArgs } from 'node:util';
import { playScenario, SCENARIOS, seedFromEnvironment } from '../dist/index.js';

const USAGE = `node packages/e2e/faults/run.mjs [--scenario N] [--seed S] [--short] [--rpc-engine ENGINE] [--list]

  --scenario N  its number (all of that number) or name, more than once if you like; default: all
  --seed S      the same seed plays the same faults; default: CE_BROKER_SEED, or a new one
  --short       the short form that CI plays
  --rpc-engine  h2 or grpc-js, for all brokers; default: CE_BROKER_RPC_ENGINE, or the broker's own choice
  --list        names them all`;

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', multiple: true },
    seed: { type: 'string' },
    short: { type: 'boolean', default: false },
    'rpc-engine': { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(USAGE);
else if (values.list) for (const { number, name } of SCENARIOS) console.log(`${number}\t${name}`);
else process.exitCode = await play();

async function play() {
  if (values.seed !== undefined) process.env.CE_BROKER_SEED = values.seed;
  if (values['rpc-engine'] !== undefined) process.env.CE_BROKER_RPC_ENGINE = values['rpc-engine'];
  const wanted = values.scenario ?? SCENARIOS.map(({ name }) => name);
  let failed = 0;
  const asked = wanted.flatMap((word) => {
    const found = SCENARIOS.filter(({ number, name }) => String(number) === word || name === word);
    if (found.length === 0) console.error(`there is no scenario ${word}; --list names them`);
    return found.length === 0 ? [undefined] : found;
  });
  if (asked.includes(undefined)) return 2;
  for (const scenario of asked) {
    const seed = seedFromEnvironment();
    console.error(`scenario ${scenario.number} (${scenario.name}), seed ${seed}`);
    try {
      console.log(JSON.stringify(await playScenario(scenario, { seed, long: !values.short, clocked: true })));
    } catch (error) {
      failed += 1;
      console.error(error.message);
    }
  }
  return failed === 0 ? 0 : 1;
}
