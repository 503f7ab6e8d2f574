import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Pem, TestCa } from '../rpc/support/certificates.js';
import { RawClient } from '../rpc/support/raw-client.js';
import { eventOf, openSubscription, publish, Running, statusOf, subscribed } from './support/running.js';

const UNAUTHENTICATED = 16;
const PERMISSION_DENIED = 7;

let folder: string;
let ca: TestCa;
let server: Pem;
let client: Pem;
let stranger: Pem;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ce-broker-auth-'));
  ca = await TestCa.create('test CA');
  server = await ca.issue('CN=localhost');
  client = await ca.issue('CN=alice, O=agents, O=ops');
  stranger = await (await TestCa.create('another CA')).issue('CN=alice');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function tlsClient(running: Running, pem?: Pem): RawClient {
  return new RawClient(`https://localhost:${running.port}`, { ca: ca.pem, cert: pem?.cert, key: pem?.key });
}

describe('bearer tokens', () => {
  const tokens = [{ token: 'abc', user: 'alice' }];

  it('a known token comes in, as the user that it stands for', async () => {
    await using running = await Running.start({ tokens });
    const raw = running.client();
    expect((await publish(raw, eventOf(), { authorization: 'Bearer abc' })).status).toBe(0);
    await subscribed(raw, { clusterName: 'c1' }, { authorization: 'Bearer abc' });
    expect(running.lines.find(({ message }) => message === 'subscribed')?.fields).toMatchObject({
      user: 'alice',
    });
  });

  it.each([
    ['without a token', {}, /no credentials/],
    ['with a wrong token', { authorization: 'Bearer abd' }, /not known/],
  ])('%s: UNAUTHENTICATED, and a subscription loses its connection', async (_name, headers, message) => {
    await using running = await Running.start({ tokens });
    const raw = running.client();
    const outcome = await publish(raw, eventOf(), headers as Record<string, string>);
    expect(outcome.status).toBe(UNAUTHENTICATED);
    expect(outcome.message).toMatch(message);
    const refused = await openSubscription(raw, { clusterName: 'c1' }, headers as Record<string, string>)
      .done;
    expect(refused.status).toBe(UNAUTHENTICATED);
    await raw.closed;
    expect(running.broker.status().counters.refused).toEqual({ unauthenticated: 2 });
  });

  it('a token that is taken out of its file ends its subscriptions; a broken file changes nothing', async () => {
    const tokenFile = join(folder, 'tokens.csv');
    writeFileSync(tokenFile, 'abc,alice,1\ndef,bob,2,"ops"\n');
    await using running = await Running.start({ tokenFile });
    const [alice, bob] = [running.client(), running.client()];
    const first = await subscribed(alice, { clusterName: 'c1' }, { authorization: 'Bearer abc' });
    await subscribed(bob, { clusterName: 'c2' }, { authorization: 'Bearer def' });
    writeFileSync(tokenFile, 'def,bob,2,"ops"\nghi\n');
    await running.log.said(/cannot be used/);
    expect(running.broker.status().sessions.agents).toBe(2);
    writeFileSync(tokenFile, 'def,bob,2,"ops"\n');
    expect(await first.done).toMatchObject({ status: UNAUTHENTICATED });
    await alice.closed;
    expect((await publish(running.client(), eventOf(), { authorization: 'Bearer abc' })).status).toBe(
      UNAUTHENTICATED,
    );
    expect((await publish(bob, eventOf(), { authorization: 'Bearer def' })).status).toBe(0);
    expect(running.broker.status().sessions.agents).toBe(1);
  });
});

describe('client certificates', () => {
  it('the subject is the identity', async () => {
    await using running = await Running.start({
      tls: { cert: server.cert, key: server.key, clientCa: ca.pem },
    });
    const raw = tlsClient(running, client);
    await subscribed(raw, { clusterName: 'c1' });
    expect(running.lines.find(({ message }) => message === 'subscribed')?.fields).toMatchObject({
      user: 'alice',
    });
    expect((await publish(raw, eventOf())).status).toBe(0);
    raw.close();
  });

  it.each([
    ['none', () => undefined],
    ['one of another CA', () => stranger],
  ])('%s: no way in', async (_name, pem) => {
    await using running = await Running.start({
      tls: { cert: server.cert, key: server.key, clientCa: ca.pem },
    });
    const raw = tlsClient(running, pem());
    expect((await publish(raw, eventOf())).status).toBeUndefined();
    raw.close();
    expect(running.broker.status().connections.open).toBe(0);
  });

  it('with tokens beside it one of the two is enough', async () => {
    await using running = await Running.start({
      tls: { cert: server.cert.toString(), key: server.key.toString(), clientCa: ca.pem.toString() },
      tokens: [{ token: 'abc', user: 'bob' }],
    });
    const [withCertificate, withToken, withNothing] = [
      tlsClient(running, client),
      tlsClient(running),
      tlsClient(running),
    ];
    expect((await publish(withCertificate, eventOf())).status).toBe(0);
    expect(
      (await publish(withToken, eventOf({ resourceId: 'r2' }), { authorization: 'Bearer abc' })).status,
    ).toBe(0);
    expect((await publish(withNothing, eventOf())).status).toBe(UNAUTHENTICATED);
    for (const raw of [withCertificate, withToken, withNothing]) raw.close();
  });

  it('files are read again when they change: new connections get the new certificate', async () => {
    const [cert, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
    writeFileSync(cert, server.cert);
    writeFileSync(key, server.key);
    await using running = await Running.start({ tls: { cert, key } });
    const before = tlsClient(running);
    expect((await publish(before, eventOf())).status).toBe(0);
    const next = await ca.issue('CN=localhost, O=second');
    writeFileSync(key, next.key);
    writeFileSync(cert, next.cert);
    await running.log.said(/certificate read again/);
    expect(await subjectOf(running)).toMatchObject({ O: 'second' });
    expect((await publish(before, eventOf({ resourceId: 'r2' }))).status).toBe(0);
    before.close();
  });

  it('a key of another certificate, and a file that is no PEM, are named', async () => {
    const path = join(folder, 'not.pem');
    writeFileSync(path, 'nonsense');
    await expect(Running.start({ tls: { cert: server.cert, key: client.key } })).rejects.toMatchObject({
      code: 'invalid_option',
      field: 'tls.key',
    });
    await expect(Running.start({ tls: { cert: path, key: server.key } })).rejects.toMatchObject({
      code: 'invalid_option',
      field: 'tls.cert',
      message: expect.stringContaining(path),
    });
  });
});

describe('roles', () => {
  it('a subscription must fit the role, and the role tells which way a spec goes', async () => {
    await using running = await Running.start({
      tokens: [
        { token: 'hub', user: 'hub' },
        { token: 'edge', user: 'edge', groups: ['clusters'] },
      ],
      roles: { sources: ['hub'], agents: ['clusters'] },
    });
    const raw = running.client();
    const hub = { authorization: 'Bearer hub' };
    const edge = { authorization: 'Bearer edge' };
    const refused = await openSubscription(raw, { source: 's1' }, edge).done;
    expect(refused).toMatchObject({ status: PERMISSION_DENIED });
    const source = await subscribed(raw, { source: 's1' }, hub);
    await subscribed(raw, { clusterName: 'c1' }, edge);
    const upward = eventOf({ source: 'edge', extensions: { originalsource: 's1' } });
    expect((await publish(raw, upward, edge)).status).toBe(0);
    expect(await source.messages(1)).toHaveLength(1);
    expect((await publish(raw, statusOf(), edge)).status).toBe(0);
  });
});

function subjectOf({ port }: Running): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: 'localhost', port, ca: ca.pem, servername: 'localhost', ALPNProtocols: ['h2'] },
      () => {
        resolve(socket.getPeerCertificate().subject);
        socket.destroy();
      },
    );
    socket.once('error', reject);
  });
}
