import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkTrailers, requestHead } from '../../../../src/rpc/h2/grpc/request-head.js';
import { HeaderBlock } from '../../../../src/rpc/h2/hpack/header-block.js';

type Field = readonly [name: string, value: string];

const PSEUDO: readonly Field[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/pkg.Service/Method'],
  [':authority', 'localhost:8090'],
];
const REGULAR: readonly Field[] = [
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
  ['user-agent', 'grpc-go/1.76.0'],
];
const REQUEST: readonly Field[] = [...PSEUDO, ...REGULAR];

function block(fields: readonly Field[], overLimit = false): HeaderBlock {
  const names = fields.map(([name]) => name);
  const values = fields.map(([, value]) => value);
  return new HeaderBlock(names, values, 0, overLimit);
}

/** A good request in which fields are replaced (undefined: left out) or added at the end. */
function request(changes: Readonly<Record<string, string | undefined>>): Field[] {
  const fields = REQUEST.flatMap(([name, value]): Field[] => {
    if (!Object.hasOwn(changes, name)) return [[name, value]];
    const changed = changes[name];
    return changed === undefined ? [] : [[name, changed]];
  });
  for (const [name, value] of Object.entries(changes)) {
    if (value !== undefined && !REQUEST.some(([known]) => known === name)) fields.push([name, value]);
  }
  return fields;
}

function headOf(fields: readonly Field[]) {
  return requestHead(block(fields));
}

function callOf(fields: readonly Field[]) {
  const head = headOf(fields);
  if (head.kind !== 'call') throw new Error(`no call but ${JSON.stringify(head)}`);
  return head;
}

function refusalOf(fields: readonly Field[], overLimit = false) {
  const head = requestHead(block(fields, overLimit));
  if (head.kind !== 'refused') throw new Error(`not refused but ${head.kind}`);
  return { ...head, extra: Object.fromEntries(head.extra.map(({ name, value }) => [name, value])) };
}

function reasonOf(fields: readonly Field[]): string {
  const head = headOf(fields);
  if (head.kind !== 'malformed') throw new Error(`not malformed but ${head.kind}`);
  return head.reason;
}

describe('a call', () => {
  it('is told with all that the layers above need', () => {
    const fields = request({
      'grpc-timeout': '10S',
      'grpc-encoding': 'gzip',
      'grpc-accept-encoding': 'identity, deflate, gzip',
      'content-length': '17',
    });
    const wanted = block(fields);
    expect(requestHead(wanted)).toEqual({
      kind: 'call',
      path: '/pkg.Service/Method',
      block: wanted,
      timeoutMs: 10_000,
      encoding: 'gzip',
      acceptsGzip: true,
      contentLength: 17,
    });
  });

  it('needs nothing but what gRPC demands', () => {
    expect(
      callOf(request({ te: undefined, 'user-agent': undefined, ':authority': undefined })),
    ).toMatchObject({
      timeoutMs: undefined,
      encoding: 'identity',
      acceptsGzip: false,
      contentLength: undefined,
    });
  });

  it('is computed once for a block', () => {
    const once = block(REQUEST);
    expect(requestHead(once)).toBe(requestHead(once));
  });

  it('does not take what somebody else left on the block for its own', () => {
    const other = block(REQUEST);
    other.meaning = { kind: 'malformed', reason: 'of another layer' };
    expect(requestHead(other).kind).toBe('call');
  });

  it.each([
    'application/grpc',
    'application/grpc+proto',
    'application/grpc+json',
    'application/grpc;charset=utf-8',
    'application/grpc+',
    'Application/gRPC',
  ])('content-type %s', (type) => {
    callOf(request({ 'content-type': type }));
  });

  it.each([
    ['gzip', true],
    ['identity,gzip', true],
    ['identity', false],
    ['gzipped, x-gzip', false],
    ['', false],
  ])('grpc-accept-encoding %j', (accepted, gzip) => {
    expect(callOf(request({ 'grpc-accept-encoding': accepted })).acceptsGzip).toBe(gzip);
  });

  it('metadata of many kinds is let through', () => {
    callOf(request({ 'x-empty': '', 'x-trace-bin': 'YWI,YQ==', 'x.y_z-1': 'a\tb \xff', host: 'elsewhere' }));
  });
});

describe('RFC 9113 §8.2.1: field validity', () => {
  it.each(['Content-Type', 'x-Upper', 'x y', 'x\0', 'x\x7f', 'x\xe9', '', 'x:y', 'x(y)', '\nx'])(
    'a header named %j is malformed',
    (name) => {
      reasonOf([...REQUEST, [name, 'value']]);
    },
  );

  it.each(['a\0b', 'a\rb', 'a\nb', 'a\x1bb', 'a\x7f', ' a', 'a ', '\ta', 'a\t', ' '])(
    'a value %j is malformed, of headers and pseudo-headers',
    (value) => {
      expect(reasonOf([...REQUEST, ['x-custom', value]])).toContain('x-custom');
      expect(reasonOf(request({ ':authority': value }))).toContain(':authority');
      reasonOf(request({ ':path': `/${value}` === '/ a' ? '/a ' : `/${value}\0` }));
    },
  );
});

describe('RFC 9113 §8.2.2: connection-specific fields', () => {
  it.each(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade'])(
    '%s is malformed',
    (name) => {
      expect(reasonOf([...REQUEST, [name, 'x']])).toContain(name);
    },
  );

  it('te may be trailers and nothing else', () => {
    callOf(request({ te: 'Trailers' }));
    for (const te of ['gzip', 'trailers, deflate', '']) reasonOf(request({ te }));
  });
});

describe('RFC 9113 §8.3: pseudo-headers', () => {
  it('come before all headers', () => {
    for (const late of PSEUDO) {
      const others = PSEUDO.filter((field) => field !== late);
      reasonOf([...others, ...REGULAR, late]);
    }
  });

  it.each([':status', ':protocol', ':foo', ':', ':METHOD'])('%s is none of a request', (name) => {
    reasonOf([...PSEUDO, [name, 'x'], ...REGULAR]);
  });

  it('come once', () => {
    for (const field of PSEUDO) reasonOf([...PSEUDO, field, ...REGULAR]);
    for (const [name] of PSEUDO) reasonOf([[name, ''], ...REQUEST]);
  });

  it.each([':method', ':scheme', ':path'])('%s must be there, and not be empty', (name) => {
    expect(reasonOf(request({ [name]: undefined }))).toContain(name);
    expect(reasonOf(request({ [name]: '' }))).toContain(name);
  });

  it.each(['pkg.Service/Method', '*', 'http://host/path'])(':path %j is malformed', (path) => {
    reasonOf(request({ ':path': path }));
  });

  it.each(['PO ST', 'POST/'])(':method %j is malformed', (method) => {
    reasonOf(request({ ':method': method }));
  });

  it.each(['1http', 'ht tp', 'http:'])(':scheme %j is malformed', (scheme) => {
    reasonOf(request({ ':scheme': scheme }));
  });

  it('two host headers are malformed (gRFC A41)', () => {
    reasonOf([...REQUEST, ['host', 'a'], ['host', 'b']]);
  });
});

describe('RFC 9113 §8.1.1: content-length', () => {
  it.each(['x', '', '-1', '1.5', '0x10', '1, 1', '9999999999999999'])('%j is malformed', (length) => {
    reasonOf(request({ 'content-length': length }));
  });

  it('several that differ are malformed, the same twice is not', () => {
    reasonOf([...REQUEST, ['content-length', '5'], ['content-length', '6']]);
    expect(callOf([...REQUEST, ['content-length', '5'], ['content-length', '5']]).contentLength).toBe(5);
  });
});

describe('RFC 9113 §8.5: CONNECT', () => {
  const connect: Field[] = [
    [':method', 'CONNECT'],
    [':authority', 'elsewhere:443'],
  ];

  it('is refused as every other method', () => {
    expect(refusalOf(connect).httpStatus).toBe(405);
  });

  it('with a scheme or path, or without an authority, is malformed', () => {
    reasonOf([...connect, [':scheme', 'http']]);
    reasonOf([...connect, [':path', '/']]);
    reasonOf([[':method', 'CONNECT']]);
  });
});

describe('gRPC over HTTP/2: what is refused', () => {
  it.each(['GET', 'PUT', 'OPTIONS', 'post', 'PRI'])('%s: 405 with allow', (method) => {
    const refusal = refusalOf(request({ ':method': method, 'content-type': undefined }));
    expect(refusal.httpStatus).toBe(405);
    expect(refusal.extra).toMatchObject({ allow: 'POST', 'grpc-status': '13' });
    expect(refusal.message).toContain(method);
  });

  it('OPTIONS of the whole server: 405', () => {
    expect(refusalOf(request({ ':method': 'OPTIONS', ':path': '*' })).httpStatus).toBe(405);
  });

  it.each(['application/json', 'application/grpcx', 'application/grpc-web', 'text/plain', '', undefined])(
    'content-type %s: 415',
    (type) => {
      const refusal = refusalOf(request({ 'content-type': type }));
      expect(refusal.httpStatus).toBe(415);
      expect(refusal.grpcStatus).toBe(3);
      expect(refusal.extra).toMatchObject({ 'grpc-status': '3' });
    },
  );

  it('a malformed grpc-timeout: 400 and INTERNAL, as grpc-go', () => {
    const refusal = refusalOf(request({ 'grpc-timeout': '10s' }));
    expect(refusal).toMatchObject({ httpStatus: 400, grpcStatus: 13, extra: { 'grpc-status': '13' } });
    expect(refusal.message).toContain('10s');
  });

  it('binary metadata that is no base64: 400 and INTERNAL, as grpc-go', () => {
    expect(refusalOf(request({ 'x-trace-bin': 'a-b' }))).toMatchObject({ httpStatus: 400, grpcStatus: 13 });
  });

  it('an unknown grpc-encoding: UNIMPLEMENTED with those that are known', () => {
    const refusal = refusalOf(request({ 'grpc-encoding': 'snappy' }));
    expect(refusal).toMatchObject({ httpStatus: 200, grpcStatus: 12 });
    expect(refusal.extra).toEqual({ 'grpc-accept-encoding': 'identity,gzip,deflate' });
  });

  it('a block over the limit: RESOURCE_EXHAUSTED, though pseudo-headers were dropped', () => {
    expect(refusalOf([], true)).toMatchObject({ httpStatus: 200, grpcStatus: 8 });
    expect(refusalOf(REQUEST, true)).toMatchObject({ httpStatus: 200, grpcStatus: 8 });
  });

  it('a stranger does not choose how long our message is, and every message can be sent', () => {
    const { message, extra } = refusalOf(request({ 'content-type': `\xe9${'x'.repeat(30_000)}` }));
    expect(message.length).toBeLessThan(250);
    expect(extra['grpc-message']).toMatch(/^[ -~]+$/);
  });
});

describe('trailers of a request', () => {
  it('are any headers', () => {
    expect(checkTrailers(block([]))).toBeUndefined();
    expect(checkTrailers(block([['x-checksum', 'abc']]))).toBeUndefined();
  });

  it.each([
    [':path', '/'],
    ['X-Upper', 'x'],
    ['connection', 'close'],
    ['x', 'a\nb'],
  ] as const)('with %s: %j they are malformed', (name, value) => {
    expect(checkTrailers(block([[name, value]]))).toBeTypeOf('string');
  });

  it('are looked at although the same block was a request', () => {
    const both = block(REQUEST);
    expect(requestHead(both).kind).toBe('call');
    expect(checkTrailers(both)).toContain(':method');
  });
});

it('any fields have a meaning: nothing throws, and what is wrong is malformed before it is anything else', () => {
  const name = fc.oneof(
    fc.constantFrom(
      ...REQUEST.map(([known]) => known),
      'host',
      'grpc-timeout',
      'grpc-encoding',
      'x-bin',
      'upgrade',
    ),
    fc.string({ unit: 'binary', maxLength: 6 }),
  );
  const value = fc.oneof(
    fc.constantFrom('POST', 'CONNECT', 'http', '/a/b', 'application/grpc', 'trailers', '1S', 'gzip', '', '0'),
    fc.string({ maxLength: 8 }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 8 }), fc.boolean(), (extra, overLimit) => {
      const head = requestHead(block([...REQUEST, ...extra], overLimit));
      const bad = extra.some(
        ([at]) => at.startsWith(':') || /[^!#$%&'*+\-.^_`|~0-9a-z]/.test(at) || at === '',
      );
      if (bad) expect(head.kind).toBe('malformed');
      if (overLimit) expect(head.kind).not.toBe('call');
    }),
    { numRuns: 500 },
  );
});
