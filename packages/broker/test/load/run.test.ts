import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { formatReport } from '../../src/cli/load/report.js';
import { runLoad } from '../../src/cli/load/run.js';
import { startRelay, unwrap } from './relay.js';

/** A finite run: everything that is sent must be answered and delivered. */
const finite = { seconds: 20, warmUpSeconds: 0, connectTimeoutMs: 5_000 };

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('every event of a finite run is acknowledged and delivered to every subscriber', async () => {
  await using relay = await startRelay();
  const report = await runLoad({
    ...finite,
    server: relay.address,
    events: 500,
    publishers: 3,
    subscribers: 4,
    subscriptionsPerConnection: 2,
    inFlight: 32,
  });
  expect(report.totals).toMatchObject({
    sent: 500,
    acked: 500,
    delivered: 2_000,
    unanswered: 0,
    reconnects: 0,
  });
  expect(report.errors).toEqual({});
  expect(report.ackLatency.count).toBe(500);
  expect(report.handledEvents).toBe(500);
  expect(report.handledPerSecond).toBeGreaterThan(0);
  expect(report.eventBytes).toBe(relay.events[0]?.length);
  expect(report.totals.bytesSent).toBeGreaterThan(500 * report.eventBytes);
  expect(formatReport(report)).toContain('500 sent, 500 acked, 2000 delivered');
});

test('events larger than a frame and than the flow-control window arrive whole', async () => {
  await using relay = await startRelay();
  const report = await runLoad({
    ...finite,
    server: relay.address,
    events: 40,
    inFlight: 8,
    payloadBytes: 300_000,
    publish: 'status',
  });
  expect(report.totals).toMatchObject({ acked: 40, delivered: 40 });
  expect(relay.events.every((event) => event.length === report.eventBytes)).toBe(true);
});

test('with untilDelivered no more is on its way than in flight, acknowledged or not', async () => {
  let most = 0;
  let held: (() => void)[] = [];
  await using relay = await startRelay({
    publish: (call, callback) => {
      const event = unwrap(call.request);
      held.push(() => {
        for (const subscriber of relay.subscribers) subscriber.write(event);
      });
      most = Math.max(most, held.length);
      callback(null, Buffer.alloc(0));
      // Acknowledged at once, delivered when no more can come.
      if (held.length === 6) {
        for (const deliver of held) deliver();
        held = [];
      }
    },
  });
  const options = { events: 60, inFlight: 3, publishers: 2, subscribers: 2, untilDelivered: true };
  const report = await runLoad({ ...finite, ...options, server: relay.address });
  expect(report.totals).toMatchObject({ sent: 60, acked: 60, delivered: 120 });
  expect(most).toBe(6);
});

test('a fixed rate is kept to, and not exceeded', async () => {
  await using relay = await startRelay();
  const report = await runLoad({ server: relay.address, rate: 200, seconds: 1, warmUpSeconds: 0 });
  expect(report.totals.sent).toBeLessThanOrEqual(201);
  expect(report.totals.acked).toBe(report.totals.sent);
  expect(report.totals.sent).toBeGreaterThan(100);
});

test('versions of a resource grow one by one, and each event has an id of its own', async () => {
  await using relay = await startRelay();
  await runLoad({
    ...finite,
    server: relay.address,
    events: 300,
    publishers: 1,
    resources: 3,
    clusters: 2,
    subscribers: 0,
  });
  const text = relay.events.map((event) => event.toString('latin1'));
  expect(new Set(text.map((event) => event.slice(2, 38))).size).toBe(300);
  expect(text.filter((event) => event.includes('spec.create_request')).length).toBe(3);
  const versions = relay.events.map((event) => readVersion(event));
  expect(versions).toEqual(Array.from({ length: 300 }, (_, index) => Math.floor(index / 3) + 1));
});

function readVersion(event: Buffer): number {
  const at = event.indexOf('ce-resourceversion') + 'ce-resourceversion'.length + 3;
  const [low = 0, high = 0] = event.subarray(at, at + 2);
  return low < 128 ? low : (low & 127) + high * 128;
}

test('failed calls are counted by status, with the first message', async () => {
  let calls = 0;
  await using relay = await startRelay({
    publish: (_call, callback) => {
      calls += 1;
      if (calls % 2 === 0) callback(null, Buffer.alloc(0));
      else callback({ code: status.FAILED_PRECONDITION, details: 'not here: "ä"' });
    },
  });
  const report = await runLoad({ ...finite, server: relay.address, events: 100 });
  expect(report.totals.acked).toBe(50);
  expect(report.errors).toEqual({ FAILED_PRECONDITION: { count: 50, firstMessage: 'not here: "ä"' } });
});

test('a server that is not there is named in the error', async () => {
  await expect(runLoad({ server: '127.0.0.1:1' })).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('127.0.0.1:1'),
  });
});

test('a server that never speaks HTTP/2 does not hold the run', async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket));
  const address = await listen(server);
  await expect(runLoad({ server: address, connectTimeoutMs: 100 })).rejects.toThrow(
    'no HTTP/2 answer within 100 ms',
  );
  for (const socket of sockets) socket.destroy();
  server.close();
});

test('calls that are never answered end with the drain time and are reported', async () => {
  await using relay = await startRelay({ publish: () => {} });
  const report = await runLoad({
    server: relay.address,
    seconds: 0.1,
    warmUpSeconds: 0,
    drainTimeoutMs: 100,
    inFlight: 5,
  });
  expect(report.totals).toMatchObject({ sent: 5, acked: 0, unanswered: 5 });
});

test('connections that the server cuts are dialled again, and the run goes on', async () => {
  let calls = 0;
  const cut = new Set<Socket>();
  await using relay = await startRelay({
    publish: (_call, callback) => {
      calls += 1;
      if (calls === 20) for (const socket of cut) socket.destroy();
      else callback(null, Buffer.alloc(0));
    },
  });
  const proxy = createServer((client) => {
    const [host, port] = relay.address.split(':');
    const upstream = connect(Number(port), host ?? '');
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
    cut.add(client);
  });
  const address = await listen(proxy);
  const report = await runLoad({ ...finite, server: address, events: 60, subscribers: 2, inFlight: 4 });
  expect(report.totals.sent).toBe(60);
  expect(report.totals.reconnects).toBeGreaterThanOrEqual(1);
  expect(report.errors['UNAVAILABLE']?.count).toBeGreaterThanOrEqual(4);
  expect(report.totals.acked).toBeGreaterThanOrEqual(50);
  for (const socket of cut) socket.destroy();
  proxy.close();
});

test('GOAWAY sends the rest elsewhere: calls in flight are answered, then the connection is dialled again', async () => {
  const server = createHttp2Server();
  let sessions = 0;
  server.on('session', () => {
    sessions += 1;
  });
  let calls = 0;
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.resume();
    calls += 1;
    if (calls === 10) stream.session?.goaway(0, stream.id ?? 0);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.alloc(5));
  });
  const address = await listen(server);
  const report = await runLoad({ ...finite, server: address, events: 40, subscribers: 0, inFlight: 4 });
  expect(sessions).toBe(2);
  expect(report.totals.sent).toBe(40);
  expect(report.totals.acked + (report.errors['UNAVAILABLE']?.count ?? 0)).toBe(40);
  expect(report.totals.acked).toBeGreaterThanOrEqual(36);
  server.close();
});

test('reset streams and plain HTTP errors count as the status that gRPC gives them', async () => {
  const server = createHttp2Server();
  let calls = 0;
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    calls += 1;
    if (calls % 3 === 0) stream.close(0x7);
    else if (calls % 3 === 1) stream.close(0xb);
    else stream.respond({ ':status': 404 }, { endStream: true });
  });
  const address = await listen(server);
  const report = await runLoad({ ...finite, server: address, events: 30, subscribers: 0, inFlight: 3 });
  expect(report.errors).toMatchObject({
    UNAVAILABLE: { count: 10 },
    RESOURCE_EXHAUSTED: { count: 10 },
    UNIMPLEMENTED: { count: 10, firstMessage: 'HTTP status 404, no grpc-status' },
  });
  server.close();
});

test('a refused subscription ends the run at its start', async () => {
  const server = createHttp2Server();
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'grpc-status': '16', 'grpc-message': 'no token' }, { endStream: true });
  });
  const address = await listen(server);
  await expect(runLoad({ server: address })).rejects.toThrow('cannot subscribe: no token');
  server.close();
});

test('an abort signal ends the run early, with a report', async () => {
  await using relay = await startRelay();
  const abort = new AbortController();
  const report = await runLoad({
    server: relay.address,
    seconds: 600,
    warmUpSeconds: 0,
    signal: abort.signal,
    onProgress: () => abort.abort(),
  });
  expect(report.totals.acked).toBeGreaterThan(0);
  expect(report.seconds).toBeLessThan(600);
});

test('only the measured time counts, and its edges are told', async () => {
  await using relay = await startRelay();
  const edges: string[] = [];
  const report = await runLoad({
    server: relay.address,
    seconds: 0.3,
    warmUpSeconds: 0.3,
    onWindow: (edge) => edges.push(edge),
  });
  expect(edges).toEqual(['start', 'end', 'drained']);
  expect(report.ackLatency.count).toBeLessThan(report.totals.acked);
});

test.each([
  [{ server: 'nowhere' }, 'server'],
  [{ server: '127.0.0.1:0' }, 'server'],
  [{ server: 'h:1', inFlight: 0 }, 'inFlight'],
  [{ server: 'h:1', resources: 1.5 }, 'resources'],
  [{ server: 'h:1', payloadBytes: 10 }, 'payloadBytes'],
  [{ server: 'h:1', rate: Number.NaN }, 'rate'],
  [{ server: 'h:1', resourcePrefix: 'short' }, 'resourcePrefix'],
])('a wrong option is named: %j', async (options, field) => {
  await expect(runLoad(options)).rejects.toMatchObject({ code: 'invalid_option', field });
});
