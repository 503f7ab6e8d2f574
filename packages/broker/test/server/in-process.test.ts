import {
  type CeBrokerError,
  decodeEvent,
  type Event,
  encodeEvent,
  isHeartbeat,
  type TransportListener,
} from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import { startBroker } from '../../src/index.js';
import { DATA_TYPE, eventOf, gate, Running, subscribed } from './support/running.js';

/** A listener that keeps what it hears. */
class Listener implements TransportListener {
  readonly heard: Event[] = [];
  readonly ended: Promise<CeBrokerError | undefined>;
  private end: (error: CeBrokerError | undefined) => void = () => undefined;
  private waiting: { count: number; resolve: () => void }[] = [];

  constructor() {
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  event(bytes: Uint8Array): void {
    if (isHeartbeat(bytes)) return;
    this.heard.push(decodeEvent(bytes));
    this.waiting = this.waiting.filter(({ count, resolve }) => {
      if (this.heard.length < count) return true;
      resolve();
      return false;
    });
  }

  closed(error: CeBrokerError | undefined): void {
    this.end(error);
  }

  has(count: number): Promise<void> {
    if (this.heard.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({ count, resolve }));
  }
}

const agentOf = (clusterName: string) => ({ source: '', clusterName, dataType: '' });

describe('the transport inside the process', () => {
  it('opens no subscription without the filters that were asked for', async () => {
    await using broker = await startBroker({ listen: false });
    await using transport = broker.inProcessTransport();
    const watch = { sources: ['hub'] };
    await expect(transport.subscribe(agentOf('c1'), new Listener(), { watch })).rejects.toMatchObject({
      code: 'unimplemented',
    });
    expect(broker.status().sessions.agents).toBe(0);
  });

  it('publishes and subscribes without a port', async () => {
    await using broker = await startBroker({ listen: false });
    await using transport = broker.inProcessTransport();
    const listener = new Listener();
    const subscription = await transport.subscribe(agentOf('c1'), listener);
    expect(subscription.id).toMatch(/^[0-9a-f-]{36}$/);
    const event = eventOf();
    await transport.publish(encodeEvent(event));
    await listener.has(1);
    expect(listener.heard[0]?.id).toBe(event.id);
    await subscription.close();
    expect(await listener.ended).toBeUndefined();
    expect(broker.status().sessions.agents).toBe(0);
  });

  it('meets those who come over a socket', async () => {
    await using running = await Running.start();
    await using transport = running.broker.inProcessTransport();
    const remote = await subscribed(running.client(), { clusterName: 'c1' });
    await transport.publish(encodeEvent(eventOf()));
    expect(await remote.messages(1)).toHaveLength(1);
  });

  it('refusals have the code and text of the wire', async () => {
    await using broker = await startBroker({ listen: false });
    await using transport = broker.inProcessTransport();
    await expect(transport.publish(encodeEvent(eventOf({ cluster: '' })))).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('clustername'),
    });
    const listener = new Listener();
    await expect(transport.subscribe(agentOf(''), listener)).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    expect(listener.heard).toEqual([]);
  });

  it('needs no credentials where others do, and has the identity that it was given', async () => {
    await using broker = await startBroker({
      listen: false,
      tokens: [{ token: 'abc', user: 'alice' }],
      roles: { agents: ['edge'] },
    });
    await using transport = broker.inProcessTransport({ user: 'edge' });
    await expect(
      transport.subscribe({ source: 's1', clusterName: '', dataType: '' }, new Listener()),
    ).rejects.toMatchObject({ code: 'permission_denied' });
    await transport.subscribe(agentOf('c1'), new Listener());
  });

  it('a paused subscriber converges on the newest', async () => {
    await using broker = await startBroker({ listen: false, streamBufferBytes: 16 * 1024 });
    await using transport = broker.inProcessTransport();
    const listener = new Listener();
    const subscription = await transport.subscribe(agentOf('c1'), listener);
    subscription.pause();
    const data = JSON.stringify('x'.repeat(8 * 1024));
    for (let version = 1; version <= 50; version += 1) {
      await transport.publish(
        encodeEvent(eventOf({ version, data, action: version === 1 ? 'create_request' : 'update_request' })),
      );
    }
    expect(broker.status().sessions.dirtyKeys).toBe(1);
    subscription.resume();
    await expect
      .poll(() => listener.heard.at(-1)?.extensions.get('resourceversion'))
      .toEqual({ kind: 'integer', value: 50 });
    expect(listener.heard.length).toBeLessThan(10);
  });

  it('closing the broker ends subscriptions as unavailable, and publishes after it fail', async () => {
    const broker = await startBroker({ listen: false });
    const transport = broker.inProcessTransport();
    const listener = new Listener();
    await transport.subscribe(agentOf('c1'), listener);
    await broker.close();
    expect(await listener.ended).toMatchObject({ code: 'unavailable' });
    await expect(transport.publish(encodeEvent(eventOf()))).rejects.toMatchObject({ code: 'unavailable' });
    await transport.close();
  });

  it('signal and timeout end the waiting', async () => {
    await using broker = await startBroker({ listen: false });
    broker.registerService(DATA_TYPE, { list: () => [], handle: () => new Promise(() => undefined) });
    await using transport = broker.inProcessTransport();
    const status = () => encodeEvent(eventOf({ sub: 'status' }));
    await expect(transport.publish(status(), { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'deadline_exceeded',
    });
    const controller = new AbortController();
    const waiting = transport.publish(status(), { signal: controller.signal });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
    await expect(transport.publish(status(), { signal: controller.signal })).rejects.toMatchObject({
      code: 'cancelled',
    });
    const listener = new Listener();
    const subscribing = new AbortController();
    await transport.subscribe(agentOf('c1'), listener, { signal: subscribing.signal });
    subscribing.abort();
    expect(await listener.ended).toBeUndefined();
  });

  it('a listener that throws loses its subscription, and nobody else notices', async () => {
    await using broker = await startBroker({ listen: false });
    await using transport = broker.inProcessTransport();
    const ended = gate<CeBrokerError | undefined>();
    await transport.subscribe(agentOf('c1'), {
      event: () => {
        throw new Error('a bug of the listener');
      },
      closed: (error) => ended.open(error),
    });
    const other = new Listener();
    await transport.subscribe(agentOf('c1'), other);
    await transport.publish(encodeEvent(eventOf()));
    expect(await ended.opened).toMatchObject({ code: 'internal' });
    await other.has(1);
    expect(broker.status().sessions.agents).toBe(1);
  });
});
