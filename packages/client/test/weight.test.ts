import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));

/** Writes down every module that is loaded, ESM by a hook, CommonJS from its cache, and every native one. */
function script(entry: string): string {
  return `
import { createRequire, register } from 'node:module';
const hook = "import { writeSync } from 'node:fs'; export async function load(url, context, next) { writeSync(1, url + '\\\\n'); return next(url, context); }";
register('data:text/javascript,' + encodeURIComponent(hook));
const dlopen = process.dlopen;
process.dlopen = (module, path, ...rest) => { console.log('native:' + path); return dlopen.call(process, module, path, ...rest); };
await import(${JSON.stringify(new URL(`../dist/${entry}`, import.meta.url).href)});
for (const path of Object.keys(createRequire(import.meta.url).cache)) console.log('file://' + path);
`;
}

async function loadedBy(entry: string): Promise<readonly string[]> {
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script(entry)], {
    timeout: 20_000,
  });
  return [...new Set(stdout.split('\n').filter((line) => /^(file|native):/.test(line)))];
}

/** The names of the packages that modules are of, the workspace's own by their folders. */
function packagesOf(modules: readonly string[]): string[] {
  const names = modules.map((url) => {
    const inside = url.split('/node_modules/').at(-1) ?? '';
    if (url.includes('/node_modules/')) return inside.split('/', inside.startsWith('@') ? 2 : 1).join('/');
    return /\/(proto|packages\/[^/]+)\/dist\//.exec(url)?.[1] ?? url;
  });
  return [...new Set(names)].sort();
}

/** The bytes of the files of a folder, without what is not published of our own packages. */
function sizeOf(folder: string): number {
  let size = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    size += entry.isDirectory() ? sizeOf(path) : entry.isFile() ? statSync(path).size : 0;
  }
  return size;
}

/** Where a package finds one that it depends on. */
function dependency(of: string, name: string): string {
  for (let at = of; at !== dirname(at); at = dirname(at)) {
    const path = join(at, 'node_modules', name);
    if (existsSync(path)) return realpathSync(path);
  }
  throw new Error(`${of} depends on ${name}, which is not installed`);
}

/** Every package that an installation brings along, with its bytes. */
function closure(folder: string, found = new Map<string, number>()): Map<string, number> {
  if (found.has(folder)) return found;
  const own = !folder.includes('/node_modules/');
  found.set(folder, sizeOf(own ? join(folder, 'dist') : folder));
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>;
  };
  for (const name of Object.keys(dependencies)) closure(dependency(folder, name), found);
  return found;
}

describe('importing the client', () => {
  let modules: readonly string[];

  beforeAll(async () => {
    modules = await loadedBy('index.js');
  });

  it('loads nothing but the client and the contract: no broker, no metrics, no YAML, no gRPC until there is a connection', () => {
    expect(packagesOf(modules)).toEqual(['packages/client', 'proto']);
    expect(modules.some((url) => url.endsWith('/source/cloud-event-source-client.js'))).toBe(true);
  });

  it('loads no native module, and not many of its own', () => {
    expect(modules.filter((url) => url.startsWith('native:') || url.endsWith('.node'))).toEqual([]);
    expect(modules.length).toBeLessThan(150);
  });

  it('loads prom-client with the metrics, and cloudevents with its own entry, alone', async () => {
    expect(packagesOf(modules)).not.toContain('prom-client');
    const metrics = packagesOf(await loadedBy('metrics/index.js'));
    expect(metrics).toContain('prom-client');
    expect(metrics).not.toContain('cloudevents');
    const events = packagesOf(await loadedBy('cloudevents.js'));
    expect(events).toContain('cloudevents');
    expect(events).not.toContain('prom-client');
  });
});

describe('installing the client', () => {
  const packages = closure(realpathSync(root));
  const names = [...packages.keys()].map((path) => path.split('/node_modules/').at(-1) ?? path);

  it('brings neither the broker nor native code', () => {
    expect(names.filter((name) => name.endsWith('packages/broker'))).toEqual([]);
    expect(names.filter((name) => /lmdb|grpc-tools|node-gyp|prebuild/.test(name))).toEqual([]);
  });

  it('stays within its budget', () => {
    const total = [...packages.values()].reduce((sum, bytes) => sum + bytes, 0);
    const own = packages.get(realpathSync(root)) ?? 0;
    // A megabyte of our own, source maps and types included; 22 with all that gRPC, CloudEvents and Prometheus bring.
    expect(own).toBeLessThan(1_000_000);
    expect(total).toBeLessThan(22_000_000);
    expect(packages.size).toBeLessThan(100);
  });
});
