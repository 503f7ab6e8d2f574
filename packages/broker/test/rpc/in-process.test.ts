import { expect, it } from 'vitest';
import {
  type InProcessConnection,
  InProcessEngine,
  type InProcessStream,
  type InProcessStreamListener,
} from '../../src/rpc/index.js';
import { EchoService, HOLD, PUBLISH, SUBSCRIBE } from './support/echo-service.js';

const EMPTY = new Uint8Array(0);
const LIMIT = 10_000;

class Reader implements InProcessStreamListener {
  readonly seen: string[] = [];
  readonly over: Promise<string>;
  onMessage: () => void = () => undefined;
  private settle: (status: string) => void = () => undefined;

  constructor() {
    this.over = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  headers(headers: Readonly<Record<string, string>>): void {
    this.seen.push(`headers ${headers['subscription-id']}`);
  }

  message(message: Uint8Array): void {
    this.seen.push(Buffer.from(message.subarray(0, 20)).toString());
    this.onMessage();
  }

  ended(code: number, message: string): void {
    this.seen.push(`ended ${code} ${message}`);
    this.settle(`${code} ${message}`);
  }
}

function start(): {
  engine: InProcessEngine;
  service: EchoService;
  connection: InProcessConnection;
  faults: unknown[];
} {
  const service = new EchoService();
  const faults: unknown[] = [];
  const engine = new InProcessEngine({
    methods: service.methods,
    maxMessageBytes: 1_000,
    streamBufferBytes: LIMIT,
    onFault: (error) => faults.push(error),
  });
  return { engine, service, connection: engine.connect('test'), faults };
}

function unary(connection: InProcessConnection, path: string, request: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    let inside = true;
    connection.unary(path, request, (code, message, reply) => {
      resolve(
        `${inside ? 'too early ' : ''}${code} ${message} ${reply === undefined ? 'none' : reply.byteLength}`,
      );
    });
    inside = false;
  });
}

async function subscribe(
  connection: InProcessConnection,
  service: EchoService,
): Promise<{ reader: Reader; stream: InProcessStream }> {
  const reader = new Reader();
  const count = service.subscriptions.length + 1;
  const stream = connection.stream(SUBSCRIBE, EMPTY, reader, { 'x-want-id': `s${count}` });
  await service.opened(count);
  return { reader, stream };
}

it('answers unary calls with the codes of the wire', async () => {
  const { connection, faults } = start();
  expect(await unary(connection, PUBLISH, Buffer.from('x'))).toBe('0 OK 0');
  expect(await unary(connection, PUBLISH, Buffer.from('fail:9:no'))).toBe('9 no none');
  expect(await unary(connection, PUBLISH, Buffer.alloc(1_001))).toBe(
    '8 Received message larger than max (1001 vs 1000) none',
  );
  expect(await unary(connection, '/no/such', EMPTY)).toMatch(/^12 /);
  expect(await unary(connection, SUBSCRIBE, EMPTY)).toMatch(/^12 /);
  expect(await unary(connection, PUBLISH, Buffer.from('throw'))).toBe('13 internal error none');
  expect(faults.length).toBe(1);
});

it('delivers headers, messages and status in order, once each', async () => {
  const { connection, service, engine } = start();
  const { reader } = await subscribe(connection, service);
  await unary(connection, PUBLISH, Buffer.from('one'));
  service.subscription(0).stream.write(Buffer.from('two'));
  service.subscription(0).stream.end(14, 'bye');
  service.subscription(0).stream.write(Buffer.from('late'));
  await reader.over;
  expect(reader.seen).toEqual(['headers s1', 'one', 'two', 'ended 14 bye']);
  expect(service.subscription(0).closes).toEqual([false]);
  expect(engine.stats()).toEqual({ connections: 1, streams: 0, bufferedBytes: 0 });
});

it('never calls a reader from inside a write', async () => {
  const { connection, service } = start();
  const { reader } = await subscribe(connection, service);
  const before = reader.seen.length;
  service.subscription(0).stream.write(Buffer.from('x'));
  expect(reader.seen.length).toBe(before);
});

it('holds what a paused reader does not take within the byte budget, and tells when there is room', async () => {
  const { connection, service, engine } = start();
  const { reader, stream } = await subscribe(connection, service);
  const subscription = service.subscription(0);
  stream.pause();
  let written = 0;
  while (subscription.stream.writableBytes() > 0) {
    subscription.stream.write(Buffer.alloc(700));
    written++;
  }
  await new Promise((resolve) => setImmediate(resolve));
  expect(reader.seen.length).toBeLessThanOrEqual(1);
  expect(engine.stats().bufferedBytes).toBe(written * 700);
  expect(engine.stats().bufferedBytes).toBeLessThan(LIMIT + 700);
  expect(subscription.writables).toBe(0);
  const roomy = subscription.room();
  stream.resume();
  await roomy;
  expect(subscription.writables).toBe(1);
  expect(reader.seen.length).toBe(1 + written);
});

it('stops in the middle of a burst when its reader pauses or cancels', async () => {
  const { connection, service } = start();
  const { reader, stream } = await subscribe(connection, service);
  const subscription = service.subscription(0);
  reader.onMessage = () => {
    if (reader.seen.at(-1) === 'm1') stream.pause();
    if (reader.seen.at(-1) === 'm3') stream.cancel();
  };
  for (let i = 0; i < 6; i++) subscription.stream.write(Buffer.from(`m${i}`));
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  expect(reader.seen).toEqual(['headers s1', 'm0', 'm1']);
  stream.resume();
  expect(await reader.over).toBe('1 cancelled by the client');
  expect(reader.seen).toEqual(['headers s1', 'm0', 'm1', 'm2', 'm3', 'ended 1 cancelled by the client']);
  expect(await subscription.over).toBe(true);
  expect(subscription.closes).toEqual([true]);
});

it('ends a whole connection, a paused reader included, and refuses what comes after', async () => {
  const { connection, service, engine } = start();
  const one = await subscribe(connection, service);
  const two = await subscribe(connection, service);
  one.stream.pause();
  service.subscription(0).stream.write(Buffer.from('never taken'));
  service.subscription(0).stream.endConnection(8, 'too slow', 1_000);
  expect(await one.reader.over).toBe('8 too slow');
  expect(await two.reader.over).toBe('8 too slow');
  expect(service.subscriptions.map((s) => s.closes)).toEqual([[false], [false]]);
  expect(connection.closed).toBe(true);
  expect(engine.stats()).toEqual({ connections: 0, streams: 0, bufferedBytes: 0 });
  expect(await unary(connection, PUBLISH, EMPTY)).toBe('14 too slow none');
});

it('closes from both sides: calls in flight and streams end, each exactly once', async () => {
  const { connection, service, engine } = start();
  const { reader } = await subscribe(connection, service);
  const held = unary(connection, HOLD, EMPTY);
  await service.holding(1);
  connection.close();
  connection.close();
  expect(await held).toBe('1 cancelled by the caller none');
  expect(await reader.over).toBe('1 cancelled by the client');
  service.held[0]?.reply(EMPTY);

  const other = engine.connect();
  const second = await subscribe(other, service);
  const pending = unary(other, HOLD, EMPTY);
  await service.holding(2);
  engine.close();
  engine.close();
  expect(await pending).toBe('14 the broker has been closed none');
  expect(await second.reader.over).toBe('14 the broker has been closed');
  expect(service.subscriptions.map((s) => s.closes)).toEqual([[true], [false]]);
  expect(await unary(engine.connect(), PUBLISH, EMPTY)).toBe('14 the broker has been closed none');
});

it('ends a stream whose reader throws, and serves the others', async () => {
  const { connection, service, faults } = start();
  const bad = await subscribe(connection, service);
  const good = await subscribe(connection, service);
  bad.reader.onMessage = () => {
    throw new Error('a bug in the reader');
  };
  await unary(connection, PUBLISH, Buffer.from('one'));
  expect(await bad.reader.over).toMatch(/^13 /);
  await expect.poll(() => good.reader.seen).toEqual(['headers s2', 'one']);
  expect(service.subscription(0).closes).toEqual([true]);
  expect(faults.length).toBe(1);
});
