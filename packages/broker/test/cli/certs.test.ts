import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Broker, cli, Folder } from './support/cli.js';

const FILES = ['ca.crt', 'server.crt', 'server.key', 'client.crt', 'client.key'];
const event = [
  '--source',
  'hub',
  '--cluster',
  'c1',
  '--resource-version',
  '1',
  '--type',
  'com.example.v1.widgets',
  '--id',
  'w1',
  '--data',
  '1',
];

test('a CA, and what it signed: valid for this machine, P-256, keys for their owner alone', async () => {
  using folder = new Folder();
  const made = await cli([
    'certs',
    folder.at('certs'),
    '--user',
    'hub',
    '--group',
    'ops',
    '--host',
    'broker.example',
  ]);
  expect(made.code).toBe(0);
  expect(made.stdout).toBe(FILES.map((name) => `${folder.at('certs')}/${name}\n`).join(''));
  const read = (name: string) => new X509Certificate(readFileSync(folder.at(`certs/${name}`)));
  const [ca, server, client] = [read('ca.crt'), read('server.crt'), read('client.crt')];
  for (const certificate of [server, client]) {
    expect(certificate.verify(ca.publicKey)).toBe(true);
    expect(certificate.checkIssued(ca)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
  }
  expect(ca.ca).toBe(true);
  for (const host of ['localhost', 'broker.example']) expect(server.checkHost(host)).toBe(host);
  for (const ip of ['127.0.0.1', '::1']) expect(server.checkIP(ip)).toBe(ip);
  expect(client.subject).toBe('O=ops\nCN=hub');
  for (const name of ['server.key', 'client.key']) {
    expect(statSync(folder.at(`certs/${name}`)).mode & 0o777).toBe(0o600);
  }
});

test('files that are there stay, unless --force', async () => {
  using folder = new Folder();
  folder.file('server.key', 'mine');
  const refused = await cli(['certs', folder.path]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('holds server.key already; --force');
  expect(readFileSync(folder.at('server.key'), 'utf8')).toBe('mine');
  writeFileSync(folder.at('server.key'), 'mine', { mode: 0o644 });
  expect((await cli(['certs', folder.path, '--force'])).code).toBe(0);
  expect(statSync(folder.at('server.key')).mode & 0o777).toBe(0o600);
  expect(readFileSync(folder.at('server.key'), 'utf8')).toContain('PRIVATE KEY');
});

test('mTLS with these certificates: let in with one, kept out without', async () => {
  using folder = new Folder();
  await cli(['certs', folder.path]);
  const [ca, cert, key] = ['ca.crt', 'client.crt', 'client.key'].map((name) => folder.at(name));
  await using broker = await Broker.start([
    ...['--tls-cert', folder.at('server.crt'), '--tls-key', folder.at('server.key'), '--client-ca', `${ca}`],
  ]);
  const pub = (...flags: string[]) =>
    cli(['pub', '--server', `localhost:${broker.port}`, ...event, ...flags]);
  expect((await pub('--ca', `${ca}`, '--cert', `${cert}`, '--key', `${key}`)).code).toBe(0);
  const unknown = await pub('--ca', `${ca}`);
  expect([3, 5]).toContain(unknown.code);
  const plain = await pub();
  expect(plain.code).toBe(3);
  expect(plain.stderr).toMatch(/^ce-broker: UNAVAILABLE: localhost:/);
});

test('bearer tokens over TLS: the known one is let in, another is denied', async () => {
  using folder = new Folder();
  await cli(['certs', folder.path]);
  const ca = folder.at('ca.crt');
  await using broker = await Broker.start([
    ...['--tls-cert', folder.at('server.crt'), '--tls-key', folder.at('server.key')],
    ...['--token-file', folder.file('tokens.csv', 'sesame,hub,1\n')],
  ]);
  const pub = (token: string) =>
    cli([
      'pub',
      '--server',
      `localhost:${broker.port}`,
      '--ca',
      ca,
      ...event,
      '--token-file',
      folder.file('token', token),
    ]);
  expect(await pub('sesame\n')).toEqual({ code: 0, stdout: '', stderr: '' });
  const wrong = await pub('open');
  expect(wrong.code).toBe(5);
  expect(wrong.stderr).toMatch(/^ce-broker: UNAUTHENTICATED: /);
  expect(broker.stderr).not.toContain('sesame');
});

test.skipIf(!existsSync('/proc/self'))('a folder that cannot be made is named', async () => {
  const { code, stderr } = await cli(['certs', '/proc/nope/deeper']);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^ce-broker: cannot write the certificates into \/proc\/nope\/deeper: ENOENT[^\n]*\n$/,
  );
});
