import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callBlock, ECHO, HOLD, type Server, SUBSCRIBE, startServer, TALK } from './harness.js';
import type { RawPeer } from './raw-peer.js';
import { call, connectionError, END, expectWorks, open, streamError, testRules } from './rules.js';
import {
  CODE,
  continuation,
  data,
  FLAG,
  frame,
  headers,
  literals,
  message,
  priority,
  reset,
  settings,
  TYPE,
  uint32,
  windowUpdate,
} from './wire.js';

let server: Server;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const block = callBlock(ECHO);
const trailers = literals([['x-end', 'yes']]);

/** A call on stream 1 that has been answered: it is closed, by END_STREAM on both sides. */
async function closedStream(peer: RawPeer): Promise<void> {
  peer.send(...call(1, 'x'));
  await peer.expectEnd(1);
}

/** A call on stream 1 whose request is whole, and whose answer has not come: half-closed (remote). */
function halfClosed(): Buffer {
  return Buffer.concat([headers(1, callBlock(HOLD)), data(1, message('hold'), FLAG.END_STREAM)]);
}

describe('RFC 9113 §5.1, stream states', () => {
  testRules(
    () => server,
    [
      ...(
        [
          ['DATA', data(1, message('x'), FLAG.END_STREAM)],
          ['RST_STREAM', reset(1, CODE.CANCEL)],
          ['WINDOW_UPDATE', windowUpdate(1, 1)],
          ['WINDOW_UPDATE by 0', windowUpdate(1, 0)],
          ['CONTINUATION', continuation(1, block)],
        ] as const
      ).map(([name, bytes]) => ({
        rule: `§5.1, idle: ${name} is a connection error PROTOCOL_ERROR`,
        send: [bytes],
        outcome: connectionError('PROTOCOL_ERROR'),
      })),
      {
        rule: '§5.1, idle: PRIORITY is ignored, and does not use up the streams before it',
        send: [priority(99, 3)],
        outcome: 'ignored',
      },
      {
        rule: '§5.1, idle: a stream of the server is idle too: DATA on it is a connection error PROTOCOL_ERROR',
        send: [open(5), data(2, message('x'))],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§5.1, idle: WINDOW_UPDATE on a stream of the server is a connection error PROTOCOL_ERROR',
        send: [open(5), windowUpdate(4, 1)],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§5.1, half-closed (remote): DATA is a stream error STREAM_CLOSED',
        send: [halfClosed(), data(1, message('late'))],
        outcome: streamError(1, 'STREAM_CLOSED'),
      },
      {
        rule: '§5.1, half-closed (remote): HEADERS is a stream error STREAM_CLOSED',
        send: [halfClosed(), headers(1, trailers, END)],
        outcome: streamError(1, 'STREAM_CLOSED'),
      },
      {
        rule: '§5.1, half-closed (remote): WINDOW_UPDATE and PRIORITY are taken',
        send: [halfClosed(), windowUpdate(1, 1_000), priority(1, 0)],
        outcome: 'ignored',
      },
      {
        rule: '§5.1, half-closed (remote): RST_STREAM is taken',
        send: [halfClosed(), reset(1, CODE.CANCEL)],
        outcome: 'ignored',
      },
      {
        rule: '§5.1, half-closed (remote): CONTINUATION is a connection error PROTOCOL_ERROR',
        send: [halfClosed(), continuation(1, trailers)],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§5.1, closed by END_STREAM: HEADERS is a connection error STREAM_CLOSED',
        send: async (peer) => {
          await closedStream(peer);
          return [headers(1, block, END)];
        },
        outcome: connectionError('STREAM_CLOSED'),
      },
      {
        rule: '§5.1, closed by END_STREAM: DATA is an error STREAM_CLOSED',
        send: async (peer) => {
          await closedStream(peer);
          return [data(1, message('late'))];
        },
        outcome: streamError(1, 'STREAM_CLOSED'),
      },
      {
        rule: '§5.1, closed by END_STREAM: WINDOW_UPDATE, RST_STREAM and PRIORITY are ignored: they may have crossed with its end',
        send: async (peer) => {
          await closedStream(peer);
          return [windowUpdate(1, 5), reset(1, CODE.CANCEL), priority(1, 0)];
        },
        outcome: 'ignored',
      },
      {
        rule: '§5.1, closed by the client with RST_STREAM: HEADERS is a connection error STREAM_CLOSED',
        send: [open(1), reset(1, CODE.CANCEL), headers(1, trailers, END)],
        outcome: connectionError('STREAM_CLOSED'),
      },
      {
        rule: '§5.1, closed by the client with RST_STREAM: DATA is an error STREAM_CLOSED',
        send: [open(1), reset(1, CODE.CANCEL), data(1, message('late'))],
        outcome: streamError(1, 'STREAM_CLOSED'),
      },
      {
        rule: '§5.1, closed by the client with RST_STREAM: CONTINUATION is a connection error PROTOCOL_ERROR',
        send: [open(1), reset(1, CODE.CANCEL), continuation(1, trailers)],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
    ],
  );

  test('§5.1, closed by the server with RST_STREAM: what was on its way is ignored', async () => {
    using peer = await server.connect();
    peer.send(open(1), windowUpdate(1, 0));
    await peer.expectStreamError(1, 'PROTOCOL_ERROR');
    peer.send(
      data(1, message('on its way')),
      windowUpdate(1, 5),
      headers(1, trailers, END),
      reset(1, CODE.CANCEL),
    );
    await expectWorks(peer, 3);
    expect(peer.of(1, TYPE.RST_STREAM)).toHaveLength(1);
  });

  test('§5.1, closed by the server with RST_STREAM: DATA on its way still counts for the window of the connection', async () => {
    using peer = await server.connect();
    peer.send(open(1), windowUpdate(1, 0));
    await peer.expectStreamError(1, 'PROTOCOL_ERROR');
    const before = peer.of(0, TYPE.WINDOW_UPDATE).length;
    // More than half of the window of a connection, all of it for a stream that is gone.
    const piece = data(1, Buffer.alloc(16_384));
    for (let sent = 0; sent < 1024 * 1024 - 32_768; sent += 16_384) peer.send(piece);
    await peer.until('a WINDOW_UPDATE of the connection', () => peer.of(0, TYPE.WINDOW_UPDATE)[before]);
    await expectWorks(peer, 3);
  });

  test('§5.1, closed by both with RST_STREAM: nothing more can be on its way: HEADERS is a connection error STREAM_CLOSED', async () => {
    using peer = await server.connect();
    peer.send(open(1), windowUpdate(1, 0));
    await peer.expectStreamError(1, 'PROTOCOL_ERROR');
    peer.send(reset(1, CODE.CANCEL), headers(1, trailers, END));
    await peer.expectConnectionError('STREAM_CLOSED');
  });

  test('§5.1: a client that ends its side first gets messages and trailers after that', async () => {
    using peer = await server.connect();
    peer.send(headers(1, callBlock(SUBSCRIBE)), data(1, message('sub'), FLAG.END_STREAM));
    await peer.expectHeaders(1);
    const stream = server.echo.subscriptions.at(-1)?.stream;
    stream?.write(Buffer.from('event'));
    stream?.end(0, '');
    const fields = await peer.expectEnd(1);
    expect(fields.get('grpc-status')).toBe('0');
    expect(peer.dataBytes(1)).toBe(10);
  });

  test('§5.1, closed: nothing is sent on a stream after its RST_STREAM has been read', async () => {
    using peer = await server.connect();
    peer.send(headers(1, callBlock(SUBSCRIBE)), data(1, message('sub'), FLAG.END_STREAM));
    await peer.expectHeaders(1);
    const subscription = server.echo.subscriptions.at(-1);
    peer.send(reset(1, CODE.CANCEL));
    expect(await subscription?.over).toBe(true);
    const count = peer.of(1).length;
    subscription?.stream.write(Buffer.from('too late'));
    subscription?.stream.end(0, '');
    await peer.fence();
    expect(peer.of(1)).toHaveLength(count);
  });

  test('§5.1, §6.4: nothing is sent on a stream whose RST_STREAM came in one chunk with its request', async () => {
    using peer = await server.connect();
    await peer.expectSettingsAck();
    peer.send(...call(1, ''), reset(1, CODE.CANCEL), ...call(3, 'x'), reset(3, CODE.CANCEL));
    await peer.fence();
    expect(peer.of(1)).toEqual([]);
    expect(peer.of(3)).toEqual([]);
  });

  test('§5.1: an answer before the request is whole ends with END_STREAM, and RST_STREAM NO_ERROR after it (§8.1)', async () => {
    using peer = await server.connect();
    peer.send(headers(1, callBlock('/no/such.method')), data(1, message('x')));
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('12');
    await peer.expectStreamError(1, 'NO_ERROR');
    expect(peer.of(1).at(-1)?.type).toBe(TYPE.RST_STREAM);
    peer.send(data(1, Buffer.alloc(100), FLAG.END_STREAM));
    await expectWorks(peer, 3);
  });
});

describe('RFC 9113 §5.1.1 and §5.1.2, identifiers and concurrency', () => {
  testRules(
    () => server,
    [
      {
        rule: '§5.1.1: a client that opens an even stream gets a connection error PROTOCOL_ERROR',
        send: [headers(2, block, END)],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§5.1.1: an even stream below the last one too',
        send: [open(5), headers(4, block, END)],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§5.1.1: a stream below the last one, which was never used, is closed: a connection error',
        send: [open(5), headers(3, block, END)],
        outcome: connectionError('PROTOCOL_ERROR', 'STREAM_CLOSED'),
      },
      {
        rule: '§5.1.1: HEADERS on stream 0 is a connection error PROTOCOL_ERROR',
        send: [headers(0, block, END)],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§5.1.1: identifiers may be left out',
        send: [...call(7), ...call(1_001)],
        outcome: 'ignored',
      },
    ],
  );

  test('§5.1.1: the largest identifier, 2^31-1, is a stream like any other', async () => {
    using peer = await server.connect();
    await expectWorks(peer, 0x7fff_ffff);
  });

  test('§5.1.2: streams over SETTINGS_MAX_CONCURRENT_STREAMS are refused, those before go on, and a closed one makes room', async () => {
    await using small = await startServer({ maxStreamsPerConnection: 2 });
    using peer = await small.connect();
    await peer.expectSettingsAck();
    const said = peer.of(0, TYPE.SETTINGS)[0]?.payload;
    expect(said?.indexOf(Buffer.from('000300000002', 'hex'))).not.toBe(-1);
    peer.send(
      headers(1, callBlock(HOLD)),
      data(1, message('a'), FLAG.END_STREAM),
      headers(3, callBlock(TALK)),
      open(5),
    );
    await peer.expectStreamError(5, 'REFUSED_STREAM', 'PROTOCOL_ERROR');
    peer.send(reset(3, CODE.CANCEL));
    await expectWorks(peer, 7);
    small.echo.held[0]?.reply(Buffer.alloc(0));
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
  });

  test('§5.1.2: PRIORITY and refused streams do not count as open', async () => {
    await using small = await startServer({ maxStreamsPerConnection: 1 });
    using peer = await small.connect();
    peer.send(priority(11, 0), priority(13, 0), open(15));
    peer.send(open(17), open(19), data(15, message('still here'), FLAG.END_STREAM));
    await peer.expectStreamError(19, 'REFUSED_STREAM', 'PROTOCOL_ERROR');
    expect((await peer.expectEnd(15)).get('grpc-status')).toBe('0');
    await expectWorks(peer, 21);
  });
});

describe('RFC 9113 §5.3 to §5.5, priorities, errors, extensions', () => {
  testRules(
    () => server,
    [
      {
        rule: '§5.3: HEADERS with priority are taken, and priority is ignored',
        send: async (peer) => {
          const fields = Buffer.concat([uint32(0x8000_0000), Buffer.from([255]), block]);
          peer.send(
            headers(1, fields, FLAG.END_HEADERS | FLAG.PRIORITY),
            data(1, message('x'), FLAG.END_STREAM),
          );
          expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
          return [];
        },
        outcome: 'ignored',
      },
      {
        rule: '§5.3: PRIORITY is ignored in each state, circles included',
        send: [
          priority(1, 3),
          open(1),
          priority(1, 3),
          priority(3, 1),
          data(1, message('x'), 1),
          priority(1, 5),
        ],
        outcome: 'ignored',
      },
      {
        rule: '§5.4.1: the GOAWAY of a connection error names the last stream that was taken',
        send: async (peer) => {
          peer.send(...call(1, 'x'), ...call(7, 'x'), frame(TYPE.PING, 0, 1, Buffer.alloc(8)));
          const goAway = await peer.expectGoAway('PROTOCOL_ERROR');
          expect(goAway.payload.readUInt32BE(0)).toBe(7);
          return [];
        },
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§5.5: an unknown setting, an unknown frame, an unknown error code and an unknown flag are ignored',
        send: [
          settings([0x7777, 1], [0, 5]),
          frame(0x99, 0xff, 12),
          open(1),
          reset(1, 0xdead_beef),
          frame(TYPE.PING, 0xf0, 0, Buffer.alloc(8)),
        ],
        outcome: 'ignored',
      },
    ],
  );

  test('§5.4.1: the connection closes after GOAWAY, and what comes behind the error is not looked at', async () => {
    using peer = await server.connect();
    await peer.expectSettingsAck();
    const before = server.echoed.length;
    peer.send(frame(TYPE.PING, 0, 1, Buffer.alloc(8)), ...call(1, 'behind'));
    await peer.expectConnectionError('PROTOCOL_ERROR');
    expect(server.echoed).toHaveLength(before);
    expect(peer.of(1)).toEqual([]);
    expect(peer.of(0, TYPE.GOAWAY)).toHaveLength(1);
  });

  test('§5.4.2: a stream error is told once, and never in answer to RST_STREAM', async () => {
    using peer = await server.connect();
    peer.send(open(1), windowUpdate(1, 0), windowUpdate(1, 0), data(1, message('x')), windowUpdate(1, 0));
    await peer.expectStreamError(1, 'PROTOCOL_ERROR');
    expect(peer.of(1, TYPE.RST_STREAM)).toHaveLength(1);
    peer.send(open(3), reset(3, CODE.CANCEL), reset(3, CODE.CANCEL));
    await peer.fence();
    expect(peer.of(3)).toEqual([]);
  });

  test('§5.4.2: a stream error ends one stream; others on the connection are answered', async () => {
    using peer = await server.connect();
    peer.send(headers(1, callBlock(HOLD)), data(1, message('kept'), FLAG.END_STREAM));
    peer.send(open(3), windowUpdate(3, 0));
    await peer.expectStreamError(3, 'PROTOCOL_ERROR');
    server.echo.held.at(-1)?.reply(Buffer.alloc(0));
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
  });

  test('§5.4.3: a client that ends the connection ends its streams with it', async () => {
    const peer = await server.connect();
    peer.send(headers(1, callBlock(SUBSCRIBE)), data(1, message('sub'), FLAG.END_STREAM));
    await peer.expectHeaders(1);
    const subscription = server.echo.subscriptions.at(-1);
    peer.socket.destroy();
    expect(await subscription?.over).toBe(true);
  });
});
