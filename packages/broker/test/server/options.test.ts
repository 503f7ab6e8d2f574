import { CeBrokerError } from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import { type BrokerOptions, startBroker, validateOptions } from '../../src/index.js';
import { Log } from './support/running.js';

function refusal(options: object): CeBrokerError {
  try {
    validateOptions(options as BrokerOptions);
  } catch (thrown) {
    if (thrown instanceof CeBrokerError) return thrown;
    throw thrown;
  }
  throw new Error('it was accepted');
}

describe('options', () => {
  it('have the documented defaults, frozen', () => {
    const options = validateOptions();
    expect(options).toMatchObject({
      listen: { host: '127.0.0.1', port: 8090 },
      admin: false,
      store: 'memory',
      orphans: 'withhold',
      allowAnonymous: false,
      maxMessageBytes: 4 * 1024 * 1024,
      heartbeatIntervalMs: 10_000,
      drainTimeoutMs: 10_000,
      publishTimeoutMs: 10_000,
      keepaliveTimeMs: 30_000,
      keepaliveTimeoutMs: 10_000,
      maxSubscriptionsPerConnection: 1_000,
    });
    expect(Object.isFrozen(options)).toBe(true);
  });

  it.each<[object, string, RegExp]>([
    [{ listen: '8090' }, 'listen', /HOST:PORT/],
    [{ listen: '127.0.0.1:70000' }, 'listen', /65535/],
    [{ admin: '[::zz]:1' }, 'admin', /IPv6/],
    [{ store: 'disk' }, 'store', /"memory", "none", or a provider/],
    [{ store: 'none', history: 3 }, 'history', /history is 3, and store is "none", which keeps nothing/],
    [{ orphans: 'drop' }, 'orphans', /"withhold" or "forward"/],
    [{ rpcEngine: 'http2' }, 'rpcEngine', /"h2" or "grpc-js"/],
    [{ rpcEngine: 'h2', http2: 5 }, 'http2', /object/],
    [{ rpcEngine: 'h2', http2: { pingsPerSecond: 0 } }, 'http2.pingsPerSecond', /whole number from 1 to/],
    [{ rpcEngine: 'h2', http2: { pings: 1 } }, 'http2.pings', /http2 has no option pings; .*pingsPerSecond/],
    [
      { rpcEngine: 'grpc-js', http2: { pingsPerSecond: 1 } },
      'http2',
      /rpcEngine is "grpc-js".*leave http2 out/,
    ],
    [{ heartbeatIntervalMs: 5 }, 'heartbeatIntervalMs', /from 100 to \d+ milliseconds/],
    [{ maxMessageBytes: 1.5 }, 'maxMessageBytes', /whole number/],
    [{ drainTimeoutMs: '10s' }, 'drainTimeoutMs', /"10s"/],
    [{ tls: { cert: 'a.pem' } }, 'tls.key', /private key/],
    [{ tls: { key: 'a.key' } }, 'tls.cert', /certificate/],
    [{ tokens: [{ token: '', user: 'u' }] }, 'tokens', /tokens\[0\]\.token/],
    [{ tokens: 5 }, 'tokens', /list/],
    [{ tokens: [5] }, 'tokens[0]', /object/],
    [{ roles: 5 }, 'roles', /object/],
    [{ tls: 'a.pem' }, 'tls', /object/],
    [{ dataTypes: { 'a.b.c': 5 } }, 'dataTypes["a.b.c"]', /object/],
    [{ logger: { info: () => undefined } }, 'logger', /debug/],
    [{ tokenFile: '' }, 'tokenFile', /path/],
    [{ roles: { agents: 'c1' } }, 'roles.agents', /list of names/],
    [{ dataTypes: { 'a.b': {} } }, 'dataTypes', /<group>\.<version>\.<resource>/],
    [{ dataTypes: { 'a.b.c': { keep: 'ever' } } }, 'dataTypes', /"durable"/],
    [{ dataTypes: { 'a.b.c': { kept: 'none' } } }, 'dataTypes', /no setting kept/],
    [{ lisen: '127.0.0.1:1' }, 'lisen', /there is no option lisen/],
  ])('%j is refused by name', (options, field, message) => {
    const error = refusal(options);
    expect(error).toMatchObject({ code: 'invalid_option', field });
    expect(error.message).toMatch(message);
  });

  it('limits of the engine h2 are complete; empty ones go with any engine', () => {
    const { http2 } = validateOptions({ rpcEngine: 'h2', http2: { pingsPerSecond: 7 } });
    expect(http2).toMatchObject({ pingsPerSecond: 7, maxStreamsPerConnection: 10_000 });
    for (const rpcEngine of ['h2', 'grpc-js'] as const) {
      expect(validateOptions({ rpcEngine }).http2.pingsPerSecond).toBe(100);
      expect(validateOptions({ rpcEngine, http2: { pingsPerSecond: undefined } }).http2.pingsPerSecond).toBe(
        100,
      );
    }
  });

  it.each(['0.0.0.0:8090', ':8090', '[::]:8090', '192.0.2.1:8090', 'broker.example:8090'])(
    'without authentication %s is refused, and the way to open it is named',
    (listen) => {
      const error = refusal({ listen });
      expect(error).toMatchObject({ code: 'invalid_option', field: 'listen' });
      for (const way of ['tls.clientCa', 'tokenFile', 'allowAnonymous']) expect(error.message).toContain(way);
    },
  );

  it.each<[string, BrokerOptions]>([
    ['tokens', { tokens: [{ token: 't', user: 'u' }] }],
    ['a token file', { tokenFile: 'tokens.csv' }],
    ['a client CA', { tls: { cert: 'c', key: 'k', clientCa: 'a' } }],
    ['consent', { allowAnonymous: true }],
  ])('with %s other machines may come in', (_name, options) => {
    expect(validateOptions({ ...options, listen: '0.0.0.0:8090' }).listen).toEqual({
      host: '0.0.0.0',
      port: 8090,
    });
  });

  it.each(['127.0.0.1:0', '127.1.2.3:0', '[::1]:0', 'localhost:0'])('%s is this machine', (listen) => {
    expect(validateOptions({ listen }).listen).not.toBe(false);
  });
});

describe('arguments of a broker', () => {
  it('that are not what they should be are refused by name', async () => {
    await using broker = await startBroker({ listen: false });
    const refusals: [() => unknown, string][] = [
      [() => broker.attach({} as never), 'server'],
      [() => broker.registerService('a.b.c', {} as never), 'service'],
      [() => broker.inProcessTransport({ user: 5 as never }), 'user'],
      [() => broker.inProcessTransport({ groups: 'g' as never }), 'groups'],
    ];
    for (const [attempt, field] of refusals) {
      expect(attempt).toThrow(expect.objectContaining({ code: 'invalid_option', field }));
    }
  });
});

describe('what stands in the way of a start is named', () => {
  it('and nothing else is said', async () => {
    await using first = await startBroker({ listen: '127.0.0.1:0' });
    const log = new Log();
    const admin = `127.0.0.1:${first.address?.port}`;
    await expect(startBroker({ listen: '127.0.0.1:0', admin, logger: log })).rejects.toThrow(admin);
    expect(log.lines).toEqual([]);
  });

  it('a port in use, of gRPC and of admin', async () => {
    await using first = await startBroker({ listen: '127.0.0.1:0' });
    const taken = `127.0.0.1:${first.address?.port}`;
    await expect(startBroker({ listen: taken })).rejects.toMatchObject({
      code: 'address_in_use',
      field: 'listen',
      message: expect.stringContaining(taken),
    });
    await expect(startBroker({ listen: false, admin: taken })).rejects.toMatchObject({
      code: 'address_in_use',
      field: 'admin',
      message: expect.stringContaining(taken),
    });
  });

  it.each([
    [
      'a token file that is not there',
      { tokenFile: '/nowhere/tokens.csv' },
      'tokenFile',
      '/nowhere/tokens.csv',
    ],
    [
      'a certificate that is not there',
      { tls: { cert: '/nowhere/a.crt', key: '/nowhere/a.key' } },
      'tls.cert',
      '/nowhere/a.crt',
    ],
  ])('%s', async (_name, options, field, path) => {
    await expect(startBroker({ listen: '127.0.0.1:0', ...options })).rejects.toMatchObject({
      code: 'unreadable_file',
      field,
      message: expect.stringContaining(path),
    });
  });
});
