import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { H2Engine, type H2EngineOptions } from '../../../src/rpc/h2/engine.js';
import type { RpcMethods, ServerStream, UnaryCall } from '../../../src/rpc/index.js';
import { callBlock, startServer } from './conformance/harness.js';
import { RawPeer } from './conformance/raw-peer.js';
import { data, FLAG, headers, message, SETTING, settings } from './conformance/wire.js';

const EMPTY = new Uint8Array(0);

async function start(
  methods: RpcMethods,
  more: Partial<H2EngineOptions> = {},
): Promise<{ engine: H2Engine; port: number }> {
  const engine = new H2Engine({
    methods,
    tls: undefined,
    maxMessageBytes: 4 * 1024 * 1024,
    streamBufferBytes: 256 * 1024,
    keepaliveTimeMs: 30_000,
    keepaliveTimeoutMs: 10_000,
    ...more,
  });
  const { port } = await engine.listen({ host: '127.0.0.1', port: 0 });
  return { engine, port };
}

it('begins with SETTINGS also when it drains before the preface has come', async () => {
  await using server = await startServer();
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  while (server.engine.stats().connections === 0) await new Promise((resolve) => setImmediate(resolve));
  const drained = server.engine.drain(2_000);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  await drained;
  expect(chunk[3]).toBe(4);
});

it('goes on when whoever is told of faults throws itself', async () => {
  const { engine, port } = await start(
    {
      '/a/Broken': {
        kind: 'server-stream',
        open: (stream) => {
          stream.listener = {
            writable: () => undefined,
            closed: () => {
              throw new Error('a bug above the seam');
            },
          };
          stream.end(0, '');
        },
      },
      '/a/Whole': { kind: 'unary', handle: (call) => call.reply(EMPTY) },
    },
    {
      onFault: () => {
        throw new Error('the logger broke');
      },
    },
  );
  using one = await RawPeer.connect(port);
  using other = await RawPeer.connect(port);
  await other.fence();
  one.send(headers(1, callBlock('/a/Broken')), data(1, message(), FLAG.END_STREAM));
  other.send(headers(1, callBlock('/a/Whole')), data(1, message(), FLAG.END_STREAM));
  await one.expectEnd(1);
  await other.expectEnd(1);
  await engine.close();
});

it('hands nothing more of a chunk over once it was closed from inside it', async () => {
  let handled = 0;
  let closing: Promise<void> | undefined;
  const { engine, port } = await start({
    '/a/Close': {
      kind: 'unary',
      handle: (call) => {
        handled += 1;
        closing ??= engine.close();
        call.reply(EMPTY);
      },
    },
  });
  using peer = await RawPeer.connect(port);
  await peer.fence();
  const ids = Array.from({ length: 10 }, (_, index) => 1 + 2 * index);
  peer.send(
    ...ids.flatMap((id) => [headers(id, callBlock('/a/Close')), data(id, message(), FLAG.END_STREAM)]),
  );
  await peer.expectClosed();
  await closing;
  expect(handled).toBe(1);
});

it('leaves nothing of a connection that broke while it was composed to the next one', async () => {
  const broken = { a: undefined } as unknown as Record<string, string>;
  const { engine, port } = await start({
    '/a/Open': {
      kind: 'server-stream',
      open: (stream, request) => stream.sendHeaders(request.length > 0 ? broken : {}),
    },
  });
  using one = await RawPeer.connect(port);
  using two = await RawPeer.connect(port);
  await one.fence();
  await two.fence();
  one.send(headers(1, callBlock('/a/Open')), data(1, message(), FLAG.END_STREAM));
  one.send(headers(3, callBlock('/a/Open')), data(3, message('x'), FLAG.END_STREAM));
  await one.expectClosed();
  two.send(headers(101, callBlock('/a/Open')), data(101, message(), FLAG.END_STREAM));
  await two.expectHeaders(101);
  expect(two.frames.some(({ streamId }) => streamId === 1)).toBe(false);
  await engine.close();
});

it('gives a stream that is written to while SETTINGS make windows smaller the new window once', async () => {
  let waiting: ServerStream | undefined;
  const { engine, port } = await start({
    '/t/Waits': {
      kind: 'server-stream',
      open: (stream) => {
        waiting = stream;
        stream.sendHeaders({});
      },
    },
    '/t/Ends': {
      kind: 'server-stream',
      open: (stream) => {
        stream.listener = {
          writable: () => undefined,
          closed: () => waiting?.write(Buffer.alloc(100)),
        };
        stream.end(0, '');
      },
    },
  });
  using peer = await RawPeer.connect(port);
  peer.send(headers(1, callBlock('/t/Waits')), data(1, message(), FLAG.END_STREAM));
  await peer.expectHeaders(1);
  peer.send(
    headers(3, callBlock('/t/Ends')),
    data(3, message(), FLAG.END_STREAM),
    settings([SETTING.INITIAL_WINDOW_SIZE, 1_000]),
  );
  await peer.expectEnd(3);
  await peer.fence();
  await engine.close();
  expect(peer.dataBytes(1)).toBe(105);
});

it('refuses streams that cross with GOAWAY, and blames nobody for them', async () => {
  const offences: unknown[] = [];
  const held: UnaryCall[] = [];
  const { engine, port } = await start(
    { '/t/Hold': { kind: 'unary', handle: (call) => held.push(call) } },
    { onOffender: (offender) => offences.push(offender), limits: { minClientPingIntervalMs: 0 } },
  );
  using peer = await RawPeer.connect(port);
  await peer.fence();
  const drained = engine.drain(10_000);
  await peer.until('first GOAWAY', () => peer.of(0, 7)[0]);
  const call = (id: number): Buffer[] => [
    headers(id, callBlock('/t/Hold')),
    data(id, message(), FLAG.END_STREAM),
  ];
  peer.send(...call(1));
  // It does not answer the PING, as if it had not seen GOAWAY yet.
  await peer.until('second GOAWAY', () => peer.of(0, 7)[1]);
  peer.send(...Array.from({ length: 300 }, (_, index) => call(3 + 2 * index)).flat());
  await peer.expectStreamError(601, 'REFUSED_STREAM');
  held[0]?.reply(EMPTY);
  await peer.expectEnd(1);
  await drained;
  expect(offences).toEqual([]);
});
