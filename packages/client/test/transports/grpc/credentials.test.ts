import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import type { CloudEventTransport, TransportEnd } from 'ce-broker-proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectGrpc, grpcOptions } from '../../../src/transports/grpc/grpc-events-options.js';
import type { GrpcOptions } from '../../../src/transports/grpc/grpc-options.js';
import { TestCa } from './support/certificates.js';
import { TestServer } from './support/test-server.js';

const EVENT = Buffer.from([10, 1, 65]);
const signal = AbortSignal.timeout(25_000);

describe('the files of the credentials', () => {
  let folder: string;
  let ca: TestCa;
  let server: TestServer;
  let options: GrpcOptions;
  let warnings: string[];
  let transports: CloudEventTransport[];
  let users: (string | undefined)[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ce-broker-client-'));
    ca = await TestCa.create('test CA');
    const leaf = await ca.issue('CN=localhost');
    const credentials = ServerCredentials.createSsl(
      ca.pem,
      [{ cert_chain: leaf.cert, private_key: leaf.key }],
      true,
    );
    server = await TestServer.start(credentials);
    users = [];
    warnings = [];
    transports = [];
    await write('ca.pem', ca.pem);
    await pair('CN=one');
    await write('token', 'first\n');
    options = {
      url: `localhost:${server.port}`,
      caFile: join(folder, 'ca.pem'),
      clientCertFile: join(folder, 'tls.crt'),
      clientKeyFile: join(folder, 'tls.key'),
      tokenFile: join(folder, 'token'),
      watchIntervalMs: 10,
      logger: {
        debug: () => undefined,
        info: () => undefined,
        warn: (_fields, message) => warnings.push(message),
        error: () => undefined,
      },
    };
  });

  afterEach(async () => {
    for (const transport of transports) await transport.close();
    server.stop();
    await rm(folder, { recursive: true });
  });

  async function write(name: string, content: string | Buffer): Promise<void> {
    await writeFile(join(folder, name), content);
  }

  async function pair(subject: string): Promise<void> {
    const { cert, key } = await ca.issue(subject);
    await write('tls.crt', cert);
    await write('tls.key', key);
  }

  async function open(from = grpcOptions(options)): Promise<{
    transport: CloudEventTransport;
    end: Promise<TransportEnd>;
  }> {
    const transport = await from.connect({ signal });
    transports.push(transport);
    const end = new Promise<TransportEnd>((resolve) => transport.onEnd?.(resolve));
    return { transport, end };
  }

  /** Who the server takes this connection for. */
  async function user(transport: CloudEventTransport): Promise<string | undefined> {
    server.onPublish = (_event, answer, call) => {
      const certificate = call.getAuthContext()?.sslPeerCertificate;
      users.push(certificate?.subject.CN?.toString());
      answer(null, Buffer.alloc(0));
    };
    await transport.publish(EVENT);
    return users.at(-1);
  }

  test('a new pair is told as a renewal, the old connection still works, the next one uses it', async () => {
    const from = grpcOptions(options);
    const { transport, end } = await open(from);
    expect(await user(transport)).toBe('one');
    await pair('CN=two');
    expect(await end).toMatchObject({ kind: 'renew' });
    expect(await user(transport)).toBe('one');
    const next = await open(from);
    expect(await user(next.transport)).toBe('two');
  });

  test('a half-written pair is waited for, with one warning, and until then the good one is used', async () => {
    const from = grpcOptions(options);
    const { end } = await open(from);
    const { cert, key } = await ca.issue('CN=two');
    await write('tls.crt', cert);
    await until(() => warnings.length > 0);
    const meanwhile = await open(from);
    expect(await user(meanwhile.transport)).toBe('one');
    await write('tls.key', key);
    expect(await end).toMatchObject({ kind: 'renew' });
    expect(await meanwhile.end).toMatchObject({ kind: 'renew' });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/clientKeyFile .*tls\.key is not the private key of clientCertFile/);
  });

  test('symbolic links that are swapped, as Kubernetes does it, are seen', async () => {
    for (const [version, subject] of [
      ['v1', 'CN=one'],
      ['v2', 'CN=two'],
    ] as const) {
      await mkdir(join(folder, version));
      const { cert, key } = await ca.issue(subject);
      await write(`${version}/tls.crt`, cert);
      await write(`${version}/tls.key`, key);
    }
    await symlink('v1', join(folder, 'data'));
    const linked = {
      clientCertFile: join(folder, 'data/tls.crt'),
      clientKeyFile: join(folder, 'data/tls.key'),
    };
    const from = grpcOptions({ ...options, ...linked });
    const { transport, end } = await open(from);
    expect(await user(transport)).toBe('one');
    await symlink('v2', join(folder, 'data.new'));
    await rename(join(folder, 'data.new'), join(folder, 'data'));
    expect(await end).toMatchObject({ kind: 'renew' });
    expect(await user((await open(from)).transport)).toBe('two');
  });

  test('files that are touched, and say the same, change nothing; a new token goes out with the next call', async () => {
    const { transport, end } = await open();
    let renewed = false;
    void end.then(() => {
      renewed = true;
    });
    await write('ca.pem', ca.pem);
    await write('token', 'second\n');
    await until(async () => {
      await transport.publish(EVENT);
      return server.tokens.at(-1) === 'Bearer second';
    });
    expect(server.tokens[0]).toBe('Bearer first');
    expect(renewed).toBe(false);
  });

  test.each([
    { name: 'absent', file: 'tls.key', content: undefined, code: 'unreadable_file', field: 'clientKeyFile' },
    { name: 'no key', file: 'tls.key', content: 'x', code: 'invalid_option', field: 'clientKeyFile' },
    {
      name: 'no certificate',
      file: 'tls.crt',
      content: 'x',
      code: 'invalid_option',
      field: 'clientCertFile',
    },
    { name: 'no CA', file: 'ca.pem', content: 'x', code: 'invalid_option', field: 'caFile' },
    {
      name: 'a CA that is cut off',
      file: 'ca.pem',
      content: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
      code: 'invalid_option',
      field: 'caFile',
    },
    { name: 'an empty token', file: 'token', content: ' \n', code: 'invalid_option', field: 'tokenFile' },
    { name: 'two tokens', file: 'token', content: 'a\nb', code: 'invalid_option', field: 'tokenFile' },
  ])('a file that is wrong from the start fails the check: $name', async ({ file, content, code, field }) => {
    if (content === undefined) await rm(join(folder, file));
    else await write(file, content);
    await expect(grpcOptions(options).check?.()).rejects.toMatchObject({
      code,
      field,
      message: expect.stringContaining(join(folder, file)),
    });
    await expect(connectGrpc(options)).rejects.toMatchObject({ code, field });
  });

  test('options that do not fit together say so before anything is read', async () => {
    const cases: [GrpcOptions, string, RegExp][] = [
      [{ url: 'a:1', clientCertFile: 'c' }, 'clientCertFile', /clientCertFile needs clientKeyFile/],
      [{ url: 'a:1', clientKeyFile: 'k' }, 'clientKeyFile', /clientKeyFile needs clientCertFile/],
      [{ url: 'a:1', clientCertFile: 'c', clientKeyFile: 'k' }, 'clientCertFile', /needs caFile/],
      [{ url: 'a:1', token: 't' }, 'token', /token needs caFile .*plain text/],
      [{ url: 'a:1', connectTimeoutMs: 0 }, 'connectTimeoutMs', /connectTimeoutMs must be a number from 1/],
      [
        { url: 'a:1', keepAliveConfig: { timeMs: Number.NaN } },
        'keepAliveConfig.timeMs',
        /timeMs must be a number from 1 to 2147483647, not NaN/,
      ],
      [{ url: 'a:1', caFile: 'a', caData: 'b' }, 'caData', /caData and caFile are both given/],
    ];
    for (const [wrong, field, message] of cases) {
      await expect(grpcOptions(wrong).check?.()).rejects.toMatchObject({
        code: 'invalid_option',
        field,
        message: expect.stringMatching(message),
      });
    }
  });
});

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
