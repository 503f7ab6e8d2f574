import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { PUBLISH, SUBSCRIBE } from './support/echo-service.js';
import { ENGINES } from './support/engines.js';
import { frame, type Outcome, type RawClient } from './support/raw-client.js';
import { startEngine } from './support/start.js';

const MIB = 1024 * 1024;

describe.each(ENGINES)('bad input, $name', (engine) => {
  it('refuses a message over the limit with RESOURCE_EXHAUSTED, naming limit and size', async () => {
    await using running = await startEngine(engine);
    const client = running.client();
    expect((await client.call(PUBLISH, Buffer.alloc(4 * MIB))).status).toBe(0);
    const over = await client.call(PUBLISH, Buffer.alloc(4 * MIB + 1));
    expect(over.status).toBe(8);
    expect(over.message).toMatch(/4194305.*4194304/);
    expect((await client.call(SUBSCRIBE, Buffer.alloc(5 * MIB))).status).toBe(8);
  });

  it('inflates a compressed message, and refuses one that grows past the limit', async () => {
    await using running = await startEngine(engine);
    const client = running.client();
    const gzip = { 'grpc-encoding': 'gzip' };
    const send = (body: Buffer): Promise<Outcome> => client.open(PUBLISH, frame(body, 1), gzip).read().done;
    expect((await send(gzipSync(Buffer.from('fail:9:inflated')))).message).toBe('inflated');
    const bomb = gzipSync(Buffer.alloc(200 * MIB));
    const before = process.memoryUsage();
    const outcomes = await Promise.all([send(bomb), send(bomb), send(bomb)]);
    const grown = process.memoryUsage().arrayBuffers - before.arrayBuffers;
    for (const { status, message } of outcomes) {
      expect(status).toBe(8);
      expect(message).toContain('4194304');
    }
    expect(grown).toBeLessThan(64 * MIB);
    expect((await send(Buffer.from('not gzip'))).status).toBe(13);
    expect(
      (await client.open(PUBLISH, frame(Buffer.from('x'), 1), { 'grpc-encoding': 'lzma' }).read().done)
        .status,
    ).toBe(12);
  });

  it('answers unknown methods and wrong content types, and goes on', async () => {
    await using running = await startEngine(engine);
    const client = running.client();
    expect(await client.call('/test.Echo/Nothing', Buffer.from('x'))).toMatchObject({ status: 12 });
    expect((await client.call('/__proto__', Buffer.from('x'))).status).toBe(12);
    const html = client.open(PUBLISH, frame(Buffer.from('x')), { 'content-type': 'text/html' }).read();
    expect((await html.headers)[':status']).toBe(415);
    expect((await client.call(PUBLISH, Buffer.from('x'))).status).toBe(0);
  });

  it('answers no message, half a message and two messages, and goes on', async () => {
    await using running = await startEngine(engine);
    const client = running.client();
    const one = frame(Buffer.from('x'));
    for (const path of [PUBLISH, SUBSCRIBE]) {
      expect((await client.open(path, Buffer.alloc(0)).read().done).status).toBe(12);
      // No message at all, or one that cannot be read: engines may say either.
      expect([12, 13]).toContain((await client.open(path, one.subarray(0, 3)).read().done).status);
      expect((await client.open(path, Buffer.concat([one, one])).read().done).status).toBe(12);
    }
    expect(running.service.subscriptions.length).toBe(0);
    expect((await client.call(PUBLISH, Buffer.from('x'))).status).toBe(0);
  });

  it('survives 2,000 broken gRPC frames: a proper status each, no rejection, no stream left', async () => {
    const rejections: unknown[] = [];
    const note = (reason: unknown): unknown => rejections.push(reason);
    process.on('unhandledRejection', note);
    await using running = await startEngine(engine, { maxMessageBytes: 65_536 });
    const client = running.client();
    const next = random(20_261_124);
    const statuses = new Map<string, number>();
    for (let round = 0; round < 40; round++) {
      const outcomes = await Promise.all(Array.from({ length: 50 }, () => broken(client, next)));
      for (const outcome of outcomes) {
        const key = String(outcome.status ?? `reset ${outcome.resetCode}`);
        statuses.set(key, (statuses.get(key) ?? 0) + 1);
      }
    }
    const allowed = new Set(['0', '8', '12', '13', 'reset 8', 'reset 0']);
    expect([...statuses.keys()].filter((key) => !allowed.has(key))).toEqual([]);
    await expect.poll(() => running.engine.stats().streams).toBe(0);
    expect((await client.call(PUBLISH, Buffer.from('x'))).status).toBe(0);
    expect(running.faults).toEqual([]);
    expect(rejections).toEqual([]);
    process.off('unhandledRejection', note);
  });

  it('survives bytes that are no HTTP/2', async () => {
    await using running = await startEngine(engine);
    const next = random(7);
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    for (let i = 0; i < 60; i++) {
      const noise = Buffer.from(
        Array.from({ length: 1 + Math.floor(next() * 300) }, () => Math.floor(next() * 256)),
      );
      const socket = connect(running.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume();
      socket.end(i % 2 === 0 ? noise : Buffer.concat([preface, noise]));
      await new Promise((resolve) => socket.once('close', resolve));
    }
    await expect.poll(() => running.engine.stats().connections).toBe(0);
    expect((await running.client().call(PUBLISH, Buffer.from('x'))).status).toBe(0);
  });
});

/** A small generator (mulberry32), so that a failing run can be run again. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

async function broken(client: RawClient, next: () => number): Promise<Outcome> {
  const body = Buffer.alloc(Math.floor(next() * 200));
  for (let i = 0; i < body.length; i++) body[i] = Math.floor(next() * 256);
  const framed = frame(body, next() < 0.3 ? Math.floor(next() * 256) : 0);
  const kind = Math.floor(next() * 5);
  let bytes: Buffer = framed;
  if (kind === 0) bytes = framed.subarray(0, Math.floor(next() * framed.length));
  if (kind === 1) framed.writeUInt32BE(Math.floor(next() * 0xffff_ffff), 1);
  if (kind === 2) bytes = body;
  if (kind === 3) bytes = Buffer.concat([framed, body]);
  const encoding = ['gzip', 'deflate', 'identity', 'what'][Math.floor(next() * 4)] ?? 'gzip';
  const headers =
    next() < 0.3 ? { 'grpc-encoding': encoding } : { 'grpc-timeout': next() < 0.5 ? '5S' : 'soon' };
  const call = client.open(PUBLISH, undefined, headers).read();
  const cut = Math.floor(next() * bytes.length);
  call.stream.write(bytes.subarray(0, cut));
  if (kind === 4) call.stream.close(8);
  else call.stream.end(bytes.subarray(cut));
  return call.done;
}
