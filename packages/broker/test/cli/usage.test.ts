import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { nodeTooOld } from '../../bin/node-version.mjs';
import { nearest } from '../../src/cli/nearest.js';
import { cli } from './support/cli.js';

const COMMANDS = ['serve', 'pub', 'sub', 'source', 'agent', 'state', 'bench', 'certs'];

test('a Node that is too old is told so, with the way to a newer one', () => {
  for (const version of ['4.9.1', '18.20.4', '20.18.9']) {
    expect(nodeTooOld(version)).toContain(`ce-broker needs Node.js 20.19 or newer, and this is ${version}`);
  }
  for (const version of ['20.19.0', '22.0.0', '26.1.0']) expect(nodeTooOld(version)).toBeUndefined();
});

test('the shim asks for the Node that the package asks for', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(manifest.engines.node).toBe('>=20.19');
});

test('every command has a help with an example', async () => {
  const results = await Promise.all(COMMANDS.map((name) => cli([name, '--help'])));
  for (const [index, { code, stdout, stderr }] of results.entries()) {
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: ce-broker ${COMMANDS[index]}`);
    expect(stdout).toMatch(/Examples:\n {2}ce-broker/);
    expect(stderr).toBe('');
  }
});

test('the help of the program names every command', async () => {
  const { code, stdout } = await cli(['--help']);
  expect(code).toBe(0);
  for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
});

test('the version is that of the package', async () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(await cli(['--version'])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: '' });
});

test.each([
  [['--lissten', '127.0.0.1:0'], '--listen'],
  [['serve', '--token-fil', 'x'], '--token-file'],
  [['pub', '--resource-versoin', '1'], '--resource-version'],
  [['sub', '--clutser', 'c1'], '--cluster'],
  [['state', 'list', '--jsn'], '--json'],
  [['bench', '--inflight', '3'], '--in-flight'],
  [['certs', 'x', '--hosts', 'y'], '--host'],
])('the wrong option in %j names the nearest right one', async (args, right) => {
  const { code, stdout, stderr } = await cli(args);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain(`Did you mean ${right}?`);
});

test('an option that nothing is near to gets no suggestion', async () => {
  expect((await cli(['pub', '--nope'])).stderr).toBe("ce-broker: unknown option '--nope'\n");
});

test('an unknown command names the nearest right one', async () => {
  const { code, stderr } = await cli(['pubb']);
  expect(code).toBe(2);
  expect(stderr).toContain('there is no command "pubb"; did you mean pub?');
});

test('nothing is suggested that is not near', () => {
  expect(nearest('heartbeat', ['listen', 'admin'])).toBeUndefined();
  expect(nearest('lisetn', ['listen', 'admin'])).toBe('listen');
  expect(nearest('nope', ['type', 'ca'])).toBeUndefined();
  expect(nearest('heartbeat', ['listen', 'heartbeat-interval'])).toBe('heartbeat-interval');
});

test.each([
  [['sub'], '--cluster NAME'],
  [['serve', '--store', 'none', '--history', '3'], '--history is 3, and store is "none"'],
  [['sub', '--cluster', 'c1', '--source', 's'], 'exclude each other'],
  [['sub', '--cluster', 'c1', '--resync'], '--type is missing'],
  [['sub', '--cluster', 'c1', '--type', 'widgets'], 'three dot-separated parts'],
  [['sub', '--cluster', 'c1', '--type', 'a.b.c.spec.create_request'], 'without ".spec"'],
  [['sub', '--cluster', 'c1', '--count', 'x'], '--count is "x"'],
  [['sub', '--cluster', 'c1', '--server', 'localhost'], '--server is "localhost": it must be HOST:PORT'],
  [['sub', '--cluster', 'c1', '--cert', 'x'], '--key is missing: --cert needs it'],
  [['sub', '--cluster', 'c1', '--token-file', '/no/such'], '--token-file: cannot read /no/such'],
  [['sub', '--cluster', 'c1', '--server', 'far:1', '--token-file', 'x'], 'in plain text'],
  [['pub', '--id', 'x'], '--cluster is missing'],
  [
    ['pub', '--id', 'x', '--cluster', 'c', '--type', 'a.b', '--source', 's', '--data', '{}'],
    '--type is "a.b"',
  ],
  [['pub', '--id', 'x', '--cluster', 'c', '--type', 'a.b.c', '--source', 's', '--data', '{'], 'is not JSON'],
  [['pub', '--id', 'x', '--cluster', 'c', '--type', 'a.b.c', '--source', 's'], '--data is missing'],
  [['pub', '--data', '{}'], '--id is missing: --data belongs to one event'],
  [
    ['pub', '--id', 'x', '--cluster', 'c', '--type', 'a.b.c', '--status', '--data', '1'],
    '--original-source is missing',
  ],
  [
    [
      ...['pub', '--id', 'x', '--cluster', 'c', '--type', 'a.b.c', '--status', '--delete'],
      ...['--original-source', 's'],
    ],
    'an agent tells that it has',
  ],
  [['certs', '/tmp/x', '--days', '0'], '--days is "0"'],
  [['state', 'list', '--admin', 'http://'], '--admin is "http://"'],
  [['state', 'list', '--admin', 'ftp://x'], '--admin is "ftp://x": it must be a URL'],
  [['bench', '--publishers', '0', '--subscribers', '0'], 'both 0'],
  [['bench', '--batch', '8'], '--stream'],
  [['bench', '--stream', '--batch', '8', '--in-flight', '4'], '--in-flight'],
])('%j is wrong usage, and told without a stack', async (args, message) => {
  const { code, stdout, stderr } = await cli(args);
  expect(stderr).toContain(message);
  expect(stderr).toMatch(/^ce-broker: [^\n]+\n$/);
  expect([code, stdout]).toEqual([2, '']);
});

test('the stack is there for those who ask for it', async () => {
  const { stderr } = await cli(['sub'], { env: { CE_BROKER_LOG_LEVEL: 'debug' } });
  expect(stderr).toMatch(/\n {4}at /);
});
