import { deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callBlock, ECHO, HOLD, type Server, startServer, TALK } from '../conformance/harness.js';
import type { RawPeer } from '../conformance/raw-peer.js';
import { data, FLAG, headers, message, TYPE, uint32 } from '../conformance/wire.js';

const LIMIT = 4 * 1024 * 1024;
const END = FLAG.END_STREAM;

let server: Server;
beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  expect(server.faults).toEqual([]);
  await server[Symbol.asyncDispose]();
});

type Changes = Readonly<Record<string, string | undefined>>;

function packed(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([1]), uint32(bytes.length), bytes]);
}

function inFrames(bytes: Buffer, size = 16_384): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
    bytes.subarray(n * size, (n + 1) * size),
  );
}

/** Sends the parts as DATA frames; gives the fields and the bytes of the answer. */
async function call(
  peer: RawPeer,
  parts: readonly Buffer[],
  {
    path = ECHO,
    streamId = 1,
    ...changes
  }: { path?: string; streamId?: number } & { headers?: Changes } = {},
) {
  const frames = parts.map((part, index) => data(streamId, part, index === parts.length - 1 ? END : 0));
  peer.send(headers(streamId, callBlock(path, changes.headers)), ...frames);
  const fields = await peer.expectEnd(streamId);
  const body = Buffer.concat(peer.of(streamId, TYPE.DATA).map(({ payload }) => payload));
  return { fields, status: fields.get('grpc-status'), text: fields.get('grpc-message') ?? '', body };
}

async function expectWorks(peer: RawPeer): Promise<void> {
  const { status, body } = await call(peer, [message('works')], { streamId: 1_001 });
  expect(status).toBe('0');
  expect(body.equals(message('works'))).toBe(true);
}

describe('what is no call', () => {
  it.each<[string, Changes, string, string]>([
    ['a GET', { ':method': 'GET' }, '405', '13'],
    ['JSON', { 'content-type': 'application/json' }, '415', '3'],
    ['no content-type', { 'content-type': undefined }, '415', '3'],
    ['a timeout that is none', { 'grpc-timeout': '5x' }, '400', '13'],
    ['binary metadata that is none', { 'trace-bin': '-' }, '400', '13'],
    ['an unknown compression', { 'grpc-encoding': 'snappy' }, '200', '12'],
    ['an unknown method', { ':path': '/no.Such/Method' }, '200', '12'],
    ['no method', { ':path': '/' }, '200', '12'],
    [
      'too many headers',
      Object.fromEntries(Array.from({ length: 130 }, (_, n) => [`x-${n}`, 'y'])),
      '200',
      '8',
    ],
    [
      'headers that are too large',
      { 'x-large': 'y'.repeat(15_000), 'x-more': 'y'.repeat(1_200) },
      '200',
      '8',
    ],
  ])(
    '$0 is answered $2 with grpc-status $3, and the connection goes on',
    async (name, changes, http, grpc) => {
      await using own = await startServer(name.startsWith('headers') ? { maxHeaderListBytes: 16_000 } : {});
      using peer = await own.connect();
      const { fields, status } = await call(peer, [message('a'), message('b')], { headers: changes });
      expect([fields.get(':status'), status]).toEqual([http, grpc]);
      if (http === '405') expect(fields.get('allow')).toBe('POST');
      expect(own.echoed).toEqual([]);
      await expectWorks(peer);
      expect(own.faults).toEqual([]);
    },
  );

  it('that is no gRPC is told in text', async () => {
    using peer = await server.connect();
    const { fields, body } = await call(peer, inFrames(message('of no use'), 20), {
      headers: { ':method': 'GET' },
    });
    expect(fields.get('content-type')).toContain('text/plain');
    expect(body.toString()).toContain('POST');
  });
});

describe('messages', () => {
  it.each([1, 3, 7])('cut into frames of %d bytes are whole', async (size) => {
    using peer = await server.connect();
    const whole = message('a message that came in pieces');
    const { status, body } = await call(peer, inFrames(whole, size));
    expect(status).toBe('0');
    expect(body.equals(whole)).toBe(true);
  });

  it('a length over the limit is refused by its prefix', async () => {
    using peer = await server.connect();
    peer.send(
      headers(1, callBlock(ECHO)),
      data(1, Buffer.concat([Buffer.from([0]), uint32(LIMIT + 1), Buffer.alloc(100)])),
    );
    const fields = await peer.expectEnd(1);
    expect(fields.get('grpc-status')).toBe('8');
    expect(fields.get('grpc-message')).toContain(String(LIMIT + 1));
    await expectWorks(peer);
  });

  it.each([
    ['flag 2', Buffer.from([2, 0, 0, 0, 1, 7]), '13'],
    ['half a message', message('whole').subarray(0, 7), '13'],
    ['half a prefix', Buffer.from([0, 0]), '13'],
    ['none', Buffer.alloc(0), '12'],
    ['two', Buffer.concat([message('a'), message('b')]), '12'],
    ['one that is marked as compressed and names no way', packed(gzipSync('x')), '13'],
  ])('%s', async (_name, bytes, code) => {
    using peer = await server.connect();
    expect((await call(peer, [bytes])).status).toBe(code);
    await expectWorks(peer);
  });
});

describe('compressed messages', () => {
  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ] as const)('%s comes in inflated', async (encoding, pack) => {
    using peer = await server.connect();
    const text = Buffer.from('the same again '.repeat(1_000));
    const { status, body } = await call(peer, [packed(pack(text))], {
      headers: { 'grpc-encoding': encoding },
    });
    expect(status).toBe('0');
    expect(body.equals(message(text))).toBe(true);
  });

  it('go out compressed to who asks for it', async () => {
    using peer = await server.connect();
    const text = Buffer.from('the same again '.repeat(1_000));
    const gzip = { 'grpc-encoding': 'gzip', 'grpc-accept-encoding': 'identity,gzip' };
    const { fields, body } = await call(peer, [packed(gzipSync(text))], { headers: gzip });
    expect(fields.get('grpc-encoding')).toBe('gzip');
    expect(body[0]).toBe(1);
    expect(body.length).toBeLessThan(text.length / 10);
    expect(gunzipSync(body.subarray(5)).equals(text)).toBe(true);
  });

  it('a bomb is RESOURCE_EXHAUSTED, garbage INTERNAL, and the connection goes on', async () => {
    using peer = await server.connect();
    const gzip = { 'grpc-encoding': 'gzip' };
    const bomb = await call(peer, inFrames(packed(gzipSync(Buffer.alloc(16 * LIMIT)))), { headers: gzip });
    expect(bomb.status).toBe('8');
    const garbage = await call(peer, [packed(Buffer.from('garbage'))], { headers: gzip, streamId: 3 });
    expect(garbage.status).toBe('13');
    await expectWorks(peer);
  });

  it('messages of a stream keep their order, compressed or not', async () => {
    using peer = await server.connect();
    const next = server.talk.next();
    peer.send(headers(1, callBlock(TALK, { 'grpc-encoding': 'gzip' })));
    const talk = await next;
    talk.eager = true;
    talk.stream.read();
    const texts = Array.from({ length: 60 }, (_, n) => `message ${n}`);
    const frames = texts.map((text, n) => (n % 3 === 0 ? packed(gzipSync(text)) : message(text)));
    peer.send(data(1, Buffer.concat(frames), END));
    await talk.messages(texts.length);
    await talk.until(() => talk.halfClosedAfter !== undefined);
    expect(talk.received.map(String)).toEqual(texts);
    talk.stream.end(0, '');
    await peer.expectEnd(1);
  });
});

describe('a stream of one message a frame', () => {
  it.each([
    ['in the frame of the last message', true],
    ['in a frame of its own', false],
  ])('hears of its end %s, whether its owner waits for more or asks later', async (_where, together) => {
    for (const eager of [true, false]) {
      using peer = await server.connect();
      const next = server.talk.next();
      peer.send(headers(1, callBlock(TALK)));
      const talk = await next;
      talk.eager = eager;
      talk.stream.read();
      const frames = ['one', 'two', 'three'].map((text, n) =>
        data(1, message(text), together && n === 2 ? END : 0),
      );
      peer.send(...frames, ...(together ? [] : [data(1, Buffer.alloc(0), END)]));
      for (let count = 1; count <= 3; count += 1) {
        await talk.messages(count);
        if (!eager) talk.stream.read();
      }
      await talk.until(() => talk.halfClosedAfter !== undefined);
      expect(talk.received.map(String)).toEqual(['one', 'two', 'three']);
      expect(talk.halfClosedAfter).toBe(3);
      talk.stream.end(0, '');
      await peer.expectEnd(1);
    }
  });
});

describe('deadlines and status texts', () => {
  it.each(['20m', '1n', '20000u'])('grpc-timeout %s: DEADLINE_EXCEEDED, answered or not', async (timeout) => {
    using peer = await server.connect();
    const { status } = await call(peer, [message()], { path: HOLD, headers: { 'grpc-timeout': timeout } });
    expect(status).toBe('4');
    await expectWorks(peer);
  });

  it.each(['größer als 100 %', 'two\nlines', ' blank ends ', 'lone \ud800 surrogate'])(
    '%j arrives as every client decodes it',
    async (text) => {
      using peer = await server.connect();
      const held = server.echo.holding(server.echo.held.length + 1);
      peer.send(headers(1, callBlock(HOLD)), data(1, message(), END));
      await held;
      server.echo.held.at(-1)?.fail(9, text);
      const fields = await peer.expectEnd(1);
      expect(fields.get('grpc-status')).toBe('9');
      const encoded = fields.get('grpc-message') ?? '';
      expect(encoded).toMatch(/^[!-~]([ -~]*[!-~])?$/);
      expect(decodeURIComponent(encoded)).toBe(Buffer.from(text).toString());
    },
  );
});
