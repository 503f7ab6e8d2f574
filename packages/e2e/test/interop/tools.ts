import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { postgresBin } from '../examples/postgres.js';

const e2e = fileURLToPath(new URL('../..', import.meta.url));

export const interopDir = join(e2e, 'interop');
export const pythonBin = join(e2e, '.cache', 'venv', 'bin', 'python');
export const grpcurlBin = join(e2e, '.cache', 'bin', 'grpcurl');

/** The first cold build of six SDK versions takes minutes; a warm one takes a second. */
export const BUILD_TIMEOUT_MS = 900_000;

const SETUP = 'node packages/e2e/interop/setup.mjs';

const parts = {
  go: {
    present: () => spawnSync('go', ['version']).status === 0,
    how: 'install Go 1.25 or newer (https://go.dev/dl)',
  },
  python: { present: () => existsSync(pythonBin), how: `${SETUP} python (needs python3)` },
  grpcurl: { present: () => existsSync(grpcurlBin), how: `${SETUP} grpcurl (needs Go)` },
  promtool: {
    present: () => spawnSync('promtool', ['--version']).status === 0,
    how: 'install Prometheus (Debian: apt-get install prometheus; https://prometheus.io/download)',
  },
  postgresql: {
    present: () => postgresBin() !== undefined,
    how: 'install PostgreSQL 14 or newer (Debian: apt-get install postgresql; https://www.postgresql.org/download)',
  },
};

/**
 * A describe block that needs a tool. Without the tool it is left out, and says so with the way to
 * get it; where CE_BROKER_REQUIRE_TOOLS=1 (as in CI) that is a failure.
 */
export function describeWith(tool: keyof typeof parts, title: string, body: () => void): void {
  if (parts[tool].present()) {
    describe(title, body);
    return;
  }
  const reason = `left out: ${title}: ${tool} is not here; to get it: ${parts[tool].how}`;
  if (process.env['CE_BROKER_REQUIRE_TOOLS'] === '1') throw new Error(reason);
  console.log(reason);
  describe.skip(title, body);
}
