import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createServer as createTls } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import { CeBrokerError } from 'ce-broker-proto';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connectGrpc } from '../../../src/transports/grpc/grpc-events-options.js';
import type { GrpcOptions } from '../../../src/transports/grpc/grpc-options.js';
import { type Pem, TestCa } from './support/certificates.js';
import { TestServer } from './support/test-server.js';

describe('a connection that cannot be opened says what is wrong and which option to look at', () => {
  let ca: TestCa;
  let other: TestCa;
  let pair: Pem;
  let client: Pem;
  const stops: (() => void)[] = [];

  beforeAll(async () => {
    ca = await TestCa.create('test CA');
    other = await TestCa.create('other CA');
    pair = await ca.issue('CN=localhost');
    client = await ca.issue('CN=agent');
  });

  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });

  async function listen(server: Server): Promise<number> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    stops.push(() => server.close());
    server.on('tlsClientError', () => undefined);
    server.on('connection', (socket) => {
      socket.on('error', () => undefined);
      stops.push(() => socket.destroy());
    });
    return (server.address() as AddressInfo).port;
  }

  async function grpc(credentials?: ServerCredentials): Promise<number> {
    const server = await TestServer.start(credentials);
    stops.push(() => server.stop());
    return server.port;
  }

  const tlsServer = (leaf = pair, clientCa: Buffer | null = null): ServerCredentials =>
    ServerCredentials.createSsl(
      clientCa,
      [{ cert_chain: leaf.cert, private_key: leaf.key }],
      clientCa !== null,
    );

  async function failure(options: GrpcOptions): Promise<CeBrokerError> {
    const error: unknown = await connectGrpc(options).then(
      (transport) => transport.close(),
      (thrown: unknown) => thrown,
    );
    if (error instanceof CeBrokerError) return error;
    throw new Error('it connected');
  }

  test('nobody listens', async () => {
    const server = createServer();
    const port = await listen(server);
    server.close();
    await once(server, 'close');
    const error = await failure({ url: `127.0.0.1:${port}` });
    expect(error).toMatchObject({ code: 'unavailable', field: 'url' });
    expect(error.message).toMatch(/^cannot reach 127.0.0.1:\d+ \(connection refused\).* url must name/);
  });

  test('the options are called as the caller calls them', async () => {
    const error = await failure({ url: 'nowhere.invalid:1', names: { url: '--server' } });
    expect(error).toMatchObject({ code: 'unavailable', field: '--server' });
    expect(error.message).toMatch(/there is no address for that name; --server must name/);
  });

  test.each(['', 'http://127.0.0.1:8090', 'a b:1', '::1:8090', 'host:99999', 'host:0'])(
    'the url %j is none',
    async (url) => {
      expect(await failure({ url })).toMatchObject({
        code: 'invalid_option',
        field: 'url',
        message: expect.stringMatching(/^url: .* must be HOST:PORT/),
      });
    },
  );

  test('an HTTP/1 port', async () => {
    const port = await listen(createHttp());
    expect((await failure({ url: `127.0.0.1:${port}` })).message).toMatch(/does not speak gRPC/);
  });

  test('an HTTP/1 port with TLS', async () => {
    const port = await listen(createHttps({ cert: pair.cert, key: pair.key }));
    const error = await failure({ url: `localhost:${port}`, caData: ca.pem });
    expect(error.message).toMatch(/no HTTP\/2, so no gRPC/);
  });

  test('a server that speaks TLS, when we do not', async () => {
    const error = await failure({ url: `127.0.0.1:${await grpc(tlsServer())}` });
    expect(error).toMatchObject({ code: 'unavailable', field: 'caFile' });
    expect(error.message).toMatch(/if it speaks TLS, give the CA of its certificate as caFile/);
  });

  test('a server that speaks no TLS, when we do', async () => {
    const error = await failure({ url: `127.0.0.1:${await grpc()}`, caData: ca.pem });
    expect(error).toMatchObject({ code: 'failed_precondition', field: 'caData' });
    expect(error.message).toMatch(/does not speak TLS: leave caData out/);
  });

  test('a certificate of another CA', async () => {
    const error = await failure({ url: `localhost:${await grpc(tlsServer())}`, caData: other.pem });
    expect(error).toMatchObject({ code: 'failed_precondition', field: 'caData' });
    expect(error.message).toMatch(/is not signed by the CA in caData \(unable to/);
  });

  test('a certificate for another name', async () => {
    const leaf = await ca.issue('CN=x', { names: [{ type: 'dns', value: 'broker.example' }] });
    const port = await grpc(tlsServer(leaf));
    for (const host of ['localhost', '127.0.0.1']) {
      const error = await failure({ url: `${host}:${port}`, caData: ca.pem });
      expect(error).toMatchObject({ code: 'failed_precondition', field: 'url' });
      expect(error.message).toMatch(/is for another name \(DNS:broker\.example\): url must use/);
    }
  });

  test('a certificate that has expired', async () => {
    const leaf = await ca.issue('CN=localhost', { notAfter: new Date(Date.now() - 1000) });
    const error = await failure({ url: `localhost:${await grpc(tlsServer(leaf))}`, caData: ca.pem });
    expect(error.message).toMatch(/certificate has expired/);
  });

  test('a server that wants a client certificate', async () => {
    const port = await grpc(tlsServer(pair, ca.pem));
    const error = await failure({ url: `localhost:${port}`, caData: ca.pem });
    expect(error).toMatchObject({ code: 'unauthenticated', field: 'clientCertFile' });
    expect(error.message).toMatch(
      /wants a client certificate \(mTLS\): .* \(tlsv13 alert certificate required\)$/,
    );
  });

  test('a client certificate that the server does not trust', async () => {
    const port = await grpc(tlsServer(pair, ca.pem));
    const foreign = await other.issue('CN=agent');
    const options = { clientCertData: foreign.cert, clientKeyData: foreign.key };
    const error = await failure({ url: `localhost:${port}`, caData: ca.pem, ...options });
    expect(error).toMatchObject({ code: 'unavailable', field: 'clientCertData' });
    expect(error.message).toMatch(/(may refuse|refuses) the client certificate in clientCertData/);
  });

  test('a server without TLS 1.3', async () => {
    const options = { cert: pair.cert, key: pair.key, maxVersion: 'TLSv1.2', ALPNProtocols: ['h2'] } as const;
    const port = await listen(createTls(options));
    const error = await failure({ url: `localhost:${port}`, caData: ca.pem });
    expect(error.message).toMatch(/speaks no TLS 1\.3/);
  });

  test.each([
    { name: 'in plain text', tls: false, message: /did not speak gRPC within 0\.1 s: if it speaks TLS/ },
    { name: 'with TLS', tls: true, message: /did not finish the TLS handshake within 0\.1 s/ },
  ])('a port that takes connections and stays silent, $name', async ({ tls, message }) => {
    const port = await listen(createServer());
    const error = await failure({
      url: `127.0.0.1:${port}`,
      connectTimeoutMs: 100,
      ...(tls && { caData: ca.pem }),
    });
    expect(error).toMatchObject({ code: 'deadline_exceeded', field: 'url' });
    expect(error.message).toMatch(message);
  });

  test('a signal gives the attempt up, and leaves no connection behind', async () => {
    const server = createServer();
    const port = await listen(server);
    const connected = once(server, 'connection');
    const controller = new AbortController();
    const attempt = connectGrpc({ url: `127.0.0.1:${port}` }, { signal: controller.signal });
    const [socket] = await connected;
    socket.resume();
    const closed = once(socket, 'close');
    controller.abort();
    await expect(attempt).rejects.toMatchObject({ code: 'cancelled' });
    await closed;
    await expect(
      connectGrpc({ url: `127.0.0.1:${port}` }, { signal: controller.signal }),
    ).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('TLS, mTLS and a token, to a name and to an address', async () => {
    const server = await TestServer.start(tlsServer(pair, ca.pem));
    stops.push(() => server.stop());
    const base64 = (bytes: Buffer): string => bytes.toString('base64');
    for (const host of ['localhost', '127.0.0.1']) {
      const transport = await connectGrpc({
        url: `${host}:${server.port}`,
        caData: base64(ca.pem),
        clientCertData: base64(client.cert),
        clientKeyData: client.key,
        token: 'secret\n',
      });
      await transport.publish(Buffer.from([10, 1, 65]));
      await transport.close();
    }
    expect(server.tokens).toEqual(['Bearer secret', 'Bearer secret']);
  });
});
