import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseGrpcConfig } from 'ce-broker-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BrokerProcess } from '../../src/index.js';
import { Example, exampleSource } from './example.js';
import { compile, readBlocks } from './guide.js';

const run = promisify(execFile);
const TIMEOUT_MS = 60_000;
const VITEST = fileURLToPath(new URL('../../../../node_modules/vitest/vitest.mjs', import.meta.url));
const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const SYMBOLS = 'docs/reference/go-symbols.md';
const EXAMPLES = ['', 'agent-in-30-lines/', 'embed-in-express/', 'go-agent/', 'source-with-postgres/'];
const README = 'packages/client/README.md';
const PAGES = [
  'docs/guide/write-a-source.md',
  'docs/guide/write-an-agent.md',
  'docs/guide/coming-from-go-sdk.md',
  'docs/guide/test-your-controller.md',
  'docs/guide/watch-events.md',
  README,
];

// Inside the package, so that its dependencies are found; not below test/, where other runs look for tests.
const cache = fileURLToPath(new URL('../../.cache', import.meta.url));
let folder: string;
const folderOf = (page: string): string => join(folder, page.replaceAll(/\W+/g, '-'));

const pages = PAGES.map((page) => {
  const blocks = readBlocks(page);
  const programs = blocks.flatMap((block) =>
    block.language === 'ts' ? [{ ...block, name: block.name ?? '' }] : [],
  );
  return { page, blocks, programs };
});

beforeAll(() => {
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'guides-'));
  for (const { page, blocks } of pages) {
    mkdirSync(folderOf(page));
    for (const { name, text } of blocks)
      if (name !== undefined) writeFileSync(join(folderOf(page), name), text);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('every program of the guides has a name, and compiles as it stands', { timeout: TIMEOUT_MS }, () => {
  const files = pages.flatMap(({ page, programs }) => programs.map(({ name }) => join(folderOf(page), name)));
  expect(files.filter((file) => !file.endsWith('.ts'))).toEqual([]);
  expect(compile(files)).toEqual([]);
});

describe.each(pages)('$page', ({ page, blocks, programs }) => {
  it('holds nothing that is not tried', () => {
    for (const { language, text } of blocks) {
      if (language === 'sh') expect(text).toMatch(/^npm install [\w\s-]+$/);
      else expect(['ts', 'text', 'yaml', 'go']).toContain(language);
    }
    const tried = programs.some(({ name, prints }) => prints !== undefined || name.endsWith('.test.ts'));
    expect(tried || page === README).toBe(true);
  });

  it.each(programs.filter(({ prints }) => prints !== undefined))(
    '$name prints what the page says',
    { timeout: TIMEOUT_MS },
    async ({ name, prints }) => {
      const program = join(folderOf(page), name.replace(/\.ts$/, '.js'));
      const { stdout } = await run(process.execPath, [program], {
        cwd: folderOf(page),
        timeout: TIMEOUT_MS / 2,
      });
      expect(stdout).toBe(prints);
    },
  );

  const tests = programs.filter(({ name }) => name.endsWith('.test.ts'));
  it.each(tests)('$name passes', { timeout: TIMEOUT_MS }, async ({ name }) => {
    // Of its own: a run looks for a configuration in the folders above.
    writeFileSync(join(folderOf(page), 'vitest.config.mjs'), 'export default {};\n');
    const args = [VITEST, 'run', '--root', folderOf(page), '--reporter', 'tap-flat', name];
    const environment = Object.entries(process.env).filter(([key]) => !key.startsWith('VITEST'));
    const { stdout } = await run(process.execPath, args, {
      env: Object.fromEntries(environment),
      timeout: TIMEOUT_MS / 2,
    });
    expect(stdout).toMatch(/^ok 1 /m);
    expect(stdout).not.toMatch(/^not ok/m);
  });

  it('what it says in Go stands in the Go example', () => {
    const example = readdirSync(exampleSource('go-agent'))
      .filter((file) => file.endsWith('.go'))
      .map((file) => plain(readFileSync(exampleSource(`go-agent/${file}`), 'utf8')))
      .join(' ');
    for (const { text } of blocks.filter(({ language }) => language === 'go')) {
      // An omission cuts a block in two.
      for (const part of text.split(/^\s*\/\/ \.\.\.$/m)) expect(example).toContain(plain(part));
    }
  });

  it('its configuration files are read without a warning', () => {
    return Promise.all(
      blocks
        .filter(({ language }) => language === 'yaml')
        .map(async ({ text }) => expect((await parseGrpcConfig(text, page)).warnings).toEqual([])),
    );
  });
});

const LINKING = [...PAGES, ...EXAMPLES.map((name) => `packages/e2e/examples/${name}README.md`), SYMBOLS];
it.each(LINKING)('the links of %s lead somewhere', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8').replaceAll(/^```[\s\S]*?^```$/gm, '');
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([\w-]+))?\)/g)];
  for (const [link, path = '', anchor] of links) {
    const target = path === '' ? page : join(dirname(page), path);
    expect(existsSync(join(ROOT, target)), `${link} in ${page}`).toBe(true);
    if (anchor === undefined) continue;
    const headings = [...readFileSync(join(ROOT, target), 'utf8').matchAll(/^#+ (.*)$/gm)];
    const anchors = headings.map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, '')
        .replaceAll(' ', '-'),
    );
    expect(anchors, `${link} in ${page}`).toContain(anchor);
  }
});

it('the README of the client package: the source prints what its agent reports', {
  timeout: TIMEOUT_MS,
}, async () => {
  const broker = await BrokerProcess.start();
  const start = (name: string): Example =>
    Example.program(process.execPath, [join(folderOf(README), name)], { BROKER: broker.grpc });
  const agent = start('agent.js');
  const source = start('source.js');
  try {
    await source.prints(/^door painted red\n$/);
    expect(await source.ended()).toBe(0);
  } finally {
    await Promise.all([agent.stop(), source.stop()]);
    await broker.stop();
  }
});

function plain(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
