import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import {
  CloudEventAgentClient,
  type GrpcOptions,
  grpcAgentOptions,
  transportSourceOptions,
} from 'ce-broker-client';
import { SILENT } from 'ce-broker-proto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  eventCodec,
  failure,
  makeSource,
  NO_LIMIT,
  type Part,
  PartStore,
  part,
  ScriptedServer,
  StatusLog,
  shown,
  statusHashOf,
  typeOf,
} from '../../src/client-support/index.js';
import { brokerCommand, until } from '../../src/index.js';

const good = {
  lister: new PartStore(),
  statusHashGetter: statusHashOf,
  codecs: [eventCodec()],
  logger: SILENT,
};

describe('what a client connects to', () => {
  let dir: string;
  const file = (...parts: string[]) => join(dir, ...parts);
  const closing: (() => void | Promise<void>)[] = [];
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'ce-broker-bad-input-'));
    execFileSync(process.execPath, [brokerCommand(), 'certs', dir]);
    execFileSync(process.execPath, [brokerCommand(), 'certs', file('other')]);
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  /** What the client says of its first attempt, and what comes of `subscribe`. */
  async function first(options: GrpcOptions): Promise<{ status: string; subscribe: string }> {
    const client = await CloudEventAgentClient.create<Part>({
      ...good,
      options: grpcAgentOptions(options, 'c1', 'c1-agent', NO_LIMIT),
      reconnectDelay: () => 60_000,
      connectTimeoutMs: 2_000,
    });
    const log = new StatusLog(client);
    const subscribe = failure(client.subscribe(() => undefined));
    await until('it has failed', 10_000, () => log.count('disconnected') > 0);
    const status = log.all.find((each) => each.type === 'disconnected');
    const publish = await failure(client.publish(typeOf('status'), part('a', 1)));
    expect(publish).toContain('the cloudevents client is not ready: ');
    await client.close();
    return {
      status: shown(status !== undefined && 'error' in status ? status.error : undefined),
      subscribe: await subscribe,
    };
  }

  async function scripted(keys: boolean, ca = false): Promise<ScriptedServer> {
    const read = (name: string) => readFileSync(file(name), 'utf8');
    const server = keys
      ? await ScriptedServer.start(
          {},
          { cert: read('server.crt'), key: read('server.key'), ...(ca && { ca: [read('ca.crt')] }) },
        )
      : await ScriptedServer.start();
    closing.push(() => server.stop());
    return server;
  }

  test('says what it is that is there, and what to do', async () => {
    const plain = await scripted(false);
    const tls = await scripted(true);
    const mtls = await scripted(true, true);
    const http = createHttpServer((_, response) => void response.end('hello'));
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    closing.push(() => void http.close());
    const grpc = new Server();
    const port = await new Promise<number>((resolve, reject) =>
      grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    closing.push(() => grpc.forceShutdown());
    const gone = await ScriptedServer.start();
    await gone.stop();
    const caFile = file('ca.crt');
    const httpPort = (http.address() as AddressInfo).port;
    expect({
      'nobody listens': await first({ url: gone.address }),
      'a server that speaks TLS when we do not': await first({ url: tls.address }),
      'a server that does not when we do': await first({ url: plain.address, caFile }),
      'a server with the certificate of another CA': await first({
        url: tls.address,
        caFile: file('other', 'ca.crt'),
      }),
      'a server that wants a certificate': await first({ url: mtls.address, caFile }),
      'a server that is no CloudEvents service': await first({ url: `127.0.0.1:${port}` }),
      'a server of HTTP/1': await first({ url: `127.0.0.1:${httpPort}` }),
    }).toMatchInlineSnapshot(`
      {
        "a server of HTTP/1": {
          "status": "failed_precondition [url]: HOST:PORT does not speak gRPC (it may be an HTTP port of a broker); url must name the gRPC port of a broker",
          "subscribe": "failed_precondition [url]: HOST:PORT does not speak gRPC (it may be an HTTP port of a broker); url must name the gRPC port of a broker",
        },
        "a server that does not when we do": {
          "status": "failed_precondition [caFile]: HOST:PORT does not speak TLS: leave caFile out, or give url a port that speaks it",
          "subscribe": "failed_precondition [caFile]: HOST:PORT does not speak TLS: leave caFile out, or give url a port that speaks it",
        },
        "a server that is no CloudEvents service": {
          "status": "unimplemented: HOST:PORT is no CloudEvents service (it answered: The server does not implement the method /io.cloudevents.v1.CloudEventService/Subscribe): it must be the gRPC port of a broker",
          "subscribe": "unimplemented: HOST:PORT is no CloudEvents service (it answered: The server does not implement the method /io.cloudevents.v1.CloudEventService/Subscribe): it must be the gRPC port of a broker",
        },
        "a server that speaks TLS when we do not": {
          "status": "unavailable [caFile]: HOST:PORT ended the connection at once: if it speaks TLS, give the CA of its certificate as caFile",
          "subscribe": "cancelled: the client is closed",
        },
        "a server that wants a certificate": {
          "status": "unauthenticated [clientCertFile]: HOST:PORT wants a client certificate (mTLS): give one as clientCertFile and clientKeyFile (tlsv13 alert certificate required)",
          "subscribe": "unauthenticated [clientCertFile]: HOST:PORT wants a client certificate (mTLS): give one as clientCertFile and clientKeyFile (tlsv13 alert certificate required)",
        },
        "a server with the certificate of another CA": {
          "status": "failed_precondition [caFile]: the certificate of HOST:PORT is not signed by the CA in caFile (unable to verify the first certificate)",
          "subscribe": "failed_precondition [caFile]: the certificate of HOST:PORT is not signed by the CA in caFile (unable to verify the first certificate)",
        },
        "nobody listens": {
          "status": "unavailable [url]: cannot reach HOST:PORT (connection refused): is a broker listening there? url must name the gRPC port of a broker",
          "subscribe": "cancelled: the client is closed",
        },
      }
    `);
  }, 60_000);

  test('a connection of the caller that fails is told with its own words', async () => {
    const client = await makeSource(
      transportSourceOptions(() => Promise.reject(new Error('the pipe is closed')), 'hub'),
    );
    const log = new StatusLog(client);
    await until('it is told', 5_000, () => log.count('disconnected') > 0);
    expect(log.errors('disconnected')[0]).toBe('unavailable: the pipe is closed');
    await client.close();
  });
});
