import { Server, ServerCredentials } from '@grpc/grpc-js';
import { CeBrokerError, decodePublishAnswer, encodePublishBatch } from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import { frame } from '../rpc/support/raw-client.js';
import { describeBroker, extensionClient, Publishing } from './support/extension.js';
import { DATA_TYPE, eventOf, events, gate, Running, subscribed } from './support/running.js';

const PUBLISH_STREAM = '/ce_broker.v1.Broker/PublishStream';

it('says what the broker is, where it is, and what it takes', async () => {
  await using running = await Running.start({ maxMessageBytes: 2 * 1024 * 1024 });
  const client = extensionClient(running.port);
  const before = await describeBroker(client);
  expect(before.features).toEqual(['publish-stream', 'watch', 'resume']);
  expect(before.version).toMatch(/^\d+\.\d+\.\d+/);
  expect(before.epoch).not.toBe('');
  expect(before.position).toBe(0n);
  expect(before.limits).toMatchObject({ maxMessageBytes: 2_097_152n, heartbeatIntervalMs: 10_000n });
  const publishing = new Publishing(client);
  publishing.send([eventOf(), eventOf({ resourceId: 'r2' })]);
  await publishing.settled(2);
  const after = await describeBroker(client);
  expect([after.epoch, after.position]).toEqual([before.epoch, 2n]);
  client.close();
});

describe('a stream of publishes', () => {
  it('is told its window first, keeps the order, and acknowledges up to a number', async () => {
    await using running = await Running.start();
    const client = extensionClient(running.port);
    const agent = await subscribed(running.client(), { clusterName: 'c1' });
    const publishing = new Publishing(client);
    await publishing.until(() => publishing.answers.length > 0);
    expect(publishing.answers[0]).toMatchObject({ acknowledged: 0n, windowBytes: 4_194_304n });
    const sent = Array.from({ length: 500 }, (_, index) => eventOf({ resourceId: `r${index}` }));
    for (let at = 0; at < sent.length; at += 50) publishing.send(sent.slice(at, at + 50));
    await publishing.settled(500);
    const got = await events(agent, 500);
    expect(got.map(({ id }) => id)).toEqual(sent.map(({ id }) => id));
    expect(publishing.refusals.size).toBe(0);
    expect(publishing.early).toEqual([]);
    // Far fewer answers than events: one for all that a turn settles.
    expect(publishing.answers.length).toBeLessThan(20);
    publishing.call.end();
    expect((await publishing.end()).code).toBe(0);
    client.close();
  });

  it('refuses one event as a Publish would, and goes on', async () => {
    await using running = await Running.start();
    const client = extensionClient(running.port);
    const publishing = new Publishing(client);
    publishing.send([
      eventOf({ resourceId: 'mine' }),
      eventOf({ resourceId: 'mine', source: 'other' }),
      eventOf({ resourceId: '' }),
      eventOf({ resourceId: 'also-mine' }),
    ]);
    await publishing.settled(4);
    expect([...publishing.refusals.keys()]).toEqual([2, 3]);
    expect(publishing.refusals.get(2)).toMatch(/^7 .*belongs to source s1/);
    expect(publishing.refusals.get(3)).toMatch(/^3 resourceid is empty/);
    const raw = running.client().open(PUBLISH_STREAM, undefined).read();
    raw.stream.write(frame(encodePublishBatch({ firstSequence: 1, events: [Buffer.from('no event')] })));
    const [, answer] = await raw.messages(2);
    expect(decodePublishAnswer(answer ?? Buffer.alloc(0))).toMatchObject({
      acknowledged: 1,
      refusals: [{ sequence: 1, code: 3 }],
    });
    raw.stream.close();
    client.close();
  });

  it('ends when a number is left out, after it has answered the rest', async () => {
    await using running = await Running.start();
    const client = extensionClient(running.port);
    const publishing = new Publishing(client);
    publishing.send([eventOf()]);
    publishing.send([eventOf()], 3);
    expect(await publishing.end()).toMatchObject({
      code: 3,
      details: expect.stringContaining('first_sequence is 3'),
    });
    expect(publishing.acknowledged).toBe(1);
    client.close();
  });

  it("waits for a service's word on one event only, and passes its refusal on", async () => {
    await using running = await Running.start();
    const client = extensionClient(running.port);
    const decided = gate<Error | undefined>();
    running.broker.registerService('example.com.v1.leases', {
      list: () => [],
      handle: async () => {
        const refusal = await decided.opened;
        if (refusal !== undefined) throw refusal;
      },
    });
    const publishing = new Publishing(client);
    publishing.send([
      eventOf({ dataType: 'example.com.v1.leases' }),
      eventOf(),
      eventOf({ resourceId: 'r2' }),
    ]);
    await publishing.until(() => publishing.early.length === 2);
    expect([publishing.acknowledged, publishing.early]).toEqual([0, [2, 3]]);
    decided.open(new CeBrokerError('aborted', 'somebody was faster'));
    await publishing.settled(3);
    expect(publishing.refusals.get(1)).toMatch(/^9 .*somebody was faster/);
    client.close();
  });

  it('is answered what it sent before the broker goes', async () => {
    await using running = await Running.start();
    const client = extensionClient(running.port);
    const handled = gate();
    const decided = gate();
    running.broker.registerService(DATA_TYPE, {
      list: () => [],
      handle: async () => {
        handled.open();
        await decided.opened;
      },
    });
    const publishing = new Publishing(client);
    publishing.send([eventOf()]);
    await handled.opened;
    const closed = running.broker.close();
    decided.open();
    expect(await publishing.end()).toMatchObject({ code: 14 });
    expect(publishing.acknowledged).toBe(1);
    await closed;
    client.close();
  });

  it('is refused without a known token, and ends when its token is no longer known', async () => {
    await using running = await Running.start({ tokens: [{ token: 'secret', user: 'u1', groups: [] }] });
    const refused = running.client().open(PUBLISH_STREAM, undefined).read();
    expect((await refused.done).status).toBe(16);
    const token = { authorization: 'Bearer secret' };
    const call = running.client().open(PUBLISH_STREAM, undefined, token).read();
    await call.messages(1);
    call.stream.end();
    expect((await call.done).status).toBe(0);
  });

  it('reads no further than its window while a service has its events', async () => {
    await using running = await Running.start({ maxMessageBytes: 1024 * 1024 });
    const client = extensionClient(running.port);
    const decided = gate();
    let inHand = 0;
    running.broker.registerService(DATA_TYPE, {
      list: () => [],
      handle: async () => {
        inHand += 1;
        await decided.opened;
      },
    });
    const publishing = new Publishing(client);
    const data = 'x'.repeat(100_000);
    for (let sent = 0; sent < 60; sent += 1) publishing.send([eventOf({ resourceId: `r${sent}`, data })]);
    for (let turn = 0; turn < 300; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(inHand).toBeGreaterThan(5);
    expect(inHand).toBeLessThan(15);
    decided.open();
    await publishing.settled(60);
    expect(inHand).toBe(60);
    client.close();
  });

  it("works on a server of the user's own", async () => {
    await using running = await Running.start({ listen: false });
    const server = new Server();
    running.broker.attach(server);
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    const client = extensionClient(port);
    const publishing = new Publishing(client);
    publishing.send(Array.from({ length: 100 }, (_, index) => eventOf({ resourceId: `r${index}` })));
    await publishing.settled(100);
    expect((await describeBroker(client)).position).toBe(100n);
    publishing.call.end();
    expect((await publishing.end()).code).toBe(0);
    client.close();
    server.forceShutdown();
  });
});
