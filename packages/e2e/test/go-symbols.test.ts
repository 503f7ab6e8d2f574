import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildCloudEventsAgentOptions, buildCloudEventsSourceOptions, ConfigLoader } from 'ce-broker-client';
import { expect, it } from 'vitest';
import { Exports } from './go-symbols/exports.js';
import { readGoSymbols } from './go-symbols/page.js';
import { describeWith } from './interop/tools.js';

const lines = readGoSymbols();
const counterparts = lines.flatMap(({ goPackage, symbol, module, counterpart }) => {
  if (counterpart === undefined) return [];
  const [name = '', ...members] = counterpart.split('.');
  return [{ go: `${goPackage}: ${symbol}`, counterpart, module, name, members }];
});
const exported = new Exports([...new Set(counterparts.map(({ module }) => module))]);

it('the page lists the symbols of each package once', () => {
  expect(lines.length).toBeGreaterThan(200);
  const names = lines.map(({ goPackage, symbol }) => `${goPackage} ${symbol}`);
  expect(names).toEqual([...new Set(names)]);
});

it('each counterpart is exported from the module that the page names', async () => {
  const missing: string[] = [];
  for (const { go, counterpart, module, name, members } of counterparts) {
    const [member, ...more] = members;
    const there =
      more.length === 0 &&
      exported.has(module, name) &&
      (member === undefined || exported.hasMember(module, name, member));
    if (!there) missing.push(`${go} -> ${counterpart} of ${module}`);
  }
  expect(missing).toEqual([]);
});

it('each counterpart that is a value is there when a program runs', async () => {
  const missing: string[] = [];
  for (const { counterpart, module, name } of counterparts) {
    if (!exported.isValue(module, name)) continue;
    const loaded: Record<string, unknown> = await import(module);
    if (loaded[name] === undefined) missing.push(`${counterpart} of ${module}`);
  }
  expect(missing).toEqual([]);
});

it('what has no counterpart has a reason', () => {
  const silent = lines.filter(({ why, note }) => why === 'none' && note === '');
  expect(silent).toEqual([]);
});

it('only MQTT and Kafka are put off', () => {
  const later = lines.filter(({ why }) => why === 'later');
  expect(later.filter(({ goPackage }) => !/\/(mqtt|kafka)$/.test(goPackage))).toEqual([]);
});

it.each(['mqtt', 'kafka'])('a configuration of type %s is refused by name', async (type) => {
  const refused = {
    code: 'unimplemented',
    message: expect.stringContaining(`${type} is not in this version`),
  };
  await expect(new ConfigLoader(type, 'config.yaml').loadConfig()).rejects.toMatchObject(refused);
  expect(() => buildCloudEventsSourceOptions({ type }, 'client', 'hub')).toThrow(
    expect.objectContaining(refused),
  );
  expect(() => buildCloudEventsAgentOptions({ type }, 'c1', 'agent')).toThrow(
    expect.objectContaining(refused),
  );
});

describeWith('go', 'docs/reference/go-symbols.md beside the sources of the SDK', () => {
  it('lists every symbol that is exported there, and no other', { timeout: 120_000 }, () => {
    const run = (args: string[]): string =>
      execFileSync('go', args, {
        cwd: fileURLToPath(new URL('../interop/v0.15.0', import.meta.url)),
        encoding: 'utf8',
        env: { ...process.env, GOFLAGS: '-mod=mod' },
      });
    const module: { Dir: string } = JSON.parse(
      run(['mod', 'download', '-json', 'open-cluster-management.io/sdk-go@v0.15.0']),
    );
    const packages = [...new Set(lines.map(({ goPackage }) => goPackage))];
    const program = fileURLToPath(new URL('go-symbols/list.go', import.meta.url));
    const listed = run(['run', program, `${module.Dir}/pkg/cloudevents`, ...packages]);
    const theirs = listed.trim().split('\n').sort();
    expect(lines.map(({ goPackage, symbol }) => `${goPackage} ${symbol}`).sort()).toEqual(theirs);
  });
});
