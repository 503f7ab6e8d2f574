import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { GrpcConnection, grpcFrame, RawPeer } from '../../src/index.js';
import { publishBody } from '../../src/raw-http2/abuses.js';
import { callFields, data, END_HEADERS, headers, newest, remembered } from '../../src/raw-http2/frames.js';
import { hostileGround, nobodyElse } from './hostile-support.js';

const PUBLISH = '/io.cloudevents.v1.CloudEventService/Publish';
const WATCH = '/grpc.health.v1.Health/Watch';
const MIB = 1024 * 1024;

describe('a peer that sends little and means much', () => {
  const ground = hostileGround();

  test('HPACK bombs are answered, cost no memory, and leave the table as it should be', {
    timeout: 60_000,
  }, async () => {
    const before = await ground.broker.rssCollected();
    const peer = await RawPeer.open(ground.grpc);
    // A field of nearly 4 KiB enters the table, and is meant eight thousand times: 32 MB in 12 KB.
    const calls = [];
    for (let bomb = 0; bomb < 300 && !peer.over; bomb += 1) {
      const streamId = peer.streamId();
      const block = Buffer.concat([
        callFields(PUBLISH),
        remembered('x-bomb', `${bomb}`.padEnd(4_000, 'x')),
        newest(8_000),
      ]);
      await peer.send(Buffer.concat([headers(streamId, block), data(streamId, publishBody)]));
      calls.push(streamId);
    }
    for (const streamId of calls) expect(await peer.streamEnd(streamId)).toBeDefined();
    // The next block, which goes by the same table, is understood.
    const streamId = peer.streamId();
    const block = Buffer.concat([callFields(PUBLISH), newest(1)]);
    await peer.send(Buffer.concat([headers(streamId, block), data(streamId, publishBody)]));
    expect(await peer.streamEnd(streamId)).toMatchObject({ type: 1, flags: expect.any(Number) });
    await ground.honest.goesOn();
    expect((await ground.broker.rssCollected()) - before).toBeLessThan(64 * MIB);
    peer.close();
    await nobodyElse(ground.broker);
  });

  test('headers over the limit are RESOURCE_EXHAUSTED, in size and in number', async () => {
    const connection = await GrpcConnection.open(ground.grpc);
    const large = await connection.unary(PUBLISH, publishBody, { 'x-large': 'x'.repeat(40_000) });
    expect(large).toMatchObject({ code: 8, message: expect.stringContaining('headers') });
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x-${index}`, '1']));
    const answer = await connection.unary(PUBLISH, publishBody, many);
    expect(answer).toMatchObject({ code: 8, message: expect.stringContaining('headers') });
    expect((await connection.unary(PUBLISH, publishBody)).code).toBe(0);
    connection.close();
  });

  test('compressed bombs are RESOURCE_EXHAUSTED, however many at once', { timeout: 60_000 }, async () => {
    const before = await ground.broker.rssCollected();
    let most = before;
    const watch = setInterval(() => {
      most = Math.max(most, ground.broker.rss());
    }, 20);
    const bomb = grpcFrame(gzipSync(Buffer.alloc(200 * MIB)), 1);
    const connection = await GrpcConnection.open(ground.grpc);
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => connection.unary(PUBLISH, bomb, { 'grpc-encoding': 'gzip' })),
    );
    clearInterval(watch);
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set([8]));
    // Each may become as large as a message may be.
    expect(most - before).toBeLessThan(256 * MIB);
    expect((await connection.unary(PUBLISH, publishBody)).code).toBe(0);
    await ground.honest.goesOn();
    connection.close();
  });

  test('a length of gigabytes is refused by its prefix', async () => {
    const connection = await GrpcConnection.open(ground.grpc);
    const lie = Buffer.concat([Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(100)]);
    expect(await connection.unary(PUBLISH, lie)).toMatchObject({ code: 8 });
    connection.close();
  });

  test('9,000 streams stand open on one connection, which works as before', { timeout: 60_000 }, async () => {
    const peer = await RawPeer.open(ground.grpc);
    const streams = [];
    for (let open = 0; open < 9_000; open += 1) streams.push(await peer.call(WATCH, Buffer.alloc(5)));
    const last = streams.at(-1) ?? 0;
    await peer.frame(({ type, streamId, flags }) => type === 1 && streamId === last && flags === END_HEADERS);
    await expect.poll(async () => (await ground.broker.status()).connections.streams).toBe(9_001);
    const call = await peer.call(PUBLISH, publishBody);
    expect(await peer.streamEnd(call)).toMatchObject({ type: 1 });
    await ground.honest.goesOn();
    peer.abort();
    await nobodyElse(ground.broker);
    expect((await ground.broker.status()).connections.streams).toBe(1);
  });
});

describe('an address with more connections than it may have', () => {
  const ground = hostileGround(['--http2', 'maxConnectionsPerAddress=20']);

  test('the next one is closed, and the log says which option; when one goes, one may come', async () => {
    // The honest pair has two of the twenty.
    const peers = await Promise.all(Array.from({ length: 18 }, () => RawPeer.open(ground.grpc)));
    for (const peer of peers)
      expect(await peer.streamEnd(await peer.call(PUBLISH, publishBody))).toBeDefined();
    const late = await RawPeer.open(ground.grpc);
    await late.ended;
    expect(await ground.logLine(late)).toContain('maxConnectionsPerAddress');
    expect(peers.some(({ over }) => over)).toBe(false);
    peers[0]?.close();
    await nobodyElse(ground.broker, 19);
    const next = await RawPeer.open(ground.grpc);
    expect(await next.streamEnd(await next.call(PUBLISH, publishBody))).toMatchObject({ type: 1 });
    await ground.honest.goesOn();
    for (const peer of [...peers, next]) peer.close();
    await nobodyElse(ground.broker);
  });
});
