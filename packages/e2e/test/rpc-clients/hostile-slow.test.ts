import { describe, expect, test } from 'vitest';
import { GrpcConnection, pause, RawPeer } from '../../src/index.js';
import {
  publish,
  publishBody,
  publishHead,
  subscribeBody,
  subscribeHead,
} from '../../src/raw-http2/abuses.js';
import {
  DATA,
  data,
  ENHANCE_YOUR_CALM,
  GOAWAY,
  headers,
  INITIAL_WINDOW_SIZE,
  PREFACE,
  SETTINGS_TIMEOUT,
  settings,
  windowUpdate,
} from '../../src/raw-http2/frames.js';
import { dripping, hostileGround, nobodyElse } from './hostile-support.js';
import { widget } from './tools-support.js';

const PUBLISH = '/io.cloudevents.v1.CloudEventService/Publish';

describe('a peer that is slow', () => {
  const ground = hostileGround([
    '--http2',
    'prefaceTimeout=1s,settingsTimeout=1s,requestIdle=1s,requestTimeout=3s',
  ]);

  test.each([
    ['nothing at all', Buffer.alloc(0)],
    ['half a preface', PREFACE.subarray(0, 10)],
    ['a preface without SETTINGS', PREFACE],
  ])('says %s, and is let go', async (_what, first) => {
    const peer = await RawPeer.open(ground.grpc, { first });
    await peer.ended;
    await ground.honest.goesOn();
    await nobodyElse(ground.broker);
  });

  test('never acknowledges SETTINGS, and is let go', async () => {
    const peer = await RawPeer.open(ground.grpc, { silent: true });
    expect((await peer.ended).goAway).toBe(SETTINGS_TIMEOUT);
  });

  test('stops in the middle of a request: that ends, the connection goes on', async () => {
    const peer = await RawPeer.open(ground.grpc);
    const half = peer.streamId();
    await peer.send(Buffer.concat([headers(half, publishHead), data(half, publishBody.subarray(0, 20), 0)]));
    const mute = peer.streamId();
    await peer.send(headers(mute, publishHead));
    expect(await peer.streamEnd(half)).toBeDefined();
    expect(await peer.streamEnd(mute)).toBeDefined();
    const whole = await peer.call(PUBLISH, publishBody);
    expect(await peer.streamEnd(whole)).toMatchObject({ type: 1 });
    expect(peer.over).toBe(false);
    peer.close();
  });

  test('drips a request, so that it is never idle: it has its time, and no more', async () => {
    const peer = await RawPeer.open(ground.grpc);
    const slow = peer.streamId();
    await peer.send(headers(slow, publishHead));
    let over = false;
    const end = peer.streamEnd(slow).finally(() => {
      over = true;
    });
    for (let at = 0; at < publishBody.length && !over; at += 1) {
      await peer.send(data(slow, publishBody.subarray(at, at + 1), 0));
      await pause(100);
    }
    expect(over).toBe(true);
    expect(await end).toBeDefined();
    expect(peer.over).toBe(false);
    peer.close();
  });

  test('stops in the middle of a header block, and is let go', async () => {
    const peer = await RawPeer.open(ground.grpc);
    await peer.settled();
    await peer.send(headers(peer.streamId(), publishHead, 0));
    expect((await peer.ended).goAway).toBeDefined();
  });

  test('stops in the middle of a frame: the request ends', async () => {
    const peer = await RawPeer.open(ground.grpc);
    await peer.settled();
    const streamId = peer.streamId();
    await peer.send(
      Buffer.concat([headers(streamId, publishHead), data(streamId, publishBody).subarray(0, 30)]),
    );
    expect(await peer.streamEnd(streamId)).toBeDefined();
    peer.close();
  });
});

describe('a network that hands on single bytes', () => {
  const ground = hostileGround();

  test('publishes and events arrive whole', { timeout: 60_000 }, async () => {
    const relay = await dripping(ground.grpc);
    const [source, agent] = await Promise.all([
      GrpcConnection.open(relay.address),
      GrpcConnection.open(relay.address),
    ]);
    const got: number[] = [];
    await new Promise<void>((resolve) => {
      agent.subscribe(
        { source: '', clusterName: 'drip', dataType: '' },
        { opened: resolve, message: (bytes) => got.push(bytes.length) },
      );
    });
    const sizes = [0, 1, 100, 1_000, 5_000];
    for (const size of sizes) {
      const { code, message } = await source.publish(widget(`drip-${size}`, size, 1, 'drip'));
      expect([code, message]).toEqual([0, expect.anything()]);
    }
    const refused = await source.unary(PUBLISH, Buffer.alloc(5));
    expect(refused.code).toBe(3);
    const wanted = sizes.map((size) => widget(`drip-${size}`, size, 1, 'drip').length);
    await expect.poll(() => got, { timeout: 20_000 }).toEqual(wanted);
    source.close();
    agent.close();
    await relay.close();
    await ground.honest.goesOn();
  });
});

describe('a peer that takes little', () => {
  const ground = hostileGround(['--drain-timeout', '2s', '--http2', 'maxUnreadBytesPerConnection=1MiB']);

  test('a stream whose window is one byte holds only itself', { timeout: 60_000 }, async () => {
    const first = Buffer.concat([PREFACE, settings({ [INITIAL_WINDOW_SIZE]: 1 })]);
    const peer = await RawPeer.open(ground.grpc, { first });
    const stalled = peer.streamId();
    await peer.send(Buffer.concat([headers(stalled, subscribeHead), data(stalled, subscribeBody)]));
    const source = await GrpcConnection.open(ground.grpc);
    // More than a stream buffers, so that the broker sees that it takes nothing.
    for (let id = 0; id < 40; id += 1)
      expect((await source.publish(widget(`stall-${id}`, 20_000, 1, 'abuse'))).code).toBe(0);
    // What its window lets through arrives; no more.
    const here = await peer.frame(({ type, streamId }) => type === DATA && streamId === stalled);
    expect(here?.payload.length).toBe(1);
    for (let call = 0; call < 20; call += 1) {
      const streamId = await peer.call(PUBLISH, publishBody);
      await peer.send(windowUpdate(streamId, 100));
      expect(await peer.streamEnd(streamId)).toMatchObject({ type: 1 });
    }
    const bytes = peer.frames.filter(({ type, streamId }) => type === DATA && streamId === stalled);
    expect(bytes.reduce((sum, { payload }) => sum + payload.length, 0)).toBe(1);
    // It is ended as any subscriber that takes nothing.
    await peer.streamEnd(stalled);
    await expect.poll(async () => (await ground.broker.status()).counters.evictions).not.toEqual({});
    await ground.honest.goesOn();
    peer.close();
    source.close();
    await nobodyElse(ground.broker);
  });

  test('a window of nothing for a thousand answers costs what a thousand streams cost', async () => {
    const first = Buffer.concat([PREFACE, settings({ [INITIAL_WINDOW_SIZE]: 0 })]);
    const peer = await RawPeer.open(ground.grpc, { first });
    const calls = [];
    for (let call = 0; call < 1_000; call += 1) calls.push(await peer.call(PUBLISH, publishBody));
    await ground.honest.goesOn();
    expect(peer.over).toBe(false);
    for (const streamId of calls) await peer.send(windowUpdate(streamId, 5));
    for (const streamId of calls) expect(await peer.streamEnd(streamId)).toMatchObject({ type: 1 });
    peer.close();
  });

  test('a peer that never reads leaves no more unread than its limit, and goes with a line in the log', {
    timeout: 60_000,
  }, async () => {
    const before = await ground.broker.rssCollected();
    const first = Buffer.concat([PREFACE, settings({ [INITIAL_WINDOW_SIZE]: 0x7fffffff })]);
    const peer = await RawPeer.open(ground.grpc, { first, deaf: true, silent: true });
    await peer.send(windowUpdate(0, 0x7fff0000 - 65_535));
    // An answer has some thirty bytes, and the system takes the first hundred thousand of them for the peer.
    for (let calls = 0; calls < 400_000 && !peer.over; calls += 500)
      await peer.send(Buffer.concat(Array.from({ length: 500 }, () => publish(peer.streamId()))));
    const line = await ground.logLine(peer);
    expect(line).toMatch(/maxUnreadBytesPerConnection/);
    peer.resume();
    const { goAway } = await peer.ended;
    expect([undefined, ENHANCE_YOUR_CALM]).toContain(goAway);
    expect(peer.frames.filter(({ type }) => type === GOAWAY).length).toBeLessThan(2);
    await ground.honest.goesOn();
    expect((await ground.broker.rssCollected()) - before).toBeLessThan(64 * 1024 * 1024);
    await nobodyElse(ground.broker);
  });
});
