import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callBlock, HOLD, type Server, SUBSCRIBE, startServer } from './harness.js';
import { RawPeer } from './raw-peer.js';
import { call, connectionError, expectWorks, open, streamError, testRules } from './rules.js';
import {
  data,
  FLAG,
  frame,
  headers,
  message,
  PREFACE,
  padded,
  SETTING,
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

const MOST = 0x7fff_ffff;

describe('RFC 9113 §6.5, SETTINGS', () => {
  testRules(
    () => server,
    [
      {
        rule: '§6.5: SETTINGS with ACK and a payload is a connection error FRAME_SIZE_ERROR',
        send: [frame(TYPE.SETTINGS, FLAG.ACK, 0, Buffer.alloc(6))],
        outcome: connectionError('FRAME_SIZE_ERROR'),
      },
      {
        rule: '§6.5: SETTINGS on a stream is a connection error PROTOCOL_ERROR',
        send: [open(1), frame(TYPE.SETTINGS, 0, 1, Buffer.alloc(6))],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      ...[1, 5, 7, 17].map((bytes) => ({
        rule: `§6.5: SETTINGS of ${bytes} bytes is a connection error FRAME_SIZE_ERROR`,
        send: [frame(TYPE.SETTINGS, 0, 0, Buffer.alloc(bytes))],
        outcome: connectionError('FRAME_SIZE_ERROR'),
      })),
      ...[2, 0xffff_ffff].map((value) => ({
        rule: `§6.5.2: SETTINGS_ENABLE_PUSH ${value} is a connection error PROTOCOL_ERROR`,
        send: [settings([SETTING.ENABLE_PUSH, value])],
        outcome: connectionError('PROTOCOL_ERROR'),
      })),
      ...[0x8000_0000, 0xffff_ffff].map((value) => ({
        rule: `§6.5.2: SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1 (${value}) is a connection error FLOW_CONTROL_ERROR`,
        send: [settings([SETTING.INITIAL_WINDOW_SIZE, value])],
        outcome: connectionError('FLOW_CONTROL_ERROR'),
      })),
      ...[0, 16_383, 16_777_216, 0xffff_ffff].map((value) => ({
        rule: `§6.5.2: SETTINGS_MAX_FRAME_SIZE ${value} is a connection error PROTOCOL_ERROR`,
        send: [settings([SETTING.MAX_FRAME_SIZE, value])],
        outcome: connectionError('PROTOCOL_ERROR'),
      })),
      {
        rule: '§6.5.2: a value that is not allowed counts although a later one of the same frame is',
        send: [settings([SETTING.MAX_FRAME_SIZE, 1], [SETTING.MAX_FRAME_SIZE, 16_384])],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§6.5.2: every value at its bounds is taken, and unknown settings are ignored',
        send: [
          settings(
            [SETTING.HEADER_TABLE_SIZE, 0xffff_ffff],
            [SETTING.ENABLE_PUSH, 1],
            [SETTING.MAX_CONCURRENT_STREAMS, 0],
            [SETTING.INITIAL_WINDOW_SIZE, MOST],
            [SETTING.MAX_FRAME_SIZE, 16_777_215],
            [SETTING.MAX_HEADER_LIST_SIZE, 0xffff_ffff],
            [0, 0],
            [0xffff, 0xffff_ffff],
          ),
          settings(
            [SETTING.HEADER_TABLE_SIZE, 0],
            [SETTING.ENABLE_PUSH, 0],
            [SETTING.MAX_FRAME_SIZE, 16_384],
          ),
        ],
        outcome: 'ignored',
      },
    ],
  );

  test('§6.5.2: the server does not say SETTINGS_ENABLE_PUSH other than 0, and offers no streams of its own', async () => {
    using peer = await server.connect();
    await peer.expectSettingsAck();
    const payload = peer.of(0, TYPE.SETTINGS)[0]?.payload ?? Buffer.alloc(0);
    expect(payload.length % 6).toBe(0);
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) === SETTING.ENABLE_PUSH) expect(payload.readUInt32BE(at + 2)).toBe(0);
    }
  });

  test('§6.5.3: each SETTINGS frame is acknowledged, with an empty payload, in order', async () => {
    using peer = await server.connect();
    peer.send(settings(), settings([SETTING.INITIAL_WINDOW_SIZE, 10]), settings([0x99, 1], [0x99, 2]));
    await peer.expectSettingsAck(4);
    await peer.fence();
    expect(peer.acks()).toHaveLength(4);
    for (const { payload, streamId } of peer.acks()) expect([payload.length, streamId]).toEqual([0, 0]);
  });

  test('§6.5.3: the values of one frame are taken in their order: the last one counts', async () => {
    using peer = await server.connect();
    peer.send(
      settings([SETTING.INITIAL_WINDOW_SIZE, 100], [SETTING.INITIAL_WINDOW_SIZE, 1]),
      ...call(1, 'some text'),
    );
    await peer.until('a byte of DATA', () => peer.of(1, TYPE.DATA)[0]);
    await peer.fence();
    expect(peer.dataBytes(1)).toBe(1);
  });

  test('§6.5.3: SETTINGS that are not acknowledged in time are a connection error SETTINGS_TIMEOUT', async () => {
    await using impatient = await startServer({ settingsTimeoutMs: 100 });
    using peer = await impatient.connect({ acknowledges: false });
    await peer.expectConnectionError('SETTINGS_TIMEOUT');
  });

  test('§6.5.3: an acknowledgement with what else is not needed for calls: they are answered before it', async () => {
    using peer = await server.connect({ acknowledges: false });
    await expectWorks(peer, 1);
    peer.send(settingsAck());
    await expectWorks(peer, 3);
  });
});

describe('RFC 9113 §6.9, WINDOW_UPDATE', () => {
  testRules(
    () => server,
    [
      {
        rule: '§6.9: WINDOW_UPDATE by 0 on the connection is a connection error PROTOCOL_ERROR',
        send: [windowUpdate(0, 0)],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      {
        rule: '§6.9: WINDOW_UPDATE by 0 on a stream is a stream error PROTOCOL_ERROR',
        send: [open(1), windowUpdate(1, 0)],
        outcome: streamError(1, 'PROTOCOL_ERROR'),
      },
      {
        rule: '§6.9: the reserved bit before the increment is ignored: 0 remains 0',
        send: [windowUpdate(0, 0x8000_0000)],
        outcome: connectionError('PROTOCOL_ERROR'),
      },
      ...[0, 3, 5].map((bytes) => ({
        rule: `§6.9: WINDOW_UPDATE of ${bytes} bytes is a connection error FRAME_SIZE_ERROR`,
        send: [open(1), frame(TYPE.WINDOW_UPDATE, 0, 1, Buffer.alloc(bytes, 1))],
        outcome: connectionError('FRAME_SIZE_ERROR'),
      })),
      {
        rule: '§6.9.1: a connection window above 2^31-1 is a connection error FLOW_CONTROL_ERROR',
        send: [windowUpdate(0, MOST)],
        outcome: connectionError('FLOW_CONTROL_ERROR'),
      },
      {
        rule: '§6.9.1: a stream window above 2^31-1 is a stream error FLOW_CONTROL_ERROR',
        send: [headers(1, callBlock(HOLD)), windowUpdate(1, MOST)],
        outcome: streamError(1, 'FLOW_CONTROL_ERROR'),
      },
      {
        rule: '§6.9.1: the sum of many updates of a stream counts',
        send: [headers(1, callBlock(HOLD)), windowUpdate(1, MOST - 65_535), windowUpdate(1, 1)],
        outcome: streamError(1, 'FLOW_CONTROL_ERROR'),
      },
      {
        rule: '§6.9.1: windows of exactly 2^31-1 are taken',
        send: [windowUpdate(0, MOST - 65_535), headers(1, callBlock(HOLD)), windowUpdate(1, MOST - 65_535)],
        outcome: 'ignored',
      },
      {
        rule: '§6.9.2: SETTINGS_INITIAL_WINDOW_SIZE that takes a stream above 2^31-1 is a connection error FLOW_CONTROL_ERROR',
        send: [
          headers(1, callBlock(HOLD)),
          windowUpdate(1, MOST - 65_535),
          settings([SETTING.INITIAL_WINDOW_SIZE, 65_536]),
        ],
        outcome: connectionError('FLOW_CONTROL_ERROR'),
      },
      {
        rule: '§6.9.1: DATA beyond the window of a stream is a stream error FLOW_CONTROL_ERROR',
        send: [
          headers(1, callBlock('/test.Echo/Talk')),
          ...Array.from({ length: 17 }, () => data(1, message(Buffer.alloc(16_379)))),
        ],
        outcome: streamError(1, 'FLOW_CONTROL_ERROR'),
      },
    ],
  );

  test('§6.9.1: DATA beyond the window of the connection is a connection error FLOW_CONTROL_ERROR, unless it has been given back by then', async () => {
    using peer = await server.connect();
    await peer.expectSettingsAck();
    // More than it may send, in one piece: no WINDOW_UPDATE is waited for. Streams that nobody reads hold it.
    const frames: Buffer[] = [];
    for (let stream = 1; stream < 200; stream += 2) {
      frames.push(headers(stream, callBlock('/test.Echo/Talk')));
      for (let piece = 0; piece < 15; piece++) frames.push(data(stream, message(Buffer.alloc(16_379))));
    }
    peer.send(...frames);
    await peer.until('the end, or all of it given back', () =>
      peer.closed || peer.of(0, TYPE.GOAWAY).length > 0 || credit(peer, 0) >= 100 * 15 * 16_384 - 1024 * 1024
        ? true
        : undefined,
    );
    const goAway = peer.of(0, TYPE.GOAWAY)[0];
    // The server may give the window back as the frames come, even for streams that nobody reads; else it must stop them here.
    if (goAway !== undefined) expect(goAway.payload.readUInt32BE(4)).toBe(3);
  });

  test('§6.9: nothing but DATA is flow-controlled: a window of 0 holds back no headers, trailers or PING', async () => {
    using peer = await RawPeer.connect(server.port, {
      first: Buffer.concat([PREFACE, settings([SETTING.INITIAL_WINDOW_SIZE, 0])]),
    });
    peer.send(headers(1, callBlock('/no/such.method')), ...call(3, 'held back'));
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('12');
    await peer.expectHeaders(3);
    await peer.fence();
    expect(peer.dataBytes(3)).toBe(0);
    peer.send(windowUpdate(3, 100));
    expect((await peer.expectEnd(3)).get('grpc-status')).toBe('0');
  });

  test('§6.9.1: an empty answer is a message of five bytes: a window of 0 or 4 holds it back', async () => {
    using peer = await RawPeer.connect(server.port, {
      first: Buffer.concat([PREFACE, settings([SETTING.INITIAL_WINDOW_SIZE, 0])]),
    });
    peer.send(...call(1, ''));
    await peer.fence();
    expect(peer.dataBytes(1)).toBe(0);
    peer.send(windowUpdate(1, 4));
    await peer.fence();
    expect(peer.dataBytes(1)).toBeLessThanOrEqual(4);
    peer.send(windowUpdate(1, 1));
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
  });

  test('§6.9.1: the window of the connection holds back all its streams, and what it lets through is theirs in turn', async () => {
    using peer = await server.connect();
    peer.send(settings([SETTING.INITIAL_WINDOW_SIZE, 1_000_000]));
    const text = Buffer.alloc(16_000);
    for (const streamId of [1, 3, 5, 7, 9])
      peer.send(open(streamId), data(streamId, message(text), FLAG.END_STREAM));
    const total = () => [1, 3, 5, 7, 9].reduce((sum, streamId) => sum + peer.dataBytes(streamId), 0);
    await peer.until('a whole window', () => (total() >= 65_535 ? true : undefined));
    await peer.fence();
    expect(total()).toBe(65_535);
    // Headers are not held back.
    await peer.expectHeaders(9);
    peer.send(windowUpdate(0, 10));
    await peer.until('ten bytes more', () => (total() >= 65_545 ? true : undefined));
    await peer.fence();
    expect(total()).toBe(65_545);
    peer.send(windowUpdate(0, 100_000));
    for (const streamId of [1, 3, 5, 7, 9])
      expect((await peer.expectEnd(streamId)).get('grpc-status')).toBe('0');
    expect(total()).toBe(5 * 16_005);
  });

  test('§6.9.1: a stream that has no window does not hold back the others', async () => {
    using peer = await server.connect();
    peer.send(settings([SETTING.INITIAL_WINDOW_SIZE, 0]), ...call(1, 'no window'));
    await peer.expectHeaders(1);
    peer.send(settings([SETTING.INITIAL_WINDOW_SIZE, 100]), ...call(3, 'x'));
    expect((await peer.expectEnd(3)).get('grpc-status')).toBe('0');
    // §6.9.2: the change has reached the stream that was open, too.
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
  });

  test('§6.9.2: a window that becomes negative is paid back before more is sent', async () => {
    using peer = await server.connect();
    peer.send(settings([SETTING.INITIAL_WINDOW_SIZE, 100]), headers(1, callBlock(SUBSCRIBE)));
    peer.send(data(1, message('sub'), FLAG.END_STREAM));
    await peer.expectHeaders(1);
    const stream = server.echo.subscriptions.at(-1)?.stream;
    stream?.write(Buffer.alloc(95));
    await peer.until('100 bytes', () => (peer.dataBytes(1) === 100 ? true : undefined));
    stream?.write(Buffer.alloc(5));
    // The window is 0; it becomes -70, then -70 + 70 = 0, then 10.
    peer.send(settings([SETTING.INITIAL_WINDOW_SIZE, 30]), windowUpdate(1, 70));
    await peer.fence();
    expect(peer.dataBytes(1)).toBe(100);
    peer.send(windowUpdate(1, 10));
    await peer.until('the last ten bytes', () => (peer.dataBytes(1) === 110 ? true : undefined));
  });

  test('§6.9.2: SETTINGS_INITIAL_WINDOW_SIZE does not change the window of the connection', async () => {
    using peer = await server.connect();
    peer.send(settings([SETTING.INITIAL_WINDOW_SIZE, 1_000_000]));
    const whole = message(Buffer.alloc(100_000));
    peer.send(open(1));
    for (let at = 0; at < whole.length; at += 16_384) peer.send(data(1, whole.subarray(at, at + 16_384)));
    peer.send(data(1, Buffer.alloc(0), FLAG.END_STREAM));
    await peer.until('a whole window', () => (peer.dataBytes(1) >= 65_535 ? true : undefined));
    await peer.fence();
    expect(peer.dataBytes(1)).toBe(65_535);
  });

  test('§6.9.2: nothing that a smaller window forbids is sent after its acknowledgement', async () => {
    using peer = await server.connect();
    await peer.expectSettingsAck();
    peer.send(...call(1, ''), settings([SETTING.INITIAL_WINDOW_SIZE, 0]));
    await peer.expectSettingsAck(2);
    await peer.fence();
    const second = peer.acks()[1];
    const acknowledged = second === undefined ? -1 : peer.frames.indexOf(second);
    const late = peer.frames
      .slice(acknowledged)
      .filter(({ type, payload }) => type === TYPE.DATA && payload.length > 0);
    expect(late).toEqual([]);
    peer.send(windowUpdate(1, 100));
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
  });

  test('§6.9.1: padding counts for the windows, and is given back', async () => {
    using peer = await server.connect();
    await peer.expectSettingsAck();
    peer.send(open(1));
    // One byte of the message and 255 of padding a frame, 8 MiB in all: eight times the window of the connection.
    const whole = message(Buffer.alloc(32 * 1024));
    const room = () => Math.min(256 * 1024 + credit(peer, 1), 1024 * 1024 + credit(peer, 0));
    for (let at = 0; at < whole.length; at++) {
      if ((at + 1) * 257 > room())
        await peer.until('room', () => ((at + 1) * 257 <= room() ? true : undefined));
      peer.send(frame(TYPE.DATA, FLAG.PADDED, 1, padded(whole.subarray(at, at + 1), 255)));
    }
    peer.send(data(1, Buffer.alloc(0), FLAG.END_STREAM));
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
  });
});

function credit(peer: RawPeer, streamId: number): number {
  const given = peer
    .of(streamId, TYPE.WINDOW_UPDATE)
    .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
  // The first one of the connection takes its window from 65,535 to what it is.
  return streamId === 0 ? given - (1024 * 1024 - 65_535) : given;
}
