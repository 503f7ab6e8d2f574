import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { LineLimit } from '../../src/server/line-limit.js';
import { TestCa } from '../rpc/support/certificates.js';
import { DATA_TYPE, eventOf, PUBLISH, publish, Running } from './support/running.js';

const ADDRESS = expect.stringMatching(/:[1-9]\d*$/);

it('of one kind, so many lines are let through in a second, and the others counted', () => {
  let now = 0;
  const limit = new LineLimit(2, { now: () => now });
  expect([limit.allows(), limit.allows(), limit.allows()]).toEqual([true, true, false]);
  expect(limit.takeLeftOut()).toBe(0);
  now = 1_000;
  expect(limit.takeLeftOut()).toBe(1);
  expect(limit.takeLeftOut()).toBe(0);
  expect(limit.allows()).toBe(true);
});

describe('what an operator finds in the log', () => {
  it('what was refused, with the address of who sent it, readable or not', async () => {
    await using running = await Running.start();
    const client = running.client();
    await client.call(PUBLISH, new Uint8Array(0));
    await publish(client, eventOf({ cluster: '' }));
    const refused = running.lines.filter(({ message }) => message === 'refused');
    expect(refused.map(({ fields }) => fields)).toEqual([
      expect.objectContaining({ code: 'invalid_argument', peer: ADDRESS }),
      expect.objectContaining({ code: 'invalid_argument', peer: ADDRESS }),
    ]);
  });

  it('for developers, why a publish had no effect', async () => {
    await using running = await Running.start();
    const client = running.client();
    const newest = eventOf({ version: 3 });
    await publish(client, newest);
    await publish(client, newest);
    await publish(client, eventOf({ version: 2 }));
    const lines = running.lines.filter(({ message }) => message === 'a publish had no effect');
    const about = { source: 's1', type: `${DATA_TYPE}.spec.create_request`, cluster: 'c1', resourceId: 'r1' };
    expect(lines.map(({ level, fields }) => ({ level, ...fields }))).toEqual([
      { level: 'debug', reason: 'duplicate', ...about, peer: ADDRESS },
      { level: 'debug', reason: 'stale', ...about, peer: ADDRESS },
    ]);
  });

  it('a TLS handshake that failed, and how many did by reason', async () => {
    const { cert, key } = await (await TestCa.create('fleet')).issue('CN=broker');
    await using running = await Running.start({ tls: { cert, key }, admin: '127.0.0.1:0' });
    for (let n = 0; n < 3; n += 1) {
      const plain = connect(running.port, '127.0.0.1', () => plain.write('GET / HTTP/1.1\r\n\r\n'));
      plain.on('error', () => undefined);
      plain.resume();
      await new Promise((resolve) => plain.once('close', resolve));
    }
    await expect.poll(() => running.broker.status().counters.handshakesFailed).toEqual({ plaintext: 3 });
    const lines = running.lines.filter(({ message }) => /TLS handshake failed: .*plain text/.test(message));
    expect(lines[0]).toMatchObject({ level: 'warn', fields: { peer: ADDRESS, reason: 'plaintext' } });
    const metrics = await (await running.fetch('/metrics')).text();
    expect(metrics).toContain('ce_broker_handshakes_failed_total{reason="plaintext"} 3');
  });

  it('who was shut out by the engine h2, over which limit, and how many were', async () => {
    await using running = await Running.start({
      rpcEngine: 'h2',
      http2: { settingsPerSecond: 1 },
      admin: '127.0.0.1:0',
    });
    const honest = running.client();
    for (let n = 0; n < 2; n += 1) {
      const flood = connect(running.port, '127.0.0.1', () => {
        flood.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
        flood.write(
          Buffer.concat(Array.from({ length: 50 }, () => Buffer.from('000000040000000000', 'hex'))),
        );
      });
      flood.on('error', () => undefined);
      flood.resume();
      await new Promise((resolve) => flood.once('close', resolve));
    }
    await expect.poll(() => running.broker.status().counters.offenders).toEqual({ settings: 2 });
    const lines = running.lines.filter(({ message }) =>
      /a peer was shut out: .*settingsPerSecond/.test(message),
    );
    expect(lines[0]).toMatchObject({ level: 'warn', fields: { peer: ADDRESS, kind: 'settings' } });
    const metrics = await (await running.fetch('/metrics')).text();
    expect(metrics).toContain('ce_broker_offenders_total{kind="settings"} 2');
    expect((await publish(honest, eventOf({}))).status).toBe(0);
  });
});
