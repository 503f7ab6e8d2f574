import { encodeEvent, encodeSubscriptionRequest } from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import { frame } from '../rpc/support/raw-client.js';
import {
  DATA_TYPE,
  eventOf,
  gate,
  openSubscription,
  publish,
  Running,
  SUBSCRIBE,
  statusOf,
  subscribed,
} from './support/running.js';

const RESOURCE_EXHAUSTED = 8;
const UNAVAILABLE = 14;

describe('drain', () => {
  it('publishes in flight are answered, streams told UNAVAILABLE, then GOAWAY, and everything is closed', async () => {
    await using running = await Running.start();
    const handled = gate();
    const release = gate();
    running.broker.registerService(DATA_TYPE, {
      list: () => [],
      handle: async () => {
        handled.open();
        await release.opened;
      },
    });
    const client = running.client();
    const stream = await subscribed(client, { clusterName: 'c1' });
    const inFlight = publish(client, statusOf());
    await handled.opened;
    const closing = running.broker.close();
    expect(await stream.done).toMatchObject({ status: UNAVAILABLE });
    release.open();
    expect((await inFlight).status).toBe(0);
    await Promise.all([client.goaway, client.closed, closing, running.broker.closed]);
    expect(running.broker.status().state).toBe('closed');
  });

  it('what comes while it drains is refused as UNAVAILABLE', async () => {
    await using running = await Running.start();
    const handled = gate();
    const release = gate();
    running.broker.registerService(DATA_TYPE, {
      list: () => [],
      handle: async () => {
        handled.open();
        await release.opened;
      },
    });
    const client = running.client();
    const inFlight = publish(client, statusOf());
    await handled.opened;
    const closing = running.broker.close();
    expect((await publish(client, eventOf({ dataType: 'a.b.c' }))).status).toBe(UNAVAILABLE);
    expect((await openSubscription(client, { clusterName: 'c1' }).done).status).toBe(UNAVAILABLE);
    release.open();
    expect((await inFlight).status).toBe(0);
    await closing;
  });

  it('a service that never answers does not hold the close beyond its grace', async () => {
    const running = await Running.start();
    const handled = gate<AbortSignal>();
    running.broker.registerService(DATA_TYPE, {
      list: () => [],
      handle: (_event, { signal }) => {
        handled.open(signal);
        return new Promise(() => undefined);
      },
    });
    const client = running.client();
    const inFlight = publish(client, statusOf());
    const signal = await handled.opened;
    await running.broker.close({ graceMs: 200 });
    expect(signal.aborted).toBe(true);
    expect((await inFlight).status).not.toBe(0);
    client.close();
  });

  it('a publish in flight on a server of the user, or inside the process, is answered too', async () => {
    await using running = await Running.start({ listen: false });
    const handled = gate();
    const release = gate();
    running.broker.registerService(DATA_TYPE, {
      list: () => [],
      handle: async () => {
        handled.open();
        await release.opened;
      },
    });
    const transport = running.broker.inProcessTransport();
    const inFlight = transport.publish(encodeEvent(statusOf()));
    await handled.opened;
    const closing = running.broker.close();
    await expect(transport.publish(encodeEvent(eventOf()))).rejects.toMatchObject({ code: 'unavailable' });
    release.open();
    await inFlight;
    await closing;
  });

  it('close is idempotent, and after it the port is free', async () => {
    const running = await Running.start();
    const { port } = running;
    await Promise.all([running.broker.close(), running.broker.close()]);
    await running.broker[Symbol.asyncDispose]();
    await using next = await Running.start({ listen: `127.0.0.1:${port}` });
    expect(next.port).toBe(port);
    expect(() =>
      running.broker.registerService(DATA_TYPE, { list: () => [], handle: () => undefined }),
    ).toThrow(expect.objectContaining({ code: 'unavailable' }));
  });
});

describe('limits', () => {
  it('one subscription too many on a connection: RESOURCE_EXHAUSTED, and the connection ends', async () => {
    await using running = await Running.start({ maxSubscriptionsPerConnection: 2 });
    const client = running.client();
    await subscribed(client, { clusterName: 'c1' });
    await subscribed(client, { clusterName: 'c2' });
    const third = await openSubscription(client, { clusterName: 'c3' }).done;
    expect(third.status).toBe(RESOURCE_EXHAUSTED);
    expect(third.message).toMatch(/maxSubscriptionsPerConnection/);
    await client.closed;
    expect(running.broker.status().sessions.agents).toBe(0);
    await subscribed(running.client(), { clusterName: 'c1' });
  });

  it('closed subscriptions no longer count', async () => {
    await using running = await Running.start({ maxSubscriptionsPerConnection: 1 });
    const client = running.client();
    for (let round = 0; round < 3; round += 1) {
      const call = await subscribed(client, { clusterName: 'c1' });
      call.stream.close();
      await call.done;
      await running.log.said(/subscription ended/);
      await expect.poll(() => running.broker.status().sessions.agents).toBe(0);
    }
  });

  it('a subscriber that takes nothing is ended with RESOURCE_EXHAUSTED within its drain timeout, and others get everything', async () => {
    await using running = await Running.start({ drainTimeoutMs: 500, streamBufferBytes: 16 * 1024 });
    const frozen = running.client();
    const lively = running.client();
    // It is never read, so flow control stops the broker after a window.
    const stuck = frozen.open(
      SUBSCRIBE,
      frame(encodeSubscriptionRequest({ source: '', clusterName: 'c1', dataType: '' })),
    );
    await stuck.headers;
    const other = await subscribed(lively, { clusterName: 'c1' });
    const publisher = running.client();
    const data = JSON.stringify('x'.repeat(64 * 1024));
    for (let index = 0; index < 20; index += 1)
      await publish(publisher, eventOf({ resourceId: `r${index}`, data }));
    await running.log.said(/did not keep up/);
    expect(await other.messages(20)).toHaveLength(20);
    await frozen.closed;
    const status = running.broker.status();
    expect(status.counters.evictions).toEqual({ frozen: 1 });
    expect(status.sessions.agents).toBe(1);
  });
});
