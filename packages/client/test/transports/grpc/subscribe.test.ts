import { once } from 'node:events';
import type { CloudEventTransport } from 'ce-broker-proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectGrpc } from '../../../src/transports/grpc/grpc-events-options.js';
import { Recorder } from './support/recorder.js';
import { TestServer, type TestStream } from './support/test-server.js';

const AGENT = { source: '', clusterName: 'cluster1', dataType: 'a.b.c' };

describe('a subscription over gRPC', () => {
  let server: TestServer;
  let transport: CloudEventTransport;

  beforeEach(async () => {
    server = await TestServer.start();
    transport = await connectGrpc({ url: server.url });
  });

  afterEach(async () => {
    await transport.close();
    server.stop();
  });

  test('opens with the headers, hands on each message in order, and closes by itself without an error', async () => {
    server.onSubscribe = (stream) => {
      for (let n = 0; n < 100; n += 1) stream.write(Buffer.from([n]));
    };
    const heard = new Recorder();
    const subscription = await transport.subscribe(AGENT, heard);
    expect(subscription.id).toBe('sub-1');
    await heard.received(100);
    expect(heard.events.map((event) => event[0])).toEqual(Array.from({ length: 100 }, (_, n) => n));
    await subscription.close();
    await subscription.close();
    expect(heard.ends).toEqual([undefined]);
  });

  test.each([
    { ids: [], id: '' },
    { ids: ['a', 'b'], id: 'a' },
  ])('takes the subscription ids $ids', async ({ ids, id }) => {
    server.ids = ids;
    const subscription = await transport.subscribe(AGENT, new Recorder());
    expect(subscription.id).toBe(id);
  });

  test('a signal ends an open one, and gives up one that is opening', async () => {
    const heard = new Recorder();
    const controller = new AbortController();
    await transport.subscribe(AGENT, heard, { signal: controller.signal });
    controller.abort();
    expect(heard.ends).toEqual([undefined]);
    await expect(
      transport.subscribe(AGENT, new Recorder(), { signal: controller.signal }),
    ).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('close of the transport ends all of them', async () => {
    const [one, two] = [new Recorder(), new Recorder()];
    await transport.subscribe(AGENT, one);
    await transport.subscribe(AGENT, two);
    await transport.close();
    expect([one.ends, two.ends]).toEqual([[undefined], [undefined]]);
    await expect(transport.subscribe(AGENT, new Recorder())).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('a listener that throws ends it as internal', async () => {
    server.onSubscribe = (stream) => stream.write(Buffer.from([1]));
    const heard = new Recorder();
    const thrown = new Error('a defect');
    await transport.subscribe(AGENT, {
      event: () => {
        throw thrown;
      },
      closed: (error) => heard.closed(error),
    });
    expect(await heard.ended()).toMatchObject({ code: 'internal', cause: thrown });
  });

  test('while it is paused the server is held back, and what waits on this side is bounded', async () => {
    const message = Buffer.alloc(16 * 1024);
    let stream: TestStream | undefined;
    let sent = 0;
    const flood = (to: TestStream): void => {
      for (let flows = true; flows && sent < 5_000; sent += 1) flows = to.write(message);
      if (sent < 5_000) to.once('drain', () => flood(to));
      else to.end();
    };
    server.onSubscribe = (opened) => {
      stream = opened;
    };
    const heard = new Recorder();
    const subscription = await transport.subscribe(AGENT, heard);
    subscription.pause();
    if (stream === undefined) throw new Error('no stream');
    const before = process.memoryUsage();
    flood(stream);
    // Other calls still work: the pause is the stream's alone. And they give the flood its time.
    for (let n = 0; n < 50; n += 1) await transport.publish(Buffer.from([10, 1, 65]));
    expect(heard.events.length).toBeLessThanOrEqual(1);
    expect(sent).toBeLessThan(500);
    const after = process.memoryUsage();
    expect(after.external + after.arrayBuffers - before.external - before.arrayBuffers).toBeLessThan(
      32 * 1024 * 1024,
    );
    subscription.resume();
    await once(stream, 'finish');
    await heard.ended();
    expect(heard.events).toHaveLength(5_000);
  });
});
