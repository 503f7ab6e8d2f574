import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callBlock, callFields, ECHO, type Server, startServer } from './harness.js';
import { RawPeer } from './raw-peer.js';
import { call, END, expectServes, expectWorks, open, testRules } from './rules.js';
import {
  continuation,
  data,
  FLAG,
  frame,
  headers,
  hpackInteger,
  literals,
  message,
  PREFACE,
  ping,
  priority,
  reset,
  settings,
  settingsAck,
  TYPE,
  windowUpdate,
} from './wire.js';

let server: Server;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const block = callBlock(ECHO);

describe('RFC 9113 §3.4, the preface', () => {
  test('§3.4: the first frame of the server is SETTINGS, and it comes to whoever said the preface', async () => {
    using peer = await server.connect({ first: Buffer.concat([PREFACE, settings()]) });
    await peer.expectSettingsAck();
    expect(peer.frames[0]).toMatchObject({ type: TYPE.SETTINGS, flags: 0, streamId: 0 });
  });

  test('§3.4: a client may send more before it has seen the SETTINGS of the server', async () => {
    using peer = await server.connect({
      first: Buffer.concat([PREFACE, settings(), ...call(1, 'still here')]),
    });
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
  });

  test('§3.4: the preface is taken byte by byte', async () => {
    // Its own acknowledgement would come between the bytes.
    using peer = await server.connect({ first: Buffer.alloc(0), acknowledges: false });
    for (const byte of Buffer.concat([PREFACE, settings()])) {
      peer.send(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    await peer.expectSettingsAck();
    await expectWorks(peer, 1);
  });

  test.each([
    ['of another protocol', Buffer.from('INVALID CONNECTION PREFACE\r\n\r\n')],
    ['with its last byte wrong', Buffer.concat([PREFACE.subarray(0, 23), Buffer.from('\t'), settings()])],
    ['that is TLS', Buffer.from('160301020001000001fc0303', 'hex')],
  ])('§3.4: a preface %s is a connection error', async (_title, first) => {
    using peer = await server.connect({ first });
    await peer.expectClosed();
    const goAway = peer.of(0, TYPE.GOAWAY)[0];
    // It may be left out; if it is there it says why.
    if (goAway !== undefined) expect(goAway.payload.readUInt32BE(4)).toBe(1);
    await expectServes(server);
  });

  test('§3.4: HTTP/1.1 gets an answer that it can read, and the end of the connection', async () => {
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.end('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1\.1 505 /);
  });

  test.each([
    ['PING', ping('early')],
    ['SETTINGS with ACK', settingsAck()],
    ['HEADERS', headers(1, block, END)],
    ['WINDOW_UPDATE', windowUpdate(0, 1)],
    ['a frame of an unknown type', frame(0xb0, 0, 0)],
  ])(
    '§3.4: %s as the first frame after the preface is a connection error PROTOCOL_ERROR',
    async (_title, early) => {
      using peer = await server.connect({ first: Buffer.concat([PREFACE, early]) });
      await peer.expectConnectionError('PROTOCOL_ERROR');
      expect(peer.frames[0]).toMatchObject({ type: TYPE.SETTINGS, flags: 0 });
    },
  );

  test('§3.4: a preface without end is not waited for longer than its time', async () => {
    await using impatient = await startServer({ prefaceTimeoutMs: 100 });
    using peer = await impatient.connect({ first: PREFACE.subarray(0, 10) });
    await peer.expectClosed();
  });
});

describe('RFC 9113 §4, frames', () => {
  testRules(
    () => server,
    [
      {
        rule: '§4.1: a frame of an unknown type is ignored, on the connection and on a stream',
        send: [
          frame(0xfa, 0xff, 0, Buffer.alloc(100)),
          open(1),
          frame(0x20, 0xff, 1),
          frame(0x21, 0, 77, Buffer.alloc(3)),
        ],
        outcome: 'ignored',
      },
      {
        rule: '§4.1: flags that a frame does not define are ignored',
        send: [
          frame(TYPE.PING, 0xfe, 0, Buffer.from('flagged!')),
          frame(TYPE.WINDOW_UPDATE, 0xff, 0, Buffer.from([0, 0, 0, 1])),
        ],
        outcome: 'ignored',
      },
      {
        rule: '§4.1: the reserved bit before the stream identifier is ignored',
        send: [frame(TYPE.PING, 0, 0x8000_0000, Buffer.from('reserved'))],
        outcome: 'ignored',
      },
      {
        rule: '§4.2: DATA over SETTINGS_MAX_FRAME_SIZE is an error FRAME_SIZE_ERROR',
        send: [open(1), data(1, Buffer.alloc(16_385))],
        outcome: { connectionError: ['FRAME_SIZE_ERROR'] },
      },
      {
        rule: '§4.2: HEADERS over SETTINGS_MAX_FRAME_SIZE is a connection error FRAME_SIZE_ERROR: they change the state of all',
        send: [headers(1, Buffer.alloc(16_385))],
        outcome: { connectionError: ['FRAME_SIZE_ERROR'] },
      },
      {
        rule: '§4.2: a frame whose length says 2^24-1 is refused by its head, before it has come',
        send: [frame(TYPE.DATA, 0, 1, Buffer.alloc(0), 0xff_ff_ff)],
        outcome: { connectionError: ['FRAME_SIZE_ERROR'] },
      },
      {
        rule: '§4.2: an unknown frame over SETTINGS_MAX_FRAME_SIZE is a connection error FRAME_SIZE_ERROR',
        send: [frame(0xee, 0, 0, Buffer.alloc(16_385))],
        outcome: { connectionError: ['FRAME_SIZE_ERROR'] },
      },
      {
        rule: '§4.3: a header block that cannot be decoded is a connection error COMPRESSION_ERROR',
        send: [headers(1, Buffer.from([0x00, 0x85]), END)],
        outcome: { connectionError: ['COMPRESSION_ERROR'] },
      },
      {
        rule: '§4.3: index 0 is a connection error COMPRESSION_ERROR (RFC 7541 §6.1)',
        send: [headers(1, Buffer.from([0x80]), END)],
        outcome: { connectionError: ['COMPRESSION_ERROR'] },
      },
      {
        rule: '§4.3: an index beyond both tables is a connection error COMPRESSION_ERROR (RFC 7541 §2.3.3)',
        send: [headers(1, hpackInteger(62, 7, 0x80), END)],
        outcome: { connectionError: ['COMPRESSION_ERROR'] },
      },
      {
        rule: '§4.3.1: a table size over SETTINGS_HEADER_TABLE_SIZE is a connection error COMPRESSION_ERROR (RFC 7541 §6.3)',
        send: [headers(1, Buffer.concat([hpackInteger(4_097, 5, 0x20), block]), END)],
        outcome: { connectionError: ['COMPRESSION_ERROR'] },
      },
      {
        rule: '§4.3: a header block of trailers that cannot be decoded is a connection error COMPRESSION_ERROR',
        send: [open(1), headers(1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), END)],
        outcome: { connectionError: ['COMPRESSION_ERROR'] },
      },
      {
        rule: '§4.3: a header block for a stream that was reset meanwhile cannot be decoded: still COMPRESSION_ERROR',
        send: [open(1), windowUpdate(1, 0), headers(1, Buffer.from([0x80]), END)],
        outcome: { connectionError: ['COMPRESSION_ERROR'] },
      },
      ...[
        ['PRIORITY of the same stream', priority(1, 0)],
        ['HEADERS of another stream', headers(3, block, END)],
        ['DATA of the same stream', data(1)],
        ['PING', ping('between!')],
        ['SETTINGS', settings()],
        ['RST_STREAM of the same stream', reset(1, 8)],
        ['WINDOW_UPDATE', windowUpdate(0, 1)],
        ['a frame of an unknown type', frame(0xcc, 0, 1)],
        ['CONTINUATION of another stream', continuation(3, block)],
      ].map(([what, between]) => ({
        rule: `§4.3: ${what} within a header block is a connection error PROTOCOL_ERROR`,
        send: [
          headers(1, block.subarray(0, 20), FLAG.END_STREAM),
          between as Buffer,
          continuation(1, block.subarray(20)),
        ],
        outcome: { connectionError: ['PROTOCOL_ERROR'] as const },
      })),
    ],
  );

  test('§4.1: unknown frames on a stream change nothing of it', async () => {
    using peer = await server.connect();
    peer.send(
      open(1),
      frame(0x42, FLAG.END_STREAM, 1, Buffer.alloc(9)),
      data(1, message('whole'), FLAG.END_STREAM),
    );
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
  });

  test('§4.2: a frame of exactly 2^14 bytes is taken', async () => {
    using peer = await server.connect();
    const whole = message(Buffer.alloc(16_384 - 5, 7));
    peer.send(open(1), data(1, whole, FLAG.END_STREAM));
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
    expect(peer.dataBytes(1)).toBe(whole.length);
  });

  test('§4.2: no frame of the server is longer than the 2^14 bytes that the client allows unless it says more', async () => {
    using peer = await server.connect();
    const whole = message(Buffer.alloc(40_000));
    peer.send(open(1), data(1, whole.subarray(0, 16_384)), data(1, whole.subarray(16_384, 32_768)));
    peer.send(data(1, whole.subarray(32_768), FLAG.END_STREAM));
    await peer.expectEnd(1);
    expect(peer.dataBytes(1)).toBe(whole.length);
    for (const { payload } of peer.frames) expect(payload.length).toBeLessThanOrEqual(16_384);
  });

  test('§4.3: a header block is one unit, whatever the size of its pieces', async () => {
    using peer = await server.connect();
    peer.send(headers(1, block.subarray(0, 0), 0), continuation(1, block.subarray(0, 1), 0));
    peer.send(continuation(1, block.subarray(1, 90), 0), continuation(1, block.subarray(90)));
    peer.send(data(1, message('pieces'), FLAG.END_STREAM));
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
  });

  test('§4.3: header blocks keep their order: the dynamic table is right after requests that were refused, reset and malformed', async () => {
    using peer = await server.connect();
    const remember = (name: string, value: string): Buffer =>
      Buffer.concat([Buffer.from([0x40]), literals([[name, value]]).subarray(1)]);
    const newest = (at: number): Buffer => hpackInteger(62 + at, 7, 0x80);
    // Malformed, and yet it enters `x-a`.
    peer.send(headers(1, Buffer.concat([remember('x-a', 'one'), block]), END));
    await peer.expectStreamError(1, 'PROTOCOL_ERROR');
    // On the stream that was reset, and yet it enters `:path`.
    peer.send(headers(1, remember(':path', ECHO), END));
    const rest = literals(callFields(ECHO, { ':path': undefined, ':method': undefined }));
    peer.send(headers(3, Buffer.concat([literals([[':method', 'POST']]), newest(0), rest, newest(1)])));
    peer.send(data(3, message('in step'), FLAG.END_STREAM));
    expect((await peer.expectEnd(3)).get('grpc-status')).toBe('0');
  });

  test('§4.3.1: SETTINGS_HEADER_TABLE_SIZE 0 is kept to by the server, and told with a size update', async () => {
    using peer = await RawPeer.connect(server.port, { first: Buffer.concat([PREFACE, settings([1, 0])]) });
    for (const streamId of [1, 3, 5]) {
      peer.send(...call(streamId, 'x'));
      expect((await peer.expectEnd(streamId)).get('grpc-status')).toBe('0');
    }
    const first = peer.of(1, TYPE.HEADERS)[0]?.payload;
    // RFC 7541 §4.2: the first block after the acknowledgement begins with the update to 0.
    expect(first?.[0]).toBe(0x20);
    for (const { payload } of peer.frames.filter(({ type }) => type === TYPE.HEADERS))
      expect(payload.subarray(1).some((byte) => byte === 0xbe)).toBe(false);
  });

  test('§4.3.1: a smaller table and then a larger one: the first block tells both (RFC 7541 §4.2)', async () => {
    using peer = await server.connect();
    peer.send(...call(1, 'x'));
    await peer.expectEnd(1);
    peer.send(settings([1, 0]), settings([1, 4_096]), ...call(3, 'x'));
    await peer.expectEnd(3);
    const begin = peer.of(3, TYPE.HEADERS)[0]?.payload;
    expect(begin?.[0]).toBe(0x20);
    expect(begin?.[1]).toBe(0x3f);
  });
});
