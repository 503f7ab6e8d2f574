import { afterAll, beforeAll, expect, test } from 'vitest';
import { Broker, cli, Folder, Running } from './support/cli.js';

const widgets = 'com.example.v1.widgets';

let broker: Broker;
beforeAll(async () => {
  broker = await Broker.start();
  const events = [
    { source: 'hub', cluster: 'c1', resourceId: 'a', resourceVersion: 2, data: { size: 3 } },
    { source: 'hub', cluster: 'c2', resourceId: 'b', resourceVersion: 1, data: 'text' },
    { source: 'other', cluster: 'c1', resourceId: 'c', resourceVersion: 1, data: null },
  ].map((event) => JSON.stringify({ ...event, type: `${widgets}.spec.create_request` }));
  await cli(['pub', '--server', broker.grpc], { stdin: events.join('\n') });
  const about = ['--server', broker.grpc, '--cluster', 'c1', '--type', widgets];
  const status = [
    '--status',
    '--original-source',
    'hub',
    '--id',
    'a',
    '--resource-version',
    '1',
    '--data',
    '{"ok":true}',
  ];
  await cli(['pub', ...about, ...status]);
  await cli(['pub', ...about, '--source', 'other', '--id', 'c', '--delete']);
});
afterAll(() => broker[Symbol.asyncDispose]());

const state = (...args: string[]) => cli(['state', ...args, '--admin', `http://${broker.admin}`]);

test('list shows the spec version beside the status version, with owner, ages, publisher and size', async () => {
  const { code, stdout, stderr } = await state('list');
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^ID +CLUSTER +OWNER +STATE +SPEC +AGE +STATUS +AGE +SYNC +BY +SIZE +TYPE\n/);
  expect(stdout).toMatch(
    /^a +c1 +hub +live +v2 +\d+s +v1 +\d+s +no +anonymous +\d+ B +com\.example\.v1\.widgets$/m,
  );
  expect(stdout).toMatch(/^b +c2 +hub +live +v1 +\d+s +- +- +no /m);
  expect(stdout).toMatch(/^c +c1 +other +deleting /m);
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
});

test('list is narrowed by cluster, source and type', async () => {
  const ids = async (...filter: string[]) => {
    const { stdout } = await state('list', '--json', ...filter);
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => (line === '' ? '' : JSON.parse(line).id))
      .sort();
  };
  expect(await ids('--cluster', 'c1')).toEqual(['a', 'c']);
  expect(await ids('--source', 'hub')).toEqual(['a', 'b']);
  expect(await ids('--source', 'hub', '--cluster', 'c2')).toEqual(['b']);
  expect(await ids('--type', 'com.example.v1.gadgets')).toEqual(['']);
  expect(await ids('--state', 'deleting')).toEqual(['c']);
  const wrong = await state('list', '--state', 'foo');
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    'ce-broker: --state is "foo": it must be live or deleting or deleted or requested\n',
  ]);
  expect(await ids('--out-of-sync')).toEqual(['a', 'b', 'c']);
  expect(await ids('--older-than', '10m')).toEqual(['']);
  const { code, stderr } = await state('list', '--older-than', '10');
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining('--older-than is "10": it must be a duration with its unit'),
  ]);
});

test('get shows both sides of a resource, with their events', async () => {
  const { code, stdout } = await state('get', 'a');
  expect(code).toBe(0);
  expect(stdout).toContain('a on c1, com.example.v1.widgets: live, owned by hub\n');
  expect(stdout).toContain('  out of sync: the newest status is of an earlier spec\n');
  expect(stdout).toMatch(/ {2}spec: v2, \d+s old, \d+ B, create_request from hub, user anonymous, event\s/);
  expect(stdout).toContain('    {\n      "size": 3\n    }\n');
  expect(stdout).toMatch(/ {2}status: v1, .* from c1-agent/);
  const [row] = (await state('get', 'a', '--json')).stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(row).toMatchObject({
    id: 'a',
    specEvent: { data: { size: 3 } },
    statusEvent: { data: { ok: true } },
  });
});

test('get keeps every digit of the data, and a table no control characters', async () => {
  const event = {
    source: 'hub',
    cluster: 'c7',
    type: `${widgets}.spec.create_request`,
    resourceId: 'n\u001b[31m\n',
    resourceVersion: 1,
  };
  const line = `${JSON.stringify(event).slice(0, -1)},"data":{"n":12345678901234567890.10}}`;
  expect((await cli(['pub', '--server', broker.grpc], { stdin: line })).code).toBe(0);
  expect((await state('list', '--cluster', 'c7')).stdout).toMatch(/^n\\x1b\[31m\\n +hub /m);
  const { stdout } = await state('get', event.resourceId);
  expect(stdout).toContain('n\\x1b[31m\\n on c7');
  expect(stdout).toContain('    {\n      "n": 12345678901234567890.10\n    }\n');
  const json = (await state('get', event.resourceId, '--json')).stdout;
  expect(json).toContain('"data":{"n":12345678901234567890.10}');
  expect(JSON.parse(json)).toMatchObject({ id: event.resourceId, statusEvent: null });
});

test('a resource that is not there is exit code 1', async () => {
  const { code, stderr } = await state('get', 'nothing');
  expect([code, stderr]).toEqual([1, 'ce-broker: NOT_FOUND: no resource with id nothing\n']);
});

test('tombstones shows the deletions that nobody has confirmed, orphans what nobody owns', async () => {
  expect((await state('tombstones')).stdout).toMatch(/^c +c1 +other +deleting/m);
  expect((await state('orphans')).stdout).toBe('nothing\n');
  const lost = { cluster: 'c9', source: 'c9-agent', extensions: { originalsource: '' } };
  const resync = JSON.stringify({
    ...lost,
    type: `${widgets}.spec.resync_request`,
    data: { resourceVersions: [{ resourceID: 'lost', resourceVersion: 4 }] },
  });
  await using sub = new Running(['sub', '--server', broker.grpc, '--cluster', 'c9']);
  await sub.saw('stderr', /subscribed/);
  expect((await cli(['pub', '--server', broker.grpc], { stdin: resync })).code).toBe(0);
  expect((await state('orphans')).stdout).toMatch(/^lost +c9 +v4 +\d+s +com\.example\.v1\.widgets$/m);
});

test('an admin port that is not there, or is none, is told', async () => {
  const away = await cli(['state', 'list', '--admin', '127.0.0.1:1']);
  expect(away.code).toBe(3);
  expect(away.stderr).toContain('UNAVAILABLE: cannot read http://127.0.0.1:1: connect ECONNREFUSED');
  const grpc = await cli(['state', 'list', '--admin', broker.grpc]);
  expect(grpc.code).toBe(3);
  expect(grpc.stderr).toContain('--admin must name the admin port of a broker');
});

test('a token never travels in plain text', async () => {
  using folder = new Folder();
  const token = folder.file('token', 'sesame');
  const { code, stderr } = await cli([
    'state',
    'list',
    '--admin',
    'http://far.example:1',
    '--token-file',
    token,
  ]);
  expect(code).toBe(2);
  expect(stderr).toContain('plain text');
});
