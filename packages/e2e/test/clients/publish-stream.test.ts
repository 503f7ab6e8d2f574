import { once } from 'node:events';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type BrokerOptions, formatAddress } from 'ce-broker';
import { connectGrpc } from 'ce-broker-client';
import {
  CeBrokerError,
  type CloudEventTransport,
  createEvent,
  decodeEvent,
  ExtensionPath,
  encodeDescription,
  encodeEvent,
  isHeartbeat,
  readResourceId,
} from 'ce-broker-proto';
import { afterEach, expect, test } from 'vitest';
import { Cable, Random, until } from '../../src/index.js';
import { startTestBroker } from '../../src/rpc-engine.js';

const TYPE = 'io.ce-broker.stream.v1.things';
const PUBLISH = '/io.cloudevents.v1.CloudEventService/Publish';
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

let count = 0;
function event(id: string, source = 'hub', data = ''): Uint8Array {
  count += 1;
  return encodeEvent(
    createEvent({
      id: `e${count}`,
      source,
      type: `${TYPE}.spec.update_request`,
      extensions: [
        ['clustername', { kind: 'string', value: 'c1' }],
        ['resourceid', { kind: 'string', value: id }],
      ],
      data: { kind: 'binary', value: Buffer.from(data) },
    }),
  );
}

async function start(options: BrokerOptions = {}) {
  const broker = await startTestBroker({ ...options, listen: '127.0.0.1:0' });
  closing.push(() => broker.close({ graceMs: 0 }));
  const { address } = broker;
  if (address === undefined) throw new Error('the broker does not listen');
  return { broker, url: formatAddress(address) };
}

async function connected(url: string, extension: 'auto' | 'off' = 'auto'): Promise<CloudEventTransport> {
  const transport = await connectGrpc({ url, extension });
  closing.push(() => transport.close());
  return transport;
}

/** Publishes until the transport has found the stream: from then on publishes share it. */
async function onStream(transport: CloudEventTransport): Promise<void> {
  for (let round = 0; round < 20; round += 1) {
    await transport.publish(event('warm'));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** What an agent of c1 sees, by resource id, in order. */
async function listening(url: string): Promise<string[]> {
  const transport = await connected(url);
  const seen: string[] = [];
  await transport.subscribe(
    { source: '', clusterName: 'c1', dataType: TYPE },
    {
      event: (bytes) => {
        if (!isHeartbeat(bytes)) seen.push(readResourceId(decodeEvent(bytes)) ?? '');
      },
      closed: () => undefined,
    },
  );
  return seen;
}

test.each(['auto', 'off'] as const)(
  'thousands side by side arrive in order, each answered (%s)',
  async (extension) => {
    const { url } = await start();
    const seen = await listening(url);
    const transport = await connected(url, extension);
    await onStream(transport);
    const ids = Array.from({ length: 5_000 }, (_, index) => `r${index}`);
    await Promise.all(ids.map((id) => transport.publish(event(id), { timeoutMs: 20_000 })));
    await until('the agent has all', 10_000, () => seen.filter((id) => id !== 'warm').length === ids.length);
    expect(seen.filter((id) => id !== 'warm')).toEqual(ids);
  },
);

test('each gets its own answer: refused ones the words of the broker, others nothing', async () => {
  const { broker, url } = await start();
  const transport = await connected(url);
  await onStream(transport);
  broker.registerService('io.ce-broker.stream.v1.decided', {
    list: () => [],
    handle: async ({ extensions }) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (extensions.get('resourceid')?.value === 'no') throw new CeBrokerError('aborted', 'not this one');
    },
  });
  const decided = (id: string) =>
    encodeEvent(
      createEvent({
        id: `d${id}`,
        source: 'c1',
        type: 'io.ce-broker.stream.v1.decided.status.update_request',
        extensions: [['resourceid', { kind: 'string', value: id }]],
      }),
    );
  const results = await Promise.allSettled([
    transport.publish(event('mine')),
    transport.publish(event('mine', 'thief')),
    transport.publish(decided('no')),
    transport.publish(decided('yes')),
    transport.publish(event('')),
    transport.publish(event('also-mine')),
  ]);
  const codes = results.map((result) => (result.status === 'fulfilled' ? 'ok' : result.reason.code));
  expect(codes).toEqual(['ok', 'permission_denied', 'failed_precondition', 'ok', 'invalid_argument', 'ok']);
});

test('a deadline and a signal give one publish up, and the rest go on', async () => {
  const { broker, url } = await start();
  const transport = await connected(url);
  await onStream(transport);
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  broker.registerService(TYPE, { list: () => [], handle: () => held });
  const controller = new AbortController();
  const late = transport.publish(event('late'), { timeoutMs: 50 });
  const given = transport.publish(event('given-up'), { signal: controller.signal });
  const waits = transport.publish(event('waits'));
  await expect(late).rejects.toMatchObject({
    code: 'deadline_exceeded',
    message: expect.stringContaining(url),
  });
  controller.abort();
  await expect(given).rejects.toMatchObject({ code: 'cancelled' });
  release();
  await waits;
});

test('an event as large as the broker takes passes, a larger one is refused alone', async () => {
  const { url } = await start({ maxMessageBytes: 64 * 1024 });
  const transport = await connected(url);
  await onStream(transport);
  const overhead = event('r', 'hub', '').byteLength + 16;
  const results = await Promise.allSettled([
    transport.publish(event('a')),
    transport.publish(event('r', 'hub', 'x'.repeat(64 * 1024 - overhead))),
    transport.publish(event('r', 'hub', 'x'.repeat(70 * 1024))),
    transport.publish(event('b')),
  ]);
  const codes = results.map((result) => (result.status === 'fulfilled' ? 'ok' : result.reason.code));
  expect(codes).toEqual(['ok', 'ok', 'resource_exhausted', 'ok']);
});

test('whatever happens to the connection every publish settles, and none is wrongly acknowledged', async () => {
  const random = new Random(7);
  const { url } = await start();
  const seen = new Set(await listening(url));
  const cable = await Cable.lay(() => url);
  closing.push(() => cable.close());
  const watcher = await connected(url);
  await watcher.subscribe(
    { source: '', clusterName: 'c1', dataType: TYPE },
    {
      event: (bytes) => {
        if (!isHeartbeat(bytes)) seen.add(readResourceId(decodeEvent(bytes)) ?? '');
      },
      closed: () => undefined,
    },
  );
  const acknowledged: string[] = [];
  let failed = 0;
  for (let round = 0; round < 40; round += 1) {
    const transport = await connected(cable.address);
    await onStream(transport);
    const publishes = Array.from({ length: 400 }, (_, index) => {
      const id = `round-${round}-${index}`;
      return transport.publish(event(id, 'hub', 'x'.repeat(random.whole(0, 2_000)))).then(
        () => void acknowledged.push(id),
        (error: CeBrokerError) => {
          failed += 1;
          expect(error.code).toBe('unavailable');
        },
      );
    });
    const enough = random.whole(0, 450);
    const from = acknowledged.length;
    let turns = 0;
    while (acknowledged.length - from < enough && turns < 2_000) {
      turns += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    cable.cut();
    await Promise.all(publishes);
    await transport.close();
  }
  expect(failed).toBeGreaterThan(0);
  expect(acknowledged.length).toBeGreaterThan(0);
  await until('what was acknowledged is there', 10_000, () => acknowledged.every((id) => seen.has(id)));
}, 60_000);

test('a broker that goes answers what it has taken', async () => {
  const { broker, url } = await start();
  const transport = await connected(url);
  await onStream(transport);
  let release: () => void = () => undefined;
  let handled = 0;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  broker.registerService(TYPE, {
    list: () => [],
    handle: () => {
      handled += 1;
      return held;
    },
  });
  const publishes = Array.from({ length: 20 }, (_, index) => transport.publish(event(`r${index}`)));
  await until('the service has them', 5_000, () => handled === 20);
  const closed = broker.close();
  release();
  await Promise.all(publishes);
  await closed;
});

/** A proxy that knows the extension service but lets no stream of publishes through. */
async function proxy(
  onStream: (stream: ServerHttp2Stream) => void,
): Promise<{ url: string; calls: string[] }> {
  const calls: string[] = [];
  const server = createServer();
  server.on('stream', (stream, headers) => {
    const path = String(headers[':path']);
    calls.push(path);
    stream.on('error', () => undefined);
    if (path === ExtensionPath.publishStream) {
      onStream(stream);
      return;
    }
    const limits = {
      maxMessageBytes: 4_194_304,
      publishWindowBytes: 0,
      publishTimeoutMs: 0,
      heartbeatIntervalMs: 0,
      receiverMaxBytes: 0,
    };
    const features = ['publish-stream'];
    const description = encodeDescription({ version: '1.0.0', epoch: 'e', position: 0, features, limits });
    const body = path === ExtensionPath.describe ? description : Buffer.alloc(0);
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(body.byteLength, 1);
    stream.on('data', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.concat([prefix, body]));
  });
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { url: `127.0.0.1:${(server.address() as AddressInfo).port}`, calls };
}

test.each<[string, (stream: ServerHttp2Stream) => void]>([
  ['refuses', (stream) => stream.respond({ ':status': 403 }, { endStream: true })],
  ['resets', (stream) => stream.close(2)],
  ['swallows', () => undefined],
])('a proxy that %s the stream costs nothing: publishes go out as calls', async (_name, onPublishStream) => {
  const { calls, url } = await proxy(onPublishStream);
  const transport = await connected(url);
  for (let round = 0; round < 30; round += 1) {
    await transport.publish(event(`r${round}`), { timeoutMs: 5_000 });
  }
  await until('the stream was tried', 5_000, () => calls.includes(ExtensionPath.publishStream));
  await Promise.all(Array.from({ length: 50 }, (_, index) => transport.publish(event(`s${index}`))));
  expect(calls.filter((path) => path === PUBLISH)).toHaveLength(80);
  expect(calls.filter((path) => path === ExtensionPath.describe)).toHaveLength(1);
  expect(calls.filter((path) => path === ExtensionPath.publishStream)).toHaveLength(1);
});
