import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callBlock, ECHO, HOLD, type Server, SUBSCRIBE, startServer } from './harness.js';
import { call, connectionError, END, expectWorks, open, streamError, testRules } from './rules.js';
import {
  CODE,
  continuation,
  data,
  FLAG,
  frame,
  goAway,
  headers,
  literals,
  message,
  padded,
  ping,
  priority,
  reset,
  TYPE,
  uint32,
} from './wire.js';

let server: Server;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const block = callBlock(ECHO);
const trailers = literals([['x-end', 'yes']]);

describe('RFC 9113 §6.1, DATA', () => {
  testRules(
    () => server,
    [
      {
        rule: '§6.1: DATA on stream 0 is a connection error PROTOCOL_ERROR',
        send: [data(0, message('x'))],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§6.1: padding as long as the payload is a connection error PROTOCOL_ERROR',
        send: [open(1), frame(TYPE.DATA, FLAG.PADDED, 1, Buffer.from([5, 1, 2, 3, 4]))],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§6.1: padding longer than the payload is a connection error PROTOCOL_ERROR',
        send: [open(1), frame(TYPE.DATA, FLAG.PADDED, 1, padded(message('x'), 3, 200))],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§6.1: DATA that is to be padded and is empty has no pad length: a connection error',
        send: [open(1), frame(TYPE.DATA, FLAG.PADDED, 1)],
        outcome: connectionError('FRAME_SIZE_ERROR', 'PROTOCOL_ERROR'),
      },
      {
        rule: '§6.1: DATA on a stream that is half-closed (remote) is a stream error STREAM_CLOSED',
        send: [headers(1, callBlock(HOLD)), data(1, message('x'), FLAG.END_STREAM), data(1, message('y'))],
        outcome: streamError(1, 'STREAM_CLOSED'),
      },
    ],
  );

  test.each([0, 1, 100, 255])('§6.1: %d bytes of padding are no part of the data', async (bytes) => {
    using peer = await server.connect();
    const whole = padded(message('padded'), bytes);
    peer.send(open(1), frame(TYPE.DATA, FLAG.PADDED | FLAG.END_STREAM, 1, whole));
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
    expect(server.echoed.at(-1)?.toString()).toBe('padded');
  });

  test('§6.1: DATA of nothing but padding is taken', async () => {
    using peer = await server.connect();
    peer.send(open(1), frame(TYPE.DATA, FLAG.PADDED, 1, padded(Buffer.alloc(0), 20)));
    peer.send(
      data(1, message('after padding')),
      frame(TYPE.DATA, FLAG.PADDED | FLAG.END_STREAM, 1, Buffer.from([0])),
    );
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
    expect(server.echoed.at(-1)?.toString()).toBe('after padding');
  });
});

describe('RFC 9113 §6.2, HEADERS, and §6.10, CONTINUATION', () => {
  testRules(
    () => server,
    [
      {
        rule: '§6.2: HEADERS on stream 0 is a connection error PROTOCOL_ERROR',
        send: [headers(0, block)],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§6.2: padding longer than the payload is a connection error PROTOCOL_ERROR',
        send: [headers(1, padded(block, 0, 250), END | FLAG.PADDED)],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§6.2: padding that reaches into the priority fields is a connection error PROTOCOL_ERROR',
        send: [headers(1, Buffer.from([3, 0, 0, 0, 0, 15, 0x82, 0x84]), END | FLAG.PADDED | FLAG.PRIORITY)],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§6.2: HEADERS with PRIORITY and less than five bytes is a connection error',
        send: [headers(1, Buffer.from([0, 0, 0, 0]), END | FLAG.PRIORITY)],
        outcome: connectionError('FRAME_SIZE_ERROR', 'PROTOCOL_ERROR'),
      },
      {
        rule: '§6.2: HEADERS with PADDED and no byte at all is a connection error',
        send: [headers(1, Buffer.alloc(0), END | FLAG.PADDED)],
        outcome: connectionError('FRAME_SIZE_ERROR', 'PROTOCOL_ERROR'),
      },
      {
        rule: '§6.2: PRIORITY after HEADERS without END_HEADERS is a connection error PROTOCOL_ERROR',
        send: [headers(1, block, 0), priority(1, 0), continuation(1, Buffer.alloc(0))],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§6.10: CONTINUATION on stream 0 is a connection error PROTOCOL_ERROR',
        send: [headers(1, block, 0), continuation(0, Buffer.alloc(0))],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§6.10: CONTINUATION after HEADERS with END_HEADERS is a connection error PROTOCOL_ERROR',
        send: [headers(1, block), continuation(1, trailers)],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§6.10: CONTINUATION after CONTINUATION with END_HEADERS is a connection error PROTOCOL_ERROR',
        send: [headers(1, block, 0), continuation(1, Buffer.alloc(0)), continuation(1, trailers)],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§6.10: CONTINUATION after DATA is a connection error PROTOCOL_ERROR',
        send: [open(1), data(1, message('x')), continuation(1, trailers)],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
    ],
  );

  test('§6.2: padding and priority before the block, END_STREAM after its last CONTINUATION', async () => {
    using peer = await server.connect();
    const before = Buffer.concat([uint32(0), Buffer.from([7]), callBlock(SUBSCRIBE).subarray(0, 30)]);
    peer.send(headers(1, padded(before, 9), FLAG.PADDED | FLAG.PRIORITY | FLAG.END_STREAM));
    peer.send(continuation(1, callBlock(SUBSCRIBE).subarray(30)));
    // END_STREAM without a message: the stream is half-closed, and gRPC misses its request.
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('12');
  });

  test('§6.10: an empty CONTINUATION is one', async () => {
    using peer = await server.connect();
    peer.send(headers(1, block, 0), continuation(1, Buffer.alloc(0), 0), continuation(1, Buffer.alloc(0)));
    peer.send(data(1, message('x'), FLAG.END_STREAM));
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
  });
});

describe('RFC 9113 §6.3, PRIORITY, and §6.4, RST_STREAM', () => {
  testRules(
    () => server,
    [
      {
        rule: '§6.3: PRIORITY on stream 0 is a connection error PROTOCOL_ERROR',
        send: [priority(0, 1)],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§6.3: PRIORITY of other than five bytes is a stream error FRAME_SIZE_ERROR',
        send: [open(1), frame(TYPE.PRIORITY, 0, 1, Buffer.alloc(4))],
        outcome: streamError(1, 'FRAME_SIZE_ERROR'),
      },
      {
        rule: '§6.3, §6.4: of an idle stream it is a connection error: RST_STREAM is not sent on idle streams',
        send: [frame(TYPE.PRIORITY, 0, 1, Buffer.alloc(6))],
        outcome: connectionError('FRAME_SIZE_ERROR'),
      },
      {
        rule: '§6.4: RST_STREAM on stream 0 is a connection error PROTOCOL_ERROR',
        send: [reset(0, CODE.CANCEL)],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§6.4: RST_STREAM on an idle stream is a connection error PROTOCOL_ERROR',
        send: [open(1), reset(3, CODE.CANCEL)],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      ...[0, 3, 5].map((bytes) => ({
        rule: `§6.4: RST_STREAM of ${bytes} bytes is a connection error FRAME_SIZE_ERROR`,
        send: [open(1), frame(TYPE.RST_STREAM, 0, 1, Buffer.alloc(bytes))],
        outcome: connectionError('FRAME_SIZE_ERROR'),
      })),
    ],
  );

  test.each(Object.entries(CODE))(
    '§6.4: RST_STREAM %s ends the call, and nothing else',
    async (_name, code) => {
      using peer = await server.connect();
      peer.send(headers(1, callBlock(SUBSCRIBE)), data(1, message('sub'), FLAG.END_STREAM));
      await peer.expectHeaders(1);
      const subscription = server.echo.subscriptions.at(-1);
      peer.send(reset(1, code));
      expect(await subscription?.over).toBe(true);
      await expectWorks(peer, 3);
      expect(peer.of(1, TYPE.RST_STREAM)).toEqual([]);
    },
  );
});

describe('RFC 9113 §6.6, PUSH_PROMISE, §6.7, PING, §6.8, GOAWAY', () => {
  testRules(
    () => server,
    [
      {
        rule: '§6.6, §8.4: PUSH_PROMISE from a client is a connection error PROTOCOL_ERROR',
        send: [open(1), frame(TYPE.PUSH_PROMISE, FLAG.END_HEADERS, 1, Buffer.concat([uint32(2), block]))],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§6.7: PING with ACK is not answered',
        send: async (peer) => {
          peer.send(ping('answered', FLAG.ACK));
          await peer.fence();
          const pongs = peer.of(0, TYPE.PING).filter(({ payload }) => payload.toString() === 'answered');
          expect(pongs).toEqual([]);
          return [];
        },
        outcome: 'ignored',
      },
      {
        rule: '§6.7: PING on a stream is a connection error PROTOCOL_ERROR',
        send: [open(1), frame(TYPE.PING, 0, 1, Buffer.alloc(8))],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      ...[0, 7, 9].map((bytes) => ({
        rule: `§6.7: PING of ${bytes} bytes is a connection error FRAME_SIZE_ERROR`,
        send: [frame(TYPE.PING, 0, 0, Buffer.alloc(bytes))],
        outcome: connectionError('FRAME_SIZE_ERROR'),
      })),
      {
        rule: '§6.7: PING with ACK of other than eight bytes is a connection error FRAME_SIZE_ERROR',
        send: [frame(TYPE.PING, FLAG.ACK, 0, Buffer.alloc(4))],
        outcome: connectionError('FRAME_SIZE_ERROR'),
      },
      {
        rule: '§6.8: GOAWAY on a stream is a connection error PROTOCOL_ERROR',
        send: [open(1), frame(TYPE.GOAWAY, 0, 1, Buffer.alloc(8))],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§6.8: GOAWAY of less than eight bytes is a connection error FRAME_SIZE_ERROR',
        send: [frame(TYPE.GOAWAY, 0, 0, Buffer.alloc(7))],
        outcome: connectionError('FRAME_SIZE_ERROR'),
      },
    ],
  );

  test('§6.7: PING is answered with ACK and the same eight bytes, whatever they are', async () => {
    using peer = await server.connect();
    peer.send(ping('\x00\xff\x80abcd\x7f'));
    const pong = await peer.expectPong('\x00\xff\x80abcd\x7f');
    expect(pong).toMatchObject({ flags: FLAG.ACK, streamId: 0 });
  });

  test('§6.7: PING answers go before the data of streams', async () => {
    using peer = await server.connect();
    const large = message(Buffer.alloc(16_000));
    peer.send(open(1), data(1, large, FLAG.END_STREAM), ping('urgently'));
    await peer.expectPong('urgently');
    await peer.expectEnd(1);
    const pong = peer.frames.findIndex(({ type }) => type === TYPE.PING);
    expect(pong).toBeLessThan(peer.frames.findIndex(({ type }) => type === TYPE.DATA));
  });

  test.each([
    ['NO_ERROR', goAway(0, CODE.NO_ERROR, 'going')],
    ['an error', goAway(0, CODE.INTERNAL_ERROR)],
    ['a code that nobody knows', goAway(0x7fff_ffff, 0xffff_ffff, 'x'.repeat(1_000))],
  ])(
    '§6.8: after GOAWAY of the client with %s the streams that are open are served to their end',
    async (_title, bytes) => {
      using peer = await server.connect();
      const at = server.echo.held.length;
      peer.send(headers(1, callBlock(HOLD)), data(1, message('hold'), FLAG.END_STREAM), bytes);
      await peer.fence();
      server.echo.held[at]?.reply(Buffer.alloc(0));
      expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
    },
  );

  test('§6.8: the server leaves in two steps: first with 2^31-1, then with the last stream that it has taken', async () => {
    await using leaving = await startServer();
    using peer = await leaving.connect();
    peer.send(headers(1, callBlock(HOLD)), data(1, message('hold'), FLAG.END_STREAM));
    await peer.fence();
    const drained = leaving.engine.drain(20_000);
    leaving.echo.held[0]?.reply(Buffer.alloc(0));
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
    const first = await peer.until('the first GOAWAY', () => peer.of(0, TYPE.GOAWAY)[0]);
    expect(first.payload.readUInt32BE(0)).toBe(0x7fff_ffff);
    expect(first.payload.readUInt32BE(4)).toBe(CODE.NO_ERROR);
    const asked = await peer.until('a PING that goes with it', () =>
      peer.of(0, TYPE.PING).find(({ flags }) => (flags & FLAG.ACK) === 0),
    );
    // What crossed with the GOAWAY is answered.
    peer.send(...call(3, 'crossed'), frame(TYPE.PING, FLAG.ACK, 0, asked.payload));
    expect((await peer.expectEnd(3)).get('grpc-status')).toBe('0');
    const second = await peer.until('the second GOAWAY', () => peer.of(0, TYPE.GOAWAY)[1]);
    expect(second.payload.readUInt32BE(0)).toBe(3);
    await peer.expectClosed();
    await drained;
  });

  test('§6.8: the identifier in a later GOAWAY is never larger than in the one before', async () => {
    await using leaving = await startServer();
    using peer = await leaving.connect();
    peer.send(...call(1, 'x'));
    await peer.expectEnd(1);
    const drained = leaving.engine.drain(20_000);
    await peer.until('the first GOAWAY', () => peer.of(0, TYPE.GOAWAY)[0]);
    peer.send(frame(TYPE.PING, 0, 5, Buffer.alloc(8)));
    await peer.expectClosed();
    const last = peer.of(0, TYPE.GOAWAY).map(({ payload }) => payload.readUInt32BE(0));
    expect([...last].sort((a, b) => b - a)).toEqual(last);
    await drained;
  });
});
