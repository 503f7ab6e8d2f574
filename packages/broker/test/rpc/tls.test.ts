import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Pem, TestCa } from './support/certificates.js';
import { HOLD, PUBLISH, SUBSCRIBE } from './support/echo-service.js';
import { ENGINES } from './support/engines.js';
import { frame, RawClient } from './support/raw-client.js';
import { startEngine } from './support/start.js';

const EMPTY = frame(Buffer.alloc(0));
let ca: TestCa;
let otherCa: TestCa;
let server: Pem;

beforeAll(async () => {
  ca = await TestCa.create('fleet');
  otherCa = await TestCa.create('elsewhere');
  server = await ca.issue('CN=broker');
});

describe.each(ENGINES)('TLS, $name', (engine) => {
  it('answers what is in flight when it drains, and tells who is to go', async () => {
    await using running = await startEngine(engine, {
      tls: { ...server, clientCa: undefined, clientCertificate: 'optional' },
    });
    const raw = new RawClient(running.url, { ca: ca.pem });
    const call = raw.open(HOLD, EMPTY).read();
    const stream = raw.open(SUBSCRIBE, EMPTY).read();
    await running.service.holding(1);
    await running.service.opened(1);
    const drained = running.engine.drain(5_000);
    expect((await stream.done).status).toBe(14);
    running.service.held[0]?.reply(Buffer.alloc(0));
    expect((await call.done).status).toBe(0);
    await drained;
    raw.close();
  });

  it('knows a client by the CN and O values of its certificate', async () => {
    const client = await ca.issue('CN=agent-1, O=fleet:agents, O=cluster:c1');
    await using running = await startEngine(engine, {
      tls: { ...server, clientCa: ca.pem, clientCertificate: 'required' },
    });
    const raw = new RawClient(running.url, { ca: ca.pem, ...client });
    raw.open(SUBSCRIBE, EMPTY).read();
    await running.service.opened(1);
    const { peer } = running.service.subscription(0).stream;
    expect(peer.certificate).toEqual({
      commonName: 'agent-1',
      organizations: ['fleet:agents', 'cluster:c1'],
    });
    expect(peer.address).toMatch(/:\d+$/);
    raw.open(SUBSCRIBE, EMPTY).read();
    await running.service.opened(2);
    expect(running.service.subscription(1).stream.peer).toBe(peer);
    raw.close();
  });

  it('lets nobody in without a certificate, with one of another CA, or outside its days', async () => {
    await using running = await startEngine(engine, {
      tls: { ...server, clientCa: ca.pem, clientCertificate: 'required' },
    });
    const day = 86_400_000;
    const wrong: (Pem | undefined)[] = [
      undefined,
      await otherCa.issue('CN=agent-1'),
      await ca.issue('CN=agent-1', {
        notBefore: new Date(Date.now() - 2 * day),
        notAfter: new Date(Date.now() - day),
      }),
      await ca.issue('CN=agent-1', {
        notBefore: new Date(Date.now() + day),
        notAfter: new Date(Date.now() + 2 * day),
      }),
    ];
    for (const pem of wrong) {
      const client = new RawClient(running.url, { ca: ca.pem, ...pem });
      expect((await client.call(PUBLISH, Buffer.from('x'))).status).toBeUndefined();
      client.close();
    }
    await expect.poll(() => running.engine.stats().connections).toBe(0);
  });

  it('takes a client without a certificate where that is optional, and gives it no name', async () => {
    await using running = await startEngine(engine, {
      tls: { ...server, clientCa: ca.pem, clientCertificate: 'optional' },
    });
    for (const pem of [undefined, await otherCa.issue('CN=admin, O=system:masters')]) {
      const client = new RawClient(running.url, { ca: ca.pem, ...pem });
      const call = client.open(SUBSCRIBE, EMPTY).read();
      await call.headers;
      expect(running.service.subscriptions.at(-1)?.stream.peer.certificate).toBeUndefined();
      client.close();
    }
  });

  it('speaks TLS 1.3 with h2 only, and survives everything else', async () => {
    await using running = await startEngine(engine, {
      tls: { ...server, clientCa: undefined, clientCertificate: 'optional' },
    });
    const old = connectTls({
      port: running.port,
      servername: 'localhost',
      ca: ca.pem,
      maxVersion: 'TLSv1.2',
      ALPNProtocols: ['h2'],
    });
    expect(await new Promise((resolve) => old.once('error', resolve))).toBeInstanceOf(Error);
    const plain = connect(running.port, '127.0.0.1', () => plain.write('GET / HTTP/1.1\r\n\r\n'));
    plain.on('error', () => undefined);
    plain.resume();
    await new Promise((resolve) => plain.once('close', resolve));
    const client = new RawClient(running.url, { ca: ca.pem });
    expect((await client.call(PUBLISH, Buffer.from('x'))).status).toBe(0);
    client.close();
  });

  it('takes a new certificate and CA without dropping a stream', async () => {
    const before = await ca.issue('CN=before');
    await using running = await startEngine(engine, {
      tls: { ...server, clientCa: ca.pem, clientCertificate: 'required' },
    });
    const early = new RawClient(running.url, { ca: ca.pem, ...before });
    const stream = early.open(SUBSCRIBE, EMPTY).read();
    await running.service.opened(1);

    const no = Buffer.from('no');
    const fresh = await ca.issue('CN=broker');
    for (const [field, broken] of [
      ['tls.cert', { ...fresh, cert: no, clientCa: undefined }],
      ['tls.key', { ...fresh, key: no, clientCa: undefined }],
      ['tls.key', { ...fresh, key: server.key, clientCa: undefined }],
      ['tls.clientCa', { ...fresh, clientCa: no }],
    ] as const) {
      expect(() => running.engine.setTls({ ...broken, clientCertificate: 'optional' })).toThrow(
        expect.objectContaining({ code: 'invalid_option', field, message: expect.stringContaining(field) }),
      );
    }
    running.engine.setTls({
      ...(await otherCa.issue('CN=broker')),
      clientCa: otherCa.pem,
      clientCertificate: 'required',
    });

    running.service.subscription(0).stream.write(Buffer.from('still here'));
    expect((await stream.messages(1)).map(String)).toEqual(['still here']);
    const refused = new RawClient(running.url, { ca: otherCa.pem, ...before });
    expect((await refused.call(PUBLISH, Buffer.from('x'))).status).toBeUndefined();
    const late = new RawClient(running.url, { ca: otherCa.pem, ...(await otherCa.issue('CN=after')) });
    late.open(SUBSCRIBE, EMPTY).read();
    await running.service.opened(2);
    expect(running.service.subscription(1).stream.peer.certificate?.commonName).toBe('after');
    early.close();
    late.close();
  });
});
