import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callBlock, callFields, ECHO, HOLD, type Server, startServer, TALK } from './harness.js';
import { call, END, expectWorks, open, type Rule, testRules } from './rules.js';
import { continuation, data, type Field, FLAG, headers, literals, message, reset, TYPE } from './wire.js';

let server: Server;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** A request whose header block breaks a rule of HTTP: a stream error PROTOCOL_ERROR, and nothing reaches the service. */
function malformed(rule: string, fields: readonly Field[]): Rule {
  return {
    rule: `${rule} is malformed: a stream error PROTOCOL_ERROR`,
    send: [headers(1, literals(fields)), data(1, message('malformed'), FLAG.END_STREAM)],
    outcome: { streamError: ['PROTOCOL_ERROR'], streamId: 1 },
  };
}

const without = (name: string): Field[] => callFields(ECHO, { [name]: undefined });
const withField = (name: string, value: string): Field[] => [...callFields(ECHO), [name, value]];

afterAll(() => {
  expect(server.echoed.filter((one) => one.toString() === 'malformed')).toEqual([]);
});

describe('RFC 9113 §8.1, requests and their ends', () => {
  testRules(
    () => server,
    [
      {
        rule: '§8.1: a second header block without END_STREAM is malformed: a stream error PROTOCOL_ERROR',
        send: [open(1), headers(1, literals([['x-end', 'yes']]), FLAG.END_HEADERS)],
        outcome: { streamError: ['PROTOCOL_ERROR'], streamId: 1 },
      },
      {
        rule: '§8.1: pseudo-header fields in trailers are malformed: a stream error PROTOCOL_ERROR',
        send: [open(1), data(1, message('malformed')), headers(1, literals([[':method', 'POST']]), END)],
        outcome: { streamError: ['PROTOCOL_ERROR'], streamId: 1 },
      },
      {
        rule: '§8.2.1: an upper-case name in trailers is malformed: a stream error PROTOCOL_ERROR',
        send: [open(1), data(1, message('malformed')), headers(1, literals([['X-End', 'yes']]), END)],
        outcome: { streamError: ['PROTOCOL_ERROR'], streamId: 1 },
      },
      {
        rule: '§8.2.2: a connection-specific field in trailers is malformed: a stream error PROTOCOL_ERROR',
        send: [open(1), data(1, message('malformed')), headers(1, literals([['connection', 'x']]), END)],
        outcome: { streamError: ['PROTOCOL_ERROR'], streamId: 1 },
      },
      {
        rule: '§8.1.1: content-length above what DATA carries is malformed: a stream error PROTOCOL_ERROR',
        send: [
          headers(1, callBlock(ECHO, { 'content-length': '100' })),
          data(1, message('malformed'), FLAG.END_STREAM),
        ],
        outcome: { streamError: ['PROTOCOL_ERROR'], streamId: 1 },
      },
      {
        rule: '§8.1.1: content-length below what DATA carries is malformed: a stream error PROTOCOL_ERROR',
        send: [
          headers(1, callBlock(ECHO, { 'content-length': '3' })),
          data(1, message('malformed'), FLAG.END_STREAM),
        ],
        outcome: { streamError: ['PROTOCOL_ERROR'], streamId: 1 },
      },
      {
        rule: '§8.1.1: the sum of the DATA frames counts, and is looked at as they come',
        send: [
          headers(1, callBlock(HOLD, { 'content-length': '10' })),
          data(1, message('four')),
          data(1, Buffer.alloc(2)),
        ],
        outcome: { streamError: ['PROTOCOL_ERROR'], streamId: 1 },
      },
      {
        rule: '§8.1.1: content-length with trailers that come too soon is malformed: a stream error PROTOCOL_ERROR',
        send: [
          headers(1, callBlock(ECHO, { 'content-length': '100' })),
          data(1, message('malformed')),
          headers(1, literals([['x-end', 'yes']]), END),
        ],
        outcome: { streamError: ['PROTOCOL_ERROR'], streamId: 1 },
      },
      {
        rule: '§8.1.1: content-length 5 and END_STREAM at once is malformed: a stream error PROTOCOL_ERROR',
        send: [headers(1, callBlock(ECHO, { 'content-length': '5' }), END)],
        outcome: { streamError: ['PROTOCOL_ERROR'], streamId: 1 },
      },
      {
        rule: '§8.1.1: content-length counts for a request that is refused, too',
        send: [
          headers(1, callBlock('/', { 'content-type': undefined, 'content-length': '1' })),
          data(1, Buffer.from('test'), FLAG.END_STREAM),
        ],
        outcome: { streamError: ['PROTOCOL_ERROR'], streamId: 1 },
      },
      malformed('§8.1.1: content-length that is no number', withField('content-length', '1e1')),
      malformed('§8.1.1: content-length that is negative', withField('content-length', '-1')),
      malformed('§8.1.1: content-length twice with two values', [
        ...callFields(ECHO, { 'content-length': '14' }),
        ['content-length', '15'],
      ]),
    ],
  );

  test('§8.1: trailers after the data end the request', async () => {
    using peer = await server.connect();
    peer.send(open(1), data(1, message('with trailers')), headers(1, literals([['x-end', 'yes']]), END));
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
    expect(server.echoed.at(-1)?.toString()).toBe('with trailers');
  });

  test('§8.1: DATA after trailers is an error of the stream', async () => {
    using peer = await server.connect();
    peer.send(
      headers(1, callBlock(HOLD)),
      data(1, message('x')),
      headers(1, literals([['x-end', 'yes']]), END),
    );
    peer.send(data(1, message('y')));
    await peer.expectStreamError(1, 'STREAM_CLOSED');
  });

  test('§8.1: empty trailers end a request too', async () => {
    using peer = await server.connect();
    peer.send(open(1), data(1, message('x')), headers(1, Buffer.alloc(0), END));
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
  });

  test('§8.1.1: padding is no part of content-length', async () => {
    using peer = await server.connect();
    const body = message('padded');
    peer.send(headers(1, callBlock(ECHO, { 'content-length': String(body.length) })));
    const payload = Buffer.concat([Buffer.from([50]), body, Buffer.alloc(50)]);
    peer.send(data(1, payload, FLAG.PADDED | FLAG.END_STREAM));
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
  });

  test('§8.1: answers are one header block with :status, then DATA, then trailers with END_STREAM and no pseudo-header', async () => {
    using peer = await server.connect();
    peer.send(...call(1, 'x'));
    await peer.expectEnd(1);
    const [first, ...rest] = peer.of(1);
    expect(first?.fields?.get(':status')).toBe('200');
    expect([...(first?.fields?.keys() ?? [])].filter((name) => name.startsWith(':'))).toEqual([':status']);
    expect(rest.at(-1)?.type).toBe(TYPE.HEADERS);
    expect([...(rest.at(-1)?.fields?.keys() ?? [])].some((name) => name.startsWith(':'))).toBe(false);
    expect(rest.slice(0, -1).every(({ type }) => type === TYPE.DATA)).toBe(true);
  });

  test.each([
    ['a call', callFields(ECHO), '200'],
    ['a method that is not there', callFields('/no/such.method'), '200'],
    ['GET', callFields('/', { ':method': 'GET' }), '405'],
    ['another content-type', callFields(ECHO, { 'content-type': 'text/plain' }), '415'],
  ])(
    '§8.2: the fields of the answer to %s are lower case and of this message alone',
    async (_title, fields, status) => {
      using peer = await server.connect();
      peer.send(headers(1, literals(fields)), data(1, message('x'), FLAG.END_STREAM));
      const all = await peer.expectEnd(1);
      expect(all.get(':status')).toBe(status);
      for (const [name, value] of all) {
        expect(name).toBe(name.toLowerCase());
        expect([
          'connection',
          'keep-alive',
          'transfer-encoding',
          'upgrade',
          'proxy-connection',
        ]).not.toContain(name);
        expect(value).toBe(value.trim());
      }
    },
  );
});

describe('RFC 9113 §8.2 and §8.3, fields', () => {
  testRules(
    () => server,
    [
      malformed('§8.2.1: a name in upper case', withField('Upper', 'x')),
      malformed('§8.2.1: a name with a space', withField('two words', 'x')),
      malformed('§8.2.1: an empty name', withField('', 'x')),
      malformed('§8.2.1: a name with a control character', withField('a\x00b', 'x')),
      malformed('§8.2.1: a name with DEL', withField('a\x7f', 'x')),
      malformed('§8.2.1: a name beyond ASCII', withField('caf\xe9', 'x')),
      malformed('§8.2.1: a colon within a name', withField('a:b', 'x')),
      malformed('§8.2.1: NUL in a value', withField('x-a', 'a\x00b')),
      malformed('§8.2.1: LF in a value', withField('x-a', 'a\nb')),
      malformed('§8.2.1: CR in a value', withField('x-a', 'a\rb')),
      malformed('§8.2.1: a value that begins with a space', withField('x-a', ' a')),
      malformed('§8.2.1: a value that ends with a tab', withField('x-a', 'a\t')),
      malformed('§8.2.2: connection', withField('connection', 'keep-alive')),
      malformed('§8.2.2: keep-alive', withField('keep-alive', 'timeout=5')),
      malformed('§8.2.2: proxy-connection', withField('proxy-connection', 'keep-alive')),
      malformed('§8.2.2: transfer-encoding', withField('transfer-encoding', 'chunked')),
      malformed('§8.2.2: upgrade', withField('upgrade', 'h2c')),
      malformed('§8.2.2: te other than trailers', callFields(ECHO, { te: 'gzip' })),
      malformed('§8.2.2: te trailers with more', callFields(ECHO, { te: 'trailers, deflate' })),
      malformed('§8.3: an unknown pseudo-header field', [[':test', 'x'], ...callFields(ECHO)]),
      malformed('§8.3: a pseudo-header field of responses', [[':status', '200'], ...callFields(ECHO)]),
      malformed('§8.3: a pseudo-header field after a regular one', [['x-first', 'x'], ...callFields(ECHO)]),
      malformed('§8.3: a pseudo-header field with its name in upper case', [
        [':Method', 'POST'],
        ...without(':method'),
      ]),
      ...[':method', ':scheme', ':path', ':authority'].map((name) =>
        malformed(`§8.3: ${name} twice`, [
          [name, callFields(ECHO).find(([one]) => one === name)?.[1] ?? ''],
          ...callFields(ECHO),
        ]),
      ),
      ...[':method', ':scheme', ':path'].map((name) => malformed(`§8.3.1: no ${name}`, without(name))),
      malformed('§8.3.1: an empty :path', callFields('')),
      malformed('§8.3.1: a :path that does not begin with a slash', callFields('test.Conformance/Echo')),
      malformed('§8.3.1: an empty :method', callFields(ECHO, { ':method': '' })),
      malformed('§8.3.1: an empty :scheme', callFields(ECHO, { ':scheme': '' })),
      malformed('§8.3.1: no pseudo-header field at all', [['content-type', 'application/grpc']]),
      {
        rule: '§8.3: an empty header block is malformed: a stream error PROTOCOL_ERROR',
        send: [headers(1, Buffer.alloc(0), END)],
        outcome: { streamError: ['PROTOCOL_ERROR'], streamId: 1 },
      },
      malformed('§8.5: CONNECT with :path and :scheme', callFields(ECHO, { ':method': 'CONNECT' })),
      malformed(
        '§8.5: CONNECT without :authority',
        callFields(ECHO, {
          ':method': 'CONNECT',
          ':scheme': undefined,
          ':path': undefined,
          ':authority': undefined,
        }),
      ),
      {
        rule: '§8.4: a server does not take PUSH_PROMISE: a connection error PROTOCOL_ERROR',
        send: [Buffer.concat([Buffer.from('00000405000000000100000002', 'hex')])],
        outcome: { connectionError: ['PROTOCOL_ERROR'] },
      },
    ],
  );

  test.each([
    ['§8.2.1: an empty value', withField('x-empty', '')],
    ['§8.2.1: bytes of obs-text in a value', withField('x-text', '\xe9\xff')],
    ['§8.2.1: spaces and tabs within a value', withField('x-text', 'a \t b')],
    ['§8.2.3: cookie in pieces', [...withField('cookie', 'a=b'), ['cookie', 'c=d'] as const]],
    ['§8.3.1: no :authority, but host', [...without(':authority'), ['host', 'localhost'] as const]],
    ['§8.3.1: neither :authority nor host', without(':authority')],
    ['§8.3.1: a :scheme that is neither http nor https', callFields(ECHO, { ':scheme': 'other+x' })],
    ['§8.2.2: no te', without('te')],
  ])('%s is taken', async (_title, fields) => {
    using peer = await server.connect();
    peer.send(headers(1, literals(fields)), data(1, message('taken'), FLAG.END_STREAM));
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('0');
  });

  test.each([
    [
      'CONNECT as it should be',
      [
        [':method', 'CONNECT'],
        [':authority', 'other:443'],
      ] as const,
    ],
    [
      'OPTIONS *',
      [
        [':method', 'OPTIONS'],
        [':scheme', 'http'],
        [':path', '*'],
        [':authority', 'x'],
      ] as const,
    ],
    ['HEAD', callFields('/', { ':method': 'HEAD' })],
  ])('§8.5: %s is no gRPC: 405, and the connection goes on', async (_title, fields) => {
    using peer = await server.connect();
    peer.send(headers(1, literals(fields), END));
    expect((await peer.expectEnd(1)).get(':status')).toBe('405');
    await expectWorks(peer, 3);
  });

  test('§8.1, RFC 9110 §9.3.2: the answer to HEAD has no DATA', async () => {
    using peer = await server.connect();
    peer.send(headers(1, literals(callFields('/', { ':method': 'HEAD' })), END));
    expect((await peer.expectEnd(1)).get(':status')).toBe('405');
    await peer.fence();
    expect(peer.dataBytes(1)).toBe(0);
  });

  test('§8.1.1: a request that is no call is answered once it is whole: until then it can still turn out to be wrong', async () => {
    using peer = await server.connect();
    for (const [streamId, method] of [
      [1, 'GET'],
      [5, 'POST'],
    ] as const) {
      peer.send(
        headers(streamId, literals(callFields('/', { ':method': method, 'content-type': undefined }))),
      );
      await peer.fence();
      expect(peer.of(streamId)).toEqual([]);
      peer.send(headers(streamId, literals([[':method', 'GET']]), END));
      await peer.expectStreamError(streamId, 'PROTOCOL_ERROR');
    }
    peer.send(headers(7, literals(callFields('/', { ':method': 'GET' }))), data(7, Buffer.alloc(10)));
    await peer.fence();
    peer.send(data(7, Buffer.alloc(10), FLAG.END_STREAM));
    expect((await peer.expectEnd(7)).get(':status')).toBe('405');
  });

  test('§10.5.1: a header list over the limit is answered, and has still done its work on the dynamic table', async () => {
    using peer = await server.connect();
    const large = literals([['x-large', 'x'.repeat(8_000)]]);
    const remembered = Buffer.concat([Buffer.from([0x40]), literals([['x-kept', 'yes']]).subarray(1)]);
    peer.send(headers(1, callBlock(ECHO), FLAG.END_STREAM));
    for (let count = 0; count < 5; count++) peer.send(continuation(1, large, 0));
    peer.send(continuation(1, remembered));
    expect((await peer.expectEnd(1)).get('grpc-status')).toBe('8');
    // 0xbe: the newest entry. Were it not there, the connection would be over.
    peer.send(
      headers(3, Buffer.concat([callBlock(ECHO), Buffer.from([0xbe])])),
      data(3, message('x'), FLAG.END_STREAM),
    );
    expect((await peer.expectEnd(3)).get('grpc-status')).toBe('0');
  });

  test('§8.6: a client that asks for an upgrade within HTTP/2 is malformed; one from HTTP/1.1 is not followed', async () => {
    using peer = await server.connect({
      first: Buffer.from(
        'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
      ),
      acknowledges: false,
    });
    await peer.expectClosed();
    expect(peer.raw.toString('latin1')).toMatch(/^HTTP\/1\.1 505 /);
  });

  test('§8.7: a request that was refused has not been looked at: REFUSED_STREAM comes only for those', async () => {
    await using small = await startServer({ maxStreamsPerConnection: 1 });
    using peer = await small.connect();
    peer.send(headers(1, callBlock(TALK)), ...call(3, 'refused'));
    await peer.expectStreamError(3, 'REFUSED_STREAM', 'PROTOCOL_ERROR');
    expect(small.echoed).toEqual([]);
    peer.send(reset(1, 8), ...call(5, 'again'));
    expect((await peer.expectEnd(5)).get('grpc-status')).toBe('0');
  });
});
