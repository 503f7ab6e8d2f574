import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BrokerProcess } from '../../src/index.js';
import { Folder } from '../rpc-clients/tools-support.js';

const e2e = fileURLToPath(new URL('../..', import.meta.url));
const runFile = promisify(execFile);
const BUILD_MS = 600_000;
const SUITE_MS = 300_000;
/** What h2spec waits for an answer; a broker that answers nothing fails each case so late. */
const PATIENCE_SECONDS = 5;

interface Results {
  readonly passed: number;
  /** By section and name, with what was expected and what came. */
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
}

/** What h2spec wrote down as JUnit. */
function readReport(path: string): Results {
  const failed: string[] = [];
  const skipped: string[] = [];
  let passed = 0;
  const report = readFileSync(path, 'latin1');
  for (const [, section, name, rest = ''] of report.matchAll(
    /<testcase package="([^"]*)" classname="([^"]*)"[^>]*>(.*?)<\/testcase>/gs,
  )) {
    if (/<(error|failure)/.test(rest))
      failed.push(`${section}: ${name}: ${rest.replaceAll(/<[^>]*>/g, '').trim()}`);
    else if (rest.includes('<skipped')) skipped.push(`${section}: ${name}`);
    else passed += 1;
  }
  return { passed, failed, skipped };
}

beforeAll(async () => {
  await runFile(process.execPath, [join(e2e, 'interop', 'setup.mjs'), 'h2spec']);
}, BUILD_MS);

describe.each([
  ['plain text', false],
  ['TLS', true],
])('h2spec against the engine h2 over %s', (_title, secure) => {
  const folder = new Folder();
  let broker: BrokerProcess;

  beforeAll(async () => {
    const tls = secure ? folder.certificates().server : [];
    broker = await BrokerProcess.start({ args: ['--rpc-engine', 'h2', ...tls] });
  });
  afterAll(async () => {
    await broker?.kill();
    folder.remove();
  });

  test.each([
    ['generic', 44],
    ['http2', 94],
    ['hpack', 7],
  ])('%s passes whole', { timeout: SUITE_MS }, async (suite, cases) => {
    const report = join(folder.path, `${suite}.xml`);
    const [host = '', port = ''] = broker.grpc.split(':');
    const args = ['-h', host, '-p', port, '-o', String(PATIENCE_SECONDS), '-j', report, suite];
    // It exits with 1 when a case fails: which one is in the report.
    await runFile(join(e2e, '.cache', 'bin', 'h2spec'), secure ? ['-t', '-k', ...args] : args).catch(
      () => undefined,
    );
    const { passed, failed, skipped } = readReport(report);
    expect(failed).toEqual([]);
    expect(skipped).toEqual([]);
    expect(passed).toBe(cases);
    // What peers did wrong is no fault of the broker: it serves on.
    expect((await broker.status()).counters.acknowledged).toBe(0);
    expect(broker.log).not.toMatch(/fault|unhandled|TypeError/i);
  });
});
