import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { Broker, cli, Folder, Running } from './support/cli.js';

const widgets = 'com.example.v1.widgets';

test('one line on stdout says where it serves, and logs go to stderr', async () => {
  await using broker = await Broker.start();
  expect(broker.stdout).toMatch(
    /^ce-broker ready grpc=127\.0\.0\.1:\d+ admin=127\.0\.0\.1:\d+ store=memory\n$/,
  );
  await broker.saw('stderr', /"msg":"serving"/);
});

test('the ready line says what is off', async () => {
  await using broker = new Running(['--listen', '127.0.0.1:0', '--admin', 'none', '--store', 'none']);
  await broker.saw('stdout', /^ce-broker ready grpc=\S+ admin=none store=none\n$/);
});

test('SIGTERM drains: subscribers are told to go elsewhere, and the exit code is 0', async () => {
  await using broker = await Broker.start();
  await using sub = new Running(['sub', '--server', broker.grpc, '--cluster', 'c1']);
  await sub.saw('stderr', /subscribed/);
  broker.child.kill('SIGTERM');
  expect((await broker.ended()).code).toBe(0);
  expect(broker.stderr).toContain('draining');
  const { code, stderr } = await sub.ended();
  expect(code).toBe(4);
  expect(stderr).toContain('the server ended the subscription: UNAVAILABLE');
});

test.each(['SIGINT', 'SIGHUP'] as const)('%s drains as well', async (signal) => {
  await using broker = await Broker.start();
  broker.child.kill(signal);
  expect((await broker.ended()).code).toBe(0);
});

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
  ['SIGHUP', 129],
] as const)('a second %s during the drain ends the process at once', async (signal, code) => {
  await using broker = await Broker.start();
  // A client that has opened a connection and says nothing more does not let the drain end by itself.
  await using sub = new Running(['sub', '--server', broker.grpc, '--cluster', 'c1']);
  await sub.saw('stderr', /subscribed/);
  sub.child.kill('SIGSTOP');
  broker.child.kill('SIGTERM');
  await broker.saw('stderr', /a second signal ends the process at once/);
  broker.child.kill(signal);
  expect((await broker.ended()).code).toBe(code);
});

test('a port in use is told with the port and what to do', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const grpc = await cli(['--listen', `127.0.0.1:${port}`, '--admin', 'none']);
  const admin = await cli(['--listen', '127.0.0.1:0', '--admin', `127.0.0.1:${port}`]);
  taken.close();
  for (const { code, stdout, stderr } of [grpc, admin]) {
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`cannot listen on 127.0.0.1:${port}: the address is already in use`);
    expect(stderr).not.toMatch(/\n {4}at /);
  }
  expect(grpc.stderr).toContain('--listen');
  expect(admin.stderr).toContain('--admin');
});

test('a certificate without its key, or a key without its certificate, is told', async () => {
  const cert = await cli(['--tls-cert', 'server.crt']);
  expect([cert.code, cert.stderr]).toEqual([
    2,
    'ce-broker: --tls-key is missing: --tls-cert needs its private key beside it\n',
  ]);
  const key = await cli([], { env: { CE_BROKER_TLS_KEY: 'server.key' } });
  expect(key.stderr).toBe(
    'ce-broker: --tls-cert is missing: CE_BROKER_TLS_KEY needs a certificate beside it\n',
  );
  const ca = await cli(['--client-ca', 'ca.crt']);
  expect(ca.stderr).toContain('--tls-cert is missing: --client-ca needs a server certificate');
});

test('a token file that cannot be read, or holds no tokens, is named', async () => {
  using folder = new Folder();
  const missing = await cli(['--token-file', folder.at('none')]);
  expect(missing.code).toBe(2);
  expect(missing.stderr).toContain(folder.at('none'));
  const broken = await cli(['--token-file', folder.file('tokens', 'abc,hub,1\nlonely\n')]);
  expect(broken.code).toBe(2);
  expect(broken.stderr).toMatch(/tokens:2\b|line 2/);
});

test('without authentication it does not listen beyond this machine, and says how to open it', async () => {
  const { code, stderr } = await cli(['--listen', '0.0.0.0:0', '--admin', 'none']);
  expect(code).toBe(2);
  expect(stderr).toContain('--listen is 0.0.0.0:0');
  for (const way of ['--client-ca', '--token-file', '--allow-anonymous']) expect(stderr).toContain(way);
});

test.each([
  [['--heartbeat-interval', '1ms'], '--heartbeat-interval is 1ms: it must be from 100ms to 24h'],
  [['--max-message-bytes', '1GiB'], '--max-message-bytes is 1GiB: it must be from 1KiB to 64MiB'],
  [['--tls-cert', '/no/cert', '--tls-key', '/no/key'], '--tls-cert: cannot read /no/cert'],
])('%j is told with the flag and the unit that were typed', async (args, message) => {
  const { code, stderr } = await cli(['--listen', '127.0.0.1:0', '--admin', 'none', ...args]);
  expect(stderr.startsWith(`ce-broker: ${message}`)).toBe(true);
  expect(code).toBe(2);
});

test('a variable that is no setting is told, with the one that was meant', async () => {
  const kubernetes = { CE_BROKER_PORT: 'tcp://10.0.0.1:8090', CE_BROKER_SERVICE_HOST: '10.0.0.1' };
  await using broker = await Broker.start([], { CE_BROKER_LISTN: 'x', ...kubernetes });
  await broker.saw('stderr', /"msg":"serving"/);
  expect(broker.stderr).toContain('CE_BROKER_LISTN is no setting; did you mean CE_BROKER_LISTEN?');
  expect(broker.stderr.match(/is no setting/g)).toHaveLength(1);
});

test('a value that the broker refuses is told under the name that the user gave', async () => {
  const { code, stderr } = await cli(['--admin', 'none'], { env: { CE_BROKER_HEARTBEAT_INTERVAL: '1ms' } });
  expect(code).toBe(2);
  expect(stderr).toContain('CE_BROKER_HEARTBEAT_INTERVAL');
});

test('logs can be read by a person, and can be silent', async () => {
  await using pretty = new Broker(['--listen', '127.0.0.1:0', '--admin', 'none', '--log-format', 'pretty']);
  await pretty.saw('stderr', /INFO: serving/);
  await using silent = await Broker.start(['--log-level', 'silent']);
  silent.child.kill('SIGTERM');
  expect((await silent.ended()).stderr).toBe('');
});

test('a broker without a store relays', async () => {
  await using broker = await Broker.start(['--store', 'none']);
  await using sub = new Running(['sub', '--server', broker.grpc, '--cluster', 'c1', '--count', '1']);
  await sub.saw('stderr', /subscribed/);
  const event = ['--source', 'hub', '--cluster', 'c1', '--type', widgets, '--id', 'w1', '--data', '1'];
  expect((await cli(['pub', '--server', broker.grpc, ...event])).code).toBe(0);
  expect(JSON.parse((await sub.ended()).stdout)).toMatchObject({ resourceId: 'w1', data: 1 });
});
