import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { HOLD, PUBLISH, SUBSCRIBE } from './support/echo-service.js';
import { ENGINES, grpcJs } from './support/engines.js';
import { frame } from './support/raw-client.js';
import { STREAM_BUFFER_BYTES, startEngine } from './support/start.js';

const EMPTY = frame(Buffer.alloc(0));

describe.each(ENGINES)('endings, $name', (engine) => {
  it('answers the calls in flight before it sends GOAWAY, when a connection is ended', async () => {
    await using running = await startEngine(engine);
    const { service } = running;
    const client = running.client();
    const order: string[] = [];
    client.session.on('goaway', () => order.push('goaway'));
    const held = client.open(HOLD, frame(Buffer.from('x'))).read();
    await service.holding(1);
    const call = client.open(SUBSCRIBE, EMPTY).read();
    const sibling = client.open(SUBSCRIBE, EMPTY).read();
    await service.opened(2);
    const bystander = running.client();
    const other = bystander.open(SUBSCRIBE, EMPTY).read();
    await service.opened(3);

    service.subscription(0).stream.write(Buffer.from('last'));
    service.subscription(0).stream.endConnection(8, 'too slow', 20_000);
    const outcome = await call.done;
    expect(outcome).toMatchObject({ status: 8, message: 'too slow' });
    expect(outcome.messages.map(String)).toEqual(['last']);
    expect((await sibling.done).status).toBe(14);
    expect(order).toEqual([]);

    void held.done.then(() => order.push('answer'));
    service.held[0]?.reply(Buffer.from('in time'));
    expect(await held.done).toMatchObject({ status: 0, messages: [Buffer.from('in time')] });
    expect(await client.goaway).toBe(0);
    await client.closed;
    // Node says it again when it closes the socket.
    expect(order.slice(0, 2)).toEqual(['answer', 'goaway']);
    expect(service.subscriptions.map((s) => s.closes)).toEqual([[false], [false], []]);
    service.subscription(2).stream.write(Buffer.from('still here'));
    expect((await other.messages(1)).map(String)).toEqual(['still here']);
  });

  it('closes a connection after the grace, although a call is never answered and the peer never closes', async () => {
    await using running = await startEngine(engine);
    const client = running.client();
    const held = client.open(HOLD, frame(Buffer.from('x'))).read();
    await running.service.holding(1);
    const call = client.open(SUBSCRIBE, EMPTY).read();
    await running.service.opened(1);
    running.service.subscription(0).stream.endConnection(14, 'bye', 200);
    expect((await call.done).status).toBe(14);
    await client.goaway;
    await client.closed;
    expect((await held.done).status).toBeUndefined();
    await expect.poll(() => running.engine.stats().connections).toBe(0);
  });

  it('a drain does not wait for a peer that takes nothing, however long its grace', {
    timeout: 20_000,
  }, async () => {
    await using running = await startEngine(engine);
    const deaf = running.client();
    deaf.open(SUBSCRIBE, EMPTY);
    const reader = running.client().open(SUBSCRIBE, EMPTY).read();
    await running.service.opened(2);
    for (const { stream } of running.service.subscriptions) {
      while (stream.writableBytes() > 0) stream.write(Buffer.alloc(16_384));
    }
    await running.engine.drain(600_000);
    expect(await reader.done).toMatchObject({ status: 14 });
    expect(running.engine.stats()).toMatchObject({ connections: 0, streams: 0 });
  });

  it('ends at once the connection of a refused subscription', async () => {
    await using running = await startEngine(engine);
    const client = running.client();
    const call = client.open(SUBSCRIBE, EMPTY).read();
    await running.service.opened(1);
    running.service.subscription(0).stream.endConnection(7, 'not yours', 5_000);
    expect(await call.done).toMatchObject({ status: 7, message: 'not yours' });
    expect(await client.goaway).toBe(0);
    await client.closed;
  });

  it('drains: calls in flight are answered, streams told UNAVAILABLE, GOAWAY to all, new ones turned away', async () => {
    await using running = await startEngine(engine);
    const { service, port } = running;
    const clients = [running.client(), running.client(), running.client()];
    const streams = clients.map((client) => client.open(SUBSCRIBE, EMPTY).read());
    await service.opened(3);
    const held = clients[0]?.open(HOLD, frame(Buffer.from('x'))).read();
    await service.holding(1);

    const drained = running.engine.drain(20_000);
    for (const stream of streams) expect(await stream.done).toMatchObject({ status: 14 });
    await expect(
      new Promise((resolve, reject) =>
        connect(port, '127.0.0.1', () => resolve('open')).once('error', reject),
      ),
    ).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    service.held[0]?.reply(Buffer.from('done'));
    expect(await held?.done).toMatchObject({ status: 0 });
    for (const client of clients) {
      expect(await client.goaway).toBe(0);
      await client.closed;
    }
    await drained;
    expect(running.engine.stats()).toEqual({ connections: 0, streams: 0, bufferedBytes: 0 });
    expect(service.subscriptions.map((s) => s.closes)).toEqual([[false], [false], [false]]);
  });

  it('drains within its grace although nobody answers or reads', async () => {
    await using running = await startEngine(engine);
    const client = running.client();
    client.open(HOLD, frame(Buffer.from('x'))).read();
    await running.service.holding(1);
    client.open(SUBSCRIBE, EMPTY);
    await running.service.opened(1);
    const { stream } = running.service.subscription(0);
    while (stream.writableBytes() > 0) stream.write(Buffer.alloc(16_384));
    const raw = connect(running.port, '127.0.0.1');
    raw.on('error', () => undefined);
    await new Promise((resolve) => raw.once('connect', resolve));
    await running.engine.drain(300);
    expect(running.engine.stats()).toEqual({ connections: 0, streams: 0, bufferedBytes: 0 });
    raw.destroy();
  });

  it('closes everything at once, any number of times', async () => {
    const running = await startEngine(engine);
    const client = running.client();
    client.open(SUBSCRIBE, EMPTY).read();
    await running.service.opened(1);
    await Promise.all([running.engine.close(), running.engine.close()]);
    await running.engine.close();
    await client.closed;
    expect(running.service.subscription(0).closes).toEqual([false]);
    client.close();
  });

  it('holds the output of a peer that never reads within the byte budget, counts it, and resumes', async () => {
    await using running = await startEngine(engine);
    const { service } = running;
    const slow = running.client().open(SUBSCRIBE, EMPTY);
    await service.opened(1);
    const fast = running.client().open(SUBSCRIBE, EMPTY).read();
    await service.opened(2);
    const subscription = service.subscription(0);
    const message = Buffer.alloc(1_000, 1);
    let written = 0;
    const fill = async (): Promise<void> => {
      // What the peer's window and the kernel take leaves the process; what stays must not grow past the mark.
      for (let idleTurns = 0; idleTurns < 20; idleTurns++) {
        while (subscription.stream.writableBytes() > 0) {
          subscription.stream.write(message);
          written++;
          idleTurns = 0;
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await fill();
    expect(subscription.stream.writableBytes()).toBeLessThanOrEqual(0);
    const held = running.engine.stats().bufferedBytes;
    expect(held).toBeGreaterThan(STREAM_BUFFER_BYTES / 2);
    expect(held).toBeLessThanOrEqual(STREAM_BUFFER_BYTES + 1_005);
    const told = subscription.writables;
    service.subscription(1).stream.write(Buffer.from('not delayed'));
    expect((await fast.messages(1)).map(String)).toEqual(['not delayed']);

    const roomy = subscription.room();
    slow.read();
    await roomy;
    expect(subscription.writables).toBe(told + 1);
    subscription.stream.end(0, '');
    expect((await slow.done).messages.length).toBe(written);
    expect(running.engine.stats().bufferedBytes).toBe(0);
  });

  it('resets an ended stream whose peer does not read, after the linger', async () => {
    await using running = await startEngine(engine, { endLingerMs: 100 });
    running.client().open(SUBSCRIBE, EMPTY);
    await running.service.opened(1);
    const subscription = running.service.subscription(0);
    for (let i = 0; i < 40; i++) subscription.stream.write(Buffer.alloc(16_384));
    subscription.stream.end(8, 'too slow');
    expect(await subscription.over).toBe(false);
    expect(running.engine.stats()).toMatchObject({ connections: 1, streams: 0, bufferedBytes: 0 });
  });

  it('notices a peer that answers no ping', async () => {
    await using running = await startEngine(engine, { keepaliveTimeMs: 50, keepaliveTimeoutMs: 50 });
    const socket = connect(running.port, '127.0.0.1');
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resume();
    // Preface and SETTINGS, and then silence.
    socket.write(
      Buffer.concat([
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
      ]),
    );
    await closed;
    await expect.poll(() => running.engine.stats().connections).toBe(0);
  });

  it('says what is wrong with an address, and what to do', async () => {
    await using running = await startEngine(engine);
    const failure = async (host: string, port: number): Promise<string> => {
      const other = engine.make({
        methods: {},
        tls: undefined,
        maxMessageBytes: 1_000,
        streamBufferBytes: 1_000,
        keepaliveTimeMs: 30_000,
        keepaliveTimeoutMs: 10_000,
      });
      const outcome = await other.listen({ host, port }).then(
        () => 'listening',
        (error: unknown) => String(error),
      );
      await other.close();
      return outcome;
    };
    expect(await failure('127.0.0.1', running.port)).toMatch(
      new RegExp(
        `cannot listen on 127\\.0\\.0\\.1:${running.port}: the address is already in use; .*choose another port`,
      ),
    );
    expect(await failure('192.0.2.1', 0)).toMatch(
      /cannot listen on 192\.0\.2\.1:0: this machine has no such address/,
    );
    expect(await failure('no-such-host.invalid', 0)).toMatch(
      /no-such-host\.invalid:0: the host name cannot be resolved/,
    );
    expect(await failure('127.0.0.1', 70_000)).toMatch(/127\.0\.0\.1:70000: the port must be a whole number/);
    expect((await running.client().call(PUBLISH, Buffer.from('x'))).status).toBe(0);
  });
});

it('grpc-js tolerates a client that pings often', async () => {
  await using running = await startEngine(grpcJs);
  const client = running.client();
  const call = client.open(SUBSCRIBE, EMPTY).read();
  await call.headers;
  for (let i = 0; i < 20; i++) {
    await new Promise<void>((resolve, reject) =>
      client.session.ping((error) => (error === null ? resolve() : reject(error))),
    );
  }
  running.service.subscription(0).stream.write(Buffer.from('still here'));
  expect((await call.messages(1)).map(String)).toEqual(['still here']);
});
