import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './prepare.mjs';
import { run } from './processes.mjs';

/** What a test file prints of a part that needs a tool which is not here; the rest of the line names it and how to get it. */
const LEFT_OUT = /left out: (.*)$/i;

/**
 * Runs every test and sums up. `args` go on to vitest, file names for example. With CE_BROKER_REQUIRE_TOOLS=1 a part that
 * is left out is a failure.
 * @param {readonly string[]} args
 * @returns {Promise<number>}
 */
export async function runTests(args) {
  const strict = process.env.CE_BROKER_REQUIRE_TOOLS === '1';
  const folder = mkdtempSync(join(tmpdir(), 'ce-broker-test-'));
  const report = join(folder, 'report.json');
  const reasons = new Set();
  try {
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const code = await run(process.execPath, [vitest, 'run', ...reporters, ...args], {
      cwd: root,
      env: process.stdout.isTTY ? { FORCE_COLOR: '1', ...process.env } : process.env,
      onLine: (line) => {
        const reason = LEFT_OUT.exec(line)?.[1];
        if (reason !== undefined) reasons.add(reason);
      },
    });
    return sumUp(readReport(report), code, reasons, strict);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sumUp({ passed, failed, failures: named, brokenFiles, skipped }, code, reasons, strict) {
  for (const failure of named) console.log(`failed: ${failure}`);
  for (const reason of reasons) console.log(`left out: ${reason}`);
  const tests = [...skipped.values()].reduce((sum, count) => sum + count, 0);
  if (tests > 0) console.log(`left out in all: ${tests} tests, of ${[...skipped.keys()].join(', ')}`);
  let failures = failed + brokenFiles;
  // A run that ended badly without a failed test (a crash, an unhandled error) is a failure too.
  if (code !== 0 && failures === 0) failures = 1;
  if (strict) failures += tests;
  console.log(`${passed} passed, ${failures} failed`);
  return failures === 0 ? 0 : 1;
}

function readReport(path) {
  const skipped = new Map();
  if (!existsSync(path)) return { passed: 0, failed: 0, failures: [], brokenFiles: 0, skipped };
  const report = JSON.parse(readFileSync(path, 'utf8'));
  let brokenFiles = 0;
  const failures = [];
  for (const { name, status, message, assertionResults } of report.testResults) {
    const file = name.startsWith(root) ? name.slice(root.length) : name;
    for (const test of assertionResults) {
      if (test.status === 'failed')
        failures.push(`${file} > ${test.fullName}: ${firstLines(test.failureMessages.join('\n'))}`);
    }
    // A file that could not be loaded fails without a test.
    if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed')) {
      brokenFiles++;
      failures.push(`${file}: ${firstLines(message ?? '')}`);
    }
    const left = assertionResults.filter(({ status }) => status === 'skipped' || status === 'pending').length;
    if (left > 0) skipped.set(file, left);
  }
  return { passed: report.numPassedTests, failed: report.numFailedTests, failures, brokenFiles, skipped };
}

/** Enough of an error to know it by, on one line. */
function firstLines(text) {
  return text.split('\n').slice(0, 6).join(' | ').slice(0, 800);
}
