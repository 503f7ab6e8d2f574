import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Broker, cli, Folder, Running } from './support/cli.js';

const folder = new Folder();
const ca = folder.at('certs/ca.crt');
let plain: Broker;
let secure: Broker;
beforeAll(async () => {
  for (const name of ['certs', 'other']) await cli(['certs', folder.at(name)]);
  const files = ['--tls-cert', folder.at('certs/server.crt'), '--tls-key', folder.at('certs/server.key')];
  [plain, secure] = await Promise.all([Broker.start(), Broker.start(files)]);
});
afterAll(async () => {
  await Promise.all([plain[Symbol.asyncDispose](), secure[Symbol.asyncDispose]()]);
  folder[Symbol.dispose]();
});

const localhost = (address: string) => address.replace('127.0.0.1', 'localhost');

/** What both commands say of a server, on their one line. */
async function toldOf(server: string, ...more: string[]): Promise<string[]> {
  const about = ['--source', 'hub', '--cluster', 'c1', '--type', 'a.b.c', '--id', 'w1', '--data', '1'];
  const results = await Promise.all([
    cli(['pub', '--server', server, ...more, ...about, '--resource-version', '1']),
    cli(['sub', '--server', server, ...more, '--cluster', 'c1']),
  ]);
  for (const { code, stderr } of results) {
    expect(stderr).toMatch(/^ce-broker: UNAVAILABLE: [^\n]+\n$/);
    expect(code).toBe(3);
  }
  return results.map(({ stderr }) => stderr);
}

test('a port where nobody listens', async () => {
  const gone = createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address() as { port: number };
  gone.close();
  await once(gone, 'close');
  for (const told of await toldOf(`127.0.0.1:${port}`)) {
    expect(told).toContain(
      `cannot reach 127.0.0.1:${port} (connection refused): is a broker listening there? --server must name the gRPC port of a broker`,
    );
  }
});

test('a server that speaks TLS to a client that does not, and the other way round', async () => {
  for (const told of await toldOf(secure.grpc)) {
    expect(told).toContain('if it speaks TLS, give the CA of its certificate as --ca');
  }
  for (const told of await toldOf(localhost(plain.grpc), '--ca', ca)) {
    expect(told).toContain('does not speak TLS: leave --ca out');
  }
});

test('a certificate of another CA', async () => {
  for (const told of await toldOf(localhost(secure.grpc), '--ca', folder.at('other/ca.crt'))) {
    expect(told).toContain('is not signed by the CA in --ca');
  }
});

test('the admin port in place of the gRPC port', async () => {
  for (const told of await toldOf(plain.admin)) {
    expect(told).toContain('it may be an HTTP port of a broker');
  }
});

test('files that are not what their option says are wrong usage', async () => {
  const broken = folder.file('broken', 'no PEM');
  const cert = folder.at('certs/client.crt');
  const key = folder.at('certs/client.key');
  const other = folder.at('other/client.key');
  for (const [args, message] of [
    [['--ca', broken], `--ca: ${broken} holds no certificate`],
    [['--ca', ca, '--cert', broken, '--key', key], `--cert: ${broken} holds no certificate`],
    [['--ca', ca, '--cert', cert, '--key', broken], `--key: ${broken} holds no private key`],
    [['--ca', ca, '--cert', cert, '--key', other], `--key ${other} is not the private key of --cert ${cert}`],
  ] as const) {
    const { code, stderr } = await cli(['sub', '--cluster', 'c1', '--server', secure.grpc, ...args]);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  }
});

test('a spec without a version is published, and the user is told what that means', async () => {
  const about = ['--source', 'hub', '--cluster', 'c1', '--type', 'a.b.c', '--id', 'w1'];
  const { code, stderr } = await cli(['pub', '--server', plain.grpc, ...about, '--data', '1']);
  expect(stderr).toBe('note: no --resource-version: version 0 replaces whatever is there\n');
  expect(code).toBe(0);
  const deletion = await cli(['pub', '--server', plain.grpc, ...about, '--delete']);
  expect(deletion).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('a bench that Ctrl-C ends reports, and says so by its exit code', async () => {
  await using bench = new Running(['bench', '--server', plain.grpc, '--seconds', '600', '--warm-up', '0']);
  await sawEvents();
  bench.child.kill('SIGINT');
  const { code, stdout } = await bench.ended();
  expect(stdout).toContain('acked');
  expect(code).toBe(130);
});

/** Resolves once the bench has published something. */
async function sawEvents(): Promise<void> {
  for (;;) {
    const { stdout } = await cli(['state', 'list', '--admin', plain.admin, '--source', 'bench']);
    if (stdout !== 'nothing\n') return;
  }
}
