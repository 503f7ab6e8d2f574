import { Metadata, Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import { createEvent, encodeEvent } from 'ce-broker-proto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LINE_KEYS } from '../../src/cli/events/line.js';
import { SUBSCRIBE_PATH } from '../../src/cli/load/index.js';
import { Broker, cli, Folder, Running } from './support/cli.js';

const widgets = 'com.example.v1.widgets';
const bundles = 'io.open-cluster-management.works.v1alpha1.manifestbundles';

let broker: Broker;
beforeAll(async () => {
  broker = await Broker.start();
});
afterAll(() => broker[Symbol.asyncDispose]());

const pub = (args: readonly string[], stdin?: string) =>
  cli(['pub', '--server', broker.grpc, ...args], stdin === undefined ? {} : { stdin });

async function subscribed(args: readonly string[], server = broker.grpc): Promise<Running> {
  const sub = new Running(['sub', '--server', server, ...args]);
  await sub.saw('stderr', /subscribed/);
  return sub;
}

async function lines(sub: Running): Promise<Record<string, unknown>[]> {
  const { code, stdout } = await sub.ended();
  expect(code).toBe(0);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

test('a spec reaches the agent of its cluster as one line with exactly the keys of the contract', async () => {
  await using agent = await subscribed(['--cluster', 'keys', '--count', '1']);
  const event = ['--source', 'hub', '--cluster', 'keys', '--type', bundles, '--id', 'w1', '--event-id', 'e1'];
  expect(await pub([...event, '--resource-version', '7', '--data', '{"a": [1, 2]}'])).toEqual({
    code: 0,
    stdout: '',
    stderr: '',
  });
  const [line = {}] = await lines(agent);
  expect(Object.keys(line)).toEqual([...LINE_KEYS]);
  expect(line).toEqual({
    id: 'e1',
    source: 'hub',
    type: `${bundles}.spec.create_request`,
    cluster: 'keys',
    resourceId: 'w1',
    resourceVersion: 7,
    action: 'create_request',
    deletionTimestamp: null,
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    extensions: { originalsource: '' },
    data: { a: [1, 2] },
  });
});

test('a deletion has its time, and no data', async () => {
  await using agent = await subscribed(['--cluster', 'gone', '--count', '2']);
  const event = ['--source', 'hub', '--cluster', 'gone', '--type', widgets, '--id', 'w1'];
  await pub([...event, '--resource-version', '1', '--data', '1']);
  expect((await pub([...event, '--delete'])).code).toBe(0);
  const [, deletion] = await lines(agent);
  expect(deletion).toMatchObject({ action: 'delete_request', data: null, resourceId: 'w1' });
  expect(deletion?.['deletionTimestamp']).toMatch(/^\d{4}-/);
});

test('a status reaches the source that it names, in the order of its sequence id', async () => {
  await using source = await subscribed(['--source', 'hub-of-status', '--type', widgets, '--count', '1']);
  const event = ['--cluster', 'st', '--type', widgets, '--id', 'w1', '--original-source', 'hub-of-status'];
  expect((await pub(['--status', ...event, '--data', '{"ok":true}', '--resource-version', '3'])).code).toBe(
    0,
  );
  const [line] = await lines(source);
  expect(line).toMatchObject({
    source: 'st-agent',
    type: `${widgets}.status.update_request`,
    resourceVersion: 3,
    extensions: { originalsource: 'hub-of-status', sequenceid: expect.stringMatching(/^\d{18,19}$/) },
  });
});

test('--resync brings what was published before, and versions beyond 2^53 keep their digits', async () => {
  const event = ['--source', 'hub', '--cluster', 'late', '--type', widgets, '--id', 'big'];
  await pub([...event, '--resource-version', '9007199254740993', '--data', '{"n":12345678901234567890}']);
  await using agent = await subscribed(['--cluster', 'late', '--type', widgets, '--resync']);
  const [text] = await agent.saw('stdout', /^.*"resourceId":"big".*$/m);
  expect(text).toContain('"resourceVersion":"9007199254740993"');
  expect(text).toContain('"data":{"n":12345678901234567890}');
});

test('data of every kind comes as it is: JSON, text, bytes', async () => {
  using folder = new Folder();
  await using agent = await subscribed(['--cluster', 'kinds', '--count', '3']);
  const event = ['--source', 'hub', '--cluster', 'kinds', '--type', widgets, '--resource-version', '1'];
  await pub([...event, '--id', 'json', '--data', `@${folder.file('a.json', '{ "x": "a b" }')}`]);
  const fromStdin = [...event, '--id', 'text', '--data', '@-', '--content-type', 'text/plain'];
  expect(await pub(fromStdin, 'two\nlines')).toMatchObject({ code: 0, stderr: '' });
  await pub([
    ...event,
    '--id',
    'bytes',
    '--data',
    `@${folder.file('b', '\u0000\u0001')}`,
    '--content-type',
    'image/x',
  ]);
  const seen = await lines(agent);
  expect(seen.map(({ data }) => data)).toEqual([{ x: 'a b' }, 'two\nlines', { base64: 'AAE=' }]);
  expect(seen.at(-1)?.['extensions']).toMatchObject({ datacontenttype: 'image/x' });
});

test('what sub prints, pub publishes again: sub | pub copies a stream into another broker', async () => {
  await using other = await Broker.start();
  await using copy = await subscribed(['--cluster', 'copy', '--count', '3'], other.grpc);
  await using original = await subscribed(['--cluster', 'copy', '--count', '3']);
  const written = [
    {
      id: 'copy-1',
      type: `${widgets}.spec.create_request`,
      resourceId: 'a',
      resourceVersion: 1,
      data: { deep: [null, 1.5] },
    },
    {
      id: 'copy-2',
      type: `${widgets}.spec.update_request`,
      resourceId: 'a',
      resourceVersion: '9007199254740993',
      data: 'text',
    },
    {
      id: 'copy-3',
      type: `${bundles}.spec.create_request`,
      resourceId: 'b',
      resourceVersion: 2,
      data: { base64: 'AP8=' },
    },
  ].map((event) => ({
    ...event,
    source: 'hub',
    cluster: 'copy',
    extensions: {
      flag: true,
      count: -3,
      blob: { bytes: 'AQI=' },
      link: { uri: 'https://example.com/x' },
      rel: { uriRef: '/y' },
      when: { timestamp: '2026-01-02T03:04:05.000000006Z' },
      subject: 'about it',
    },
  }));
  expect((await pub([], written.map((event) => JSON.stringify(event)).join('\n'))).code).toBe(0);
  const first = await original.ended();
  expect(first.stdout.split('\n')).toHaveLength(4);
  const again = await cli(['pub', '--server', other.grpc], { stdin: first.stdout });
  expect(again).toEqual({ code: 0, stdout: '', stderr: '' });
  const second = await copy.ended();
  expect(second.stdout).toBe(first.stdout);
  const parsed = first.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(parsed).toMatchObject(written);
});

test('lines that are wrong or refused are told by number, and the others are published', async () => {
  const flags = ['--source', 'hub', '--cluster', 'bad', '--type', widgets, '--action', 'create_request'];
  const input = [
    '{"resourceId":"ok","data":1}',
    '{"resorceId":"x"}',
    'not json',
    '{"resourceId":"x","resourceVersion":1.5}',
    '{"resourceId":null,"data":1}',
    '',
    '{"resourceId":"fine","data":2}',
  ].join('\n');
  const { code, stdout, stderr } = await pub(flags, input);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain('line 2: unknown key "resorceId"; did you mean resourceId?');
  expect(stderr).toContain('line 3: event: broken JSON');
  expect(stderr).toContain('line 4: resourceVersion is 1.5');
  expect(stderr).toMatch(/line 5: INVALID_ARGUMENT: .*resourceid/);
  expect(stderr).toContain('2 published, 4 failed');
});

test('events of one resource keep their order however many are under way', async () => {
  const count = 200;
  await using agent = await subscribed(['--cluster', 'order', '--type', widgets]);
  const input = Array.from({ length: count }, (_, index) =>
    JSON.stringify({
      type: `${widgets}.spec.update_request`,
      resourceId: `r${index % 3}`,
      resourceVersion: index + 1,
      data: null,
    }),
  ).join('\n');
  const result = await pub(['--source', 'hub', '--cluster', 'order'], input);
  expect(result.code).toBe(0);
  const newest = [`"r0","resourceVersion":199`, `"r1","resourceVersion":200`, `"r2","resourceVersion":198`];
  for (const text of newest) await agent.saw('stdout', new RegExp(text));
  const state = await cli(['state', 'list', '--admin', broker.admin, '--cluster', 'order', '--json']);
  const rows = state.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(rows.map(({ id, spec }) => [id, spec.version]).sort()).toEqual([
    ['r0', 199],
    ['r1', 200],
    ['r2', 198],
  ]);
});

test('a refusal is told with its code and the message of the server', async () => {
  const event = [
    '--cluster',
    'own',
    '--type',
    widgets,
    '--id',
    'w1',
    '--resource-version',
    '1',
    '--data',
    '1',
  ];
  expect((await pub(['--source', 'hub', ...event])).code).toBe(0);
  const { code, stderr } = await pub(['--source', 'other', ...event]);
  expect(code).toBe(5);
  expect(stderr).toMatch(/^ce-broker: PERMISSION_DENIED: .*hub.*\n$/);
});

test('a server that is not there is exit code 3', async () => {
  const event = ['--source', 'hub', '--cluster', 'c', '--type', widgets, '--id', 'x', '--data', '1'];
  const publish = await cli(['pub', '--server', '127.0.0.1:1', ...event]);
  const lost = await cli(['pub', '--server', '127.0.0.1:1'], {
    stdin: `${JSON.stringify({ source: 's', type: `${widgets}.spec.x`, cluster: 'c' })}\n`,
  });
  const subscribe = await cli(['sub', '--server', '127.0.0.1:1', '--cluster', 'c']);
  for (const { code, stderr } of [publish, lost, subscribe]) {
    expect(code).toBe(3);
    expect(stderr).toContain('UNAVAILABLE: cannot reach 127.0.0.1:1 (connection refused)');
  }
});

test('a server that is not there ends pub also while whoever writes into it is silent', async () => {
  const line = `${JSON.stringify({ source: 's', type: `${widgets}.spec.x`, cluster: 'c' })}\n`;
  await using lost = new Running(['pub', '--server', '127.0.0.1:1'], { stdin: line, holdStdin: true });
  expect((await lost.ended()).code).toBe(3);
});

test('what is no event is told, and the next one is printed', async () => {
  const asItIs = (bytes: Buffer) => bytes;
  const server = new Server();
  const method = {
    requestStream: false,
    responseStream: true,
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
  };
  server.addService(
    {
      Subscribe: { path: SUBSCRIBE_PATH, ...method, responseSerialize: asItIs, responseDeserialize: asItIs },
    },
    {
      Subscribe: (call: ServerWritableStream<Buffer, Buffer>) => {
        call.sendMetadata(new Metadata());
        call.write(Buffer.from([0xff]));
        const extensions = [['clustername', { kind: 'string', value: 'c1' }]] as const;
        call.write(encodeEvent(createEvent({ id: 'good', source: 's', type: 'a.b.c.spec.x', extensions })));
        call.end();
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const { code, stdout, stderr } = await cli(['sub', '--server', `127.0.0.1:${port}`, '--cluster', 'c1']);
  server.forceShutdown();
  expect(stderr).toContain('an event of 1 bytes cannot be read');
  expect(stderr).toContain('the server ended the subscription: UNAVAILABLE: ');
  expect(JSON.parse(stdout).id).toBe('good');
  expect(code).toBe(4);
});

test('a reader that has enough is no failure', async () => {
  await using sub = await subscribed(['--cluster', 'pipe']);
  sub.child.stdout?.destroy();
  const event = ['--source', 'hub', '--cluster', 'pipe', '--type', widgets, '--data', '1'];
  for (const id of ['a', 'b', 'c']) await pub([...event, '--id', id]);
  expect((await sub.ended()).code).toBe(0);
});

test('--pretty shows a headline and the data below', async () => {
  await using agent = await subscribed(['--cluster', 'nice', '--count', '1', '--pretty']);
  await pub(['--source', 'hub', '--cluster', 'nice', '--type', widgets, '--id', 'w1', '--data', '{"a":1}']);
  const { stdout } = await agent.ended();
  expect(stdout).toMatch(
    / spec create_request nice\/w1 v0 from hub com\.example\.v1\.widgets\n {2}\{\n {4}"a": 1\n {2}\}\n$/,
  );
});

test('--rate spreads events out', async () => {
  const input = ['a', 'b', 'c', 'd']
    .map((resourceId) => JSON.stringify({ type: `${widgets}.spec.x`, resourceId, data: 1 }))
    .join('\n');
  const begun = performance.now();
  expect((await pub(['--source', 'hub', '--cluster', 'slow', '--rate', '10'], input)).code).toBe(0);
  expect(performance.now() - begun).toBeGreaterThanOrEqual(300);
});

test('resync requests are printed and counted only for those who ask for them', async () => {
  await using broker = await Broker.start();
  const subscribe = (...args: string[]) =>
    new Running(['sub', '--server', broker.grpc, '--cluster', 'c1', '--type', widgets, ...args]);
  const publish = (id: string) =>
    cli([
      ...['pub', '--server', broker.grpc, '--source', 'hub', '--cluster', 'c1', '--type', widgets],
      ...['--id', id, '--resource-version', '1', '--data', '1'],
    ]);
  expect((await publish('w1')).code).toBe(0);
  // The broker asks an agent that comes for what it has.
  await using asked = subscribe('--requests', '--count', '1');
  expect(JSON.parse((await asked.ended()).stdout)).toMatchObject({ action: 'resync_request' });
  await using plain = subscribe('--count', '1');
  await plain.saw('stderr', /subscribed/);
  expect((await publish('w2')).code).toBe(0);
  expect(JSON.parse((await plain.ended()).stdout)).toMatchObject({ resourceId: 'w2' });
});
