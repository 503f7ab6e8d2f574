import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const demo = fileURLToPath(new URL('../demo/', import.meta.url));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ce-broker-demo-test-'));
  mkdirSync(join(folder, 'tmp'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the demo with a folder for temporary files of its own. */
async function run(...args: string[]): Promise<{ code: number | null; out: string; left: string[] }> {
  const tmp = join(folder, 'tmp');
  const child = spawn(process.execPath, [join(demo, 'run.mjs'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TMPDIR: tmp },
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  await once(child, 'close');
  return { code: child.exitCode, out, left: readdirSync(tmp) };
}

test('the demo ends by itself, tells what happened, and leaves nothing behind', {
  timeout: 90_000,
}, async () => {
  const { code, out, left } = await run();
  expect(out).toContain('killed the broker (SIGKILL)');
  expect(out).toContain('failed with exit code 1: "container collector: the image');
  expect(out).toContain('Every folder is as it should be: 9 files on 3 clusters, byte for byte');
  expect(code).toBe(0);
  expect(left).toEqual([]);
});

test('a file that should fail and does not is a failure of the demo', { timeout: 90_000 }, async () => {
  const manifests = join(folder, 'manifests');
  cpSync(join(demo, 'manifests'), manifests, { recursive: true });
  const collector = join(manifests, 'oslo', 'collector.yaml');
  writeFileSync(collector, readFileSync(collector, 'utf8').replace(':latest', ':0.115.1'));
  const { code, out, left } = await run('--manifests', manifests, '--patience', '10');
  expect(out).toContain('FAILED: waited in vain');
  expect(out).toContain('oslo/collector.yaml: reported as applied, not as failed');
  expect(code).toBe(1);
  expect(left).toEqual([]);
});
