import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const guide = readFileSync(new URL('../../../../docs/guide/embed.md', import.meta.url), 'utf8');
const programs = [...guide.matchAll(/```js\n\/\/ (\S+)\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/g)].map(
  ([, name = '', code = '', output = '']) => ({ name, code, output }),
);

let folder: string;
beforeAll(() => {
  // Inside the package, so that its name and its dependencies are found.
  folder = mkdtempSync(join(here, '.guide-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('docs/guide/embed.md', () => {
  it('every program in it is tried', () => {
    expect(programs.map(({ name }) => name)).toHaveLength([...guide.matchAll(/```js\n/g)].length);
    expect(programs.length).toBeGreaterThan(3);
  });

  it.each(programs)('$name prints what the guide says', async ({ name, code, output }) => {
    const path = join(folder, name);
    writeFileSync(path, code);
    const { stdout } = await run(process.execPath, [path], { cwd: folder, timeout: 20_000 });
    expect(stdout).toBe(output);
  });
});

describe('README.md of the package', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const blocks = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = '']) => code);

  it.each(blocks)('program %# ends by itself', async (code) => {
    expect(blocks).not.toHaveLength(0);
    const path = join(folder, 'readme.mjs');
    writeFileSync(path, code);
    const { stdout } = await run(process.execPath, [path], { cwd: folder, timeout: 20_000 });
    expect(stdout).toMatch(/^127\.0\.0\.1:\d+ \{/);
  });
});
