import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import type { HandshakeFailure } from '../../src/rpc/index.js';
import { type Pem, TestCa } from './support/certificates.js';
import { PUBLISH } from './support/echo-service.js';
import { ENGINES, type TestEngine } from './support/engines.js';
import { RawClient } from './support/raw-client.js';
import { startEngine } from './support/start.js';

const DAY_MS = 86_400_000;
let ca: TestCa;
let otherCa: TestCa;
let server: Pem;

beforeAll(async () => {
  ca = await TestCa.create('fleet');
  otherCa = await TestCa.create('elsewhere');
  server = await ca.issue('CN=broker');
});

async function startWith(engine: TestEngine, clientCa: Buffer | undefined) {
  const failures: HandshakeFailure[] = [];
  const tls = { ...server, clientCa, clientCertificate: 'required' } as const;
  const running = await startEngine(engine, { tls, onHandshakeFailed: (failure) => failures.push(failure) });
  return { running, failures };
}

async function sendPlain(port: number, text: string): Promise<void> {
  const socket = connect(port, '127.0.0.1', () => socket.write(text));
  socket.on('error', () => undefined);
  socket.resume();
  await new Promise((resolve) => socket.once('close', resolve));
}

describe.each(ENGINES)(
  'a TLS handshake that fails is told, with its peer and its reason, $name',
  (engine) => {
    const start = (clientCa: Buffer | undefined) => startWith(engine, clientCa);

    it.each(['GET / HTTP/1.1\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'])(
      'plain text: %j',
      async (text) => {
        const { running, failures } = await start(undefined);
        await using _ = running;
        await sendPlain(running.port, text);
        await expect.poll(() => failures).toHaveLength(1);
        expect(failures[0]).toMatchObject({
          reason: 'plaintext',
          address: expect.stringMatching(/^(127\.0\.0\.1|\[::ffff:127\.0\.0\.1\]):[1-9]\d*$/),
          message: expect.stringContaining('TLS'),
        });
      },
    );

    it.each<[HandshakeFailure['reason'], () => Promise<Pem | undefined>]>([
      ['no-certificate', async () => undefined],
      ['certificate-untrusted', () => otherCa.issue('CN=agent-1')],
      [
        'certificate-expired',
        () =>
          ca.issue('CN=agent-1', {
            notBefore: new Date(Date.now() - 2 * DAY_MS),
            notAfter: new Date(Date.now() - DAY_MS),
          }),
      ],
      [
        'certificate-not-yet-valid',
        () =>
          ca.issue('CN=agent-1', {
            notBefore: new Date(Date.now() + DAY_MS),
            notAfter: new Date(Date.now() + 2 * DAY_MS),
          }),
      ],
    ])('%s', async (reason, issue) => {
      const { running, failures } = await start(ca.pem);
      await using _ = running;
      const client = new RawClient(running.url, { ca: ca.pem, ...(await issue()) });
      expect((await client.call(PUBLISH, Buffer.from('x'))).status).toBeUndefined();
      client.close();
      await expect.poll(() => failures.map((failure) => failure.reason)).toEqual([reason]);
      expect(failures[0]?.address).toMatch(/:[1-9]\d*$/);
    });

    it('a client that does not trust the broker, and one of an old TLS', async () => {
      const { running, failures } = await start(undefined);
      await using _ = running;
      const client = new RawClient(running.url, { ca: otherCa.pem });
      expect((await client.call(PUBLISH, Buffer.from('x'))).status).toBeUndefined();
      client.close();
      // Node's client only goes away; Go's says why.
      await expect.poll(() => failures.map((failure) => failure.reason)).toEqual(['closed']);
      const old = connectTls({ port: running.port, host: 'localhost', ca: ca.pem, maxVersion: 'TLSv1.2' });
      await once(old, 'error').catch(() => undefined);
      await expect.poll(() => failures.map((failure) => failure.reason)).toEqual(['closed', 'protocol']);
    });

    it('who connects and says nothing has not failed, and neither has who is let in', async () => {
      const { running, failures } = await start(undefined);
      await using _ = running;
      const probe = connect(running.port, '127.0.0.1', () => probe.end());
      probe.resume();
      await new Promise((resolve) => probe.once('close', resolve));
      const client = new RawClient(running.url, { ca: ca.pem });
      expect((await client.call(PUBLISH, Buffer.from('x'))).status).toBe(0);
      client.close();
      expect(failures).toEqual([]);
    });
  },
);
