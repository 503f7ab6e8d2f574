import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './prepare.mjs';
import { run } from './processes.mjs';

/** Parts of the tests that need a tool beside Node, and how to get it. */
const PARTS = [
  {
    name: 'interop with programs of the Go SDK',
    present: () => has('go', ['version']),
    needs: 'go',
    how: 'install Go 1.25 or newer (https://go.dev/dl)',
  },
  {
    name: 'interop with Python (grpcio)',
    present: () => has('python3', ['--version']),
    needs: 'python3',
    how: 'install Python 3.10 or newer with its venv module (https://www.python.org/downloads)',
  },
];

function has(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/**
 * Runs every test and sums up. `args` go on to vitest, file names for example.
 * @param {readonly string[]} args
 * @returns {Promise<number>}
 */
export async function runTests(args) {
  const strict = process.env.CE_BROKER_REQUIRE_TOOLS === '1';
  const folder = mkdtempSync(join(tmpdir(), 'ce-broker-test-'));
  const report = join(folder, 'report.json');
  try {
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const code = await run(process.execPath, [vitest, 'run', ...reporters, ...args], { cwd: root });
    return sumUp(report, code, strict);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sumUp(report, code, strict) {
  const { passed, failed, brokenFiles, leftOut } = readReport(report);
  const missing = PARTS.filter(({ present }) => !present());
  for (const { name, needs, how } of missing) {
    console.log(`left out: ${name}: ${needs} is not here; to get it: ${how}`);
  }
  for (const [file, count] of leftOut) console.log(`left out: ${count} tests of ${file}`);
  let failures = failed + brokenFiles;
  // A run that ended badly without a failed test (a crash, an unhandled error) is a failure too.
  if (code !== 0 && failures === 0) failures = 1;
  if (strict) failures += missing.length + leftOut.size;
  console.log(`${passed} passed, ${failures} failed`);
  return failures === 0 ? 0 : 1;
}

function readReport(path) {
  const leftOut = new Map();
  if (!existsSync(path)) return { passed: 0, failed: 0, brokenFiles: 0, leftOut };
  const report = JSON.parse(readFileSync(path, 'utf8'));
  let brokenFiles = 0;
  for (const { name, status, assertionResults } of report.testResults) {
    // A file that could not be loaded fails without a test.
    if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed')) brokenFiles++;
    const skipped = assertionResults.filter(
      (test) => test.status === 'skipped' || test.status === 'pending',
    ).length;
    if (skipped > 0) leftOut.set(name.startsWith(root) ? name.slice(root.length) : name, skipped);
  }
  return { passed: report.numPassedTests, failed: report.numFailedTests, brokenFiles, leftOut };
}
