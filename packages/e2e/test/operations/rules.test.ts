import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { describeWith } from '../interop/tools.js';

const promtool = async (...args: string[]): Promise<string> => {
  const { stdout } = await promisify(execFile)('promtool', args);
  return stdout;
};
const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

describeWith('promtool', 'the alerts', () => {
  test('are what Prometheus takes', async () => {
    expect(await promtool('check', 'rules', path('../../../../docs/operations/ce-broker.rules.yml'))).toMatch(
      /SUCCESS: \d+ rules found/,
    );
  });

  test('fire when they should, and not over a broker that does well', async () => {
    expect(await promtool('test', 'rules', path('ce-broker.rules.test.yml'))).toContain('SUCCESS');
  });
});
