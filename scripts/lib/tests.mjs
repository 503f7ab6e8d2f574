import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './prepare.mjs';
import { run } from './processes.mjs';

/** What a test file prints of a part that needs a tool which is not here; the rest of the line names it and how to get it. */
const LEFT_OUT = /left out: (.*)$/i;

/**
 * The broker has two RPC engines, and what it does must not depend on which: what runs over the default one runs once more over the
 * other. Tests of the engines themselves (packages/broker/test/rpc) do that on their own.
 */
const OTHER_ENGINE = 'grpc-js';
const OVER_BOTH_ENGINES = [
  'packages/broker/test/server/',
  'packages/e2e/test/clients/',
  'packages/e2e/test/faults/',
  'packages/e2e/test/interop/',
  // Of h2 alone, whatever the others run over.
  '--exclude=**/h2spec.test.ts',
  '--exclude=**/abuse.test.ts',
];

/**
 * Runs every test and sums up. `args` go on to vitest, file names for example; the second engine has its turn only without any, and
 * CE_BROKER_RPC_ENGINE chooses one for all. With CE_BROKER_REQUIRE_TOOLS=1 a part that is left out is a failure.
 * @param {readonly string[]} args
 * @returns {Promise<number>}
 */
export async function runTests(args) {
  const strict = process.env.CE_BROKER_REQUIRE_TOOLS === '1';
  const reasons = new Set();
  const passes = [await pass(args, {}, reasons)];
  if (args.length === 0 && process.env.CE_BROKER_RPC_ENGINE === undefined) {
    console.log(`\n=== once more over the engine ${OTHER_ENGINE}: vitest ${OVER_BOTH_ENGINES.join(' ')}`);
    const { failures, ...rest } = await pass(
      OVER_BOTH_ENGINES,
      { CE_BROKER_RPC_ENGINE: OTHER_ENGINE },
      reasons,
    );
    passes.push({ ...rest, failures: failures.map((failure) => `(${OTHER_ENGINE}) ${failure}`) });
  }
  return sumUp(passes, reasons, strict);
}

/** One run of vitest, as its report says. */
async function pass(args, environment, reasons) {
  const folder = mkdtempSync(join(tmpdir(), 'ce-broker-test-'));
  const report = join(folder, 'report.json');
  try {
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const code = await run(process.execPath, [vitest, 'run', ...reporters, ...args], {
      cwd: root,
      env: { ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}), ...process.env, ...environment },
      onLine: (line) => {
        const reason = LEFT_OUT.exec(line)?.[1];
        if (reason !== undefined) reasons.add(reason);
      },
    });
    const seen = readReport(report);
    // A run that ended badly without a failed test (a crash, an unhandled error) is a failure too.
    return code !== 0 && seen.failed === 0 ? { ...seen, failed: 1 } : seen;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sumUp(passes, reasons, strict) {
  for (const failure of passes.flatMap(({ failures }) => failures)) console.log(`failed: ${failure}`);
  for (const reason of reasons) console.log(`left out: ${reason}`);
  const skipped = passes.flatMap((one) => [...one.skipped]);
  const left = skipped.reduce((sum, [, count]) => sum + count, 0);
  if (left > 0) {
    const files = new Set(skipped.map(([file]) => file));
    console.log(`left out in all: ${left} tests, of ${[...files].join(', ')}`);
  }
  let passed = 0;
  let failed = strict ? left : 0;
  for (const one of passes) {
    passed += one.passed;
    failed += one.failed;
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function readReport(path) {
  const skipped = new Map();
  if (!existsSync(path)) return { passed: 0, failed: 0, failures: [], skipped };
  const report = JSON.parse(readFileSync(path, 'utf8'));
  let failed = report.numFailedTests;
  const failures = [];
  for (const { name, status, message, assertionResults } of report.testResults) {
    const file = name.startsWith(root) ? name.slice(root.length) : name;
    for (const test of assertionResults) {
      if (test.status === 'failed')
        failures.push(`${file} > ${test.fullName}: ${firstLines(test.failureMessages.join('\n'))}`);
    }
    // A file that could not be loaded fails without a test.
    if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed')) {
      failed++;
      failures.push(`${file}: ${firstLines(message ?? '')}`);
    }
    const left = assertionResults.filter(({ status }) => status === 'skipped' || status === 'pending').length;
    if (left > 0) skipped.set(file, left);
  }
  return { passed: report.numPassedTests, failed, failures, skipped };
}

/** Enough of an error to know it by, on one line. */
function firstLines(text) {
  return text.split('\n').slice(0, 6).join(' | ').slice(0, 800);
}
