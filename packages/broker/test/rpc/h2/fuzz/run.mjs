// The long form of the fuzzing of HTTP/2: a million mutated connections against the engine, and some of them against Node's http2 as well.
//   node packages/broker/test/rpc/h2/fuzz/run.mjs [--connections N] [--compared N] [--seed N]
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '1000000' },
    compared: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
console.error(`seed ${values.seed}`);
const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'broker', 'test/rpc/h2/fuzz'], {
  cwd: fileURLToPath(new URL('../../../../../..', import.meta.url)),
  stdio: 'inherit',
  env: {
    ...process.env,
    CE_BROKER_FUZZ_CONNECTIONS: values.connections,
    CE_BROKER_FUZZ_COMPARED: values.compared,
    CE_BROKER_FUZZ_SEED: values.seed,
    CE_BROKER_FUZZ_REPORT: '1',
  },
});
process.exitCode = status ?? 1;
