import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const entry = new URL('../../dist/index.js', import.meta.url).href;

/** Writes down every module that is loaded, ESM by a hook, CommonJS from its cache. */
const script = `
import { createRequire, register } from 'node:module';
const hook = "import { writeSync } from 'node:fs'; export async function load(url, context, next) { writeSync(1, url + '\\\\n'); return next(url, context); }";
register('data:text/javascript,' + encodeURIComponent(hook));
await import(${JSON.stringify(entry)});
for (const path of Object.keys(createRequire(import.meta.url).cache)) console.log('file://' + path);
`;

async function loaded(): Promise<readonly string[]> {
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], {
    timeout: 20_000,
  });
  return [...new Set(stdout.split('\n').filter((line) => line.startsWith('file:')))];
}

describe('importing the library', () => {
  it('loads only small modules of our own: nothing that a command, a scrape or a socket needs', async () => {
    const modules = await loaded();
    const heavy = /node_modules\/(?!ce-broker)(?:@[^/]+\/)?[^/]+/g;
    const packages = new Set(
      modules.flatMap(
        (url) =>
          url
            .replaceAll('.pnpm/', '')
            .match(heavy)
            ?.map((part) => part.replace('node_modules/', '')) ?? [],
      ),
    );
    for (const name of [
      'prom-client',
      'pino',
      'pino-pretty',
      'yaml',
      'zod',
      'commander',
      '@grpc/grpc-js',
      '@grpc/reflection',
      '@grpc/proto-loader',
      'grpc-health-check',
      '@peculiar/x509',
    ]) {
      expect(
        [...packages].filter((found) => found.startsWith(name.replace('/', '+')) || found.startsWith(name)),
      ).toEqual([]);
    }
    expect(modules.some((url) => url.endsWith('/server/start-broker.js'))).toBe(true);
    expect(modules.length).toBeLessThan(250);
  });
});
