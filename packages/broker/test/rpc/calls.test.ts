import { describe, expect, it } from 'vitest';
import { HOLD, PUBLISH, SUBSCRIBE } from './support/echo-service.js';
import { ENGINES, grpcJsSlow } from './support/engines.js';
import { frame } from './support/raw-client.js';
import { startEngine } from './support/start.js';

describe.each([...ENGINES, grpcJsSlow])('calls, $name', (engine) => {
  it('answers a unary call OK with the bytes of the reply', async () => {
    await using running = await startEngine(engine);
    const outcome = await running.client().call(PUBLISH, Buffer.from('hello'));
    expect(outcome).toMatchObject({ status: 0, resetCode: 0 });
    expect(outcome.messages).toEqual([Buffer.alloc(0)]);
  });

  it('carries a refusal with its code and any text', async () => {
    await using running = await startEngine(engine);
    const client = running.client();
    expect(await client.call(PUBLISH, Buffer.from('fail:3:type: "a.b" is short'))).toMatchObject({
      status: 3,
      message: 'type: "a.b" is short',
    });
    expect(await client.call(PUBLISH, Buffer.from('fail:9:naïve 世界'))).toMatchObject({
      status: 9,
      message: 'naïve 世界',
    });
  });

  it('sends the response headers of a stream at once, before any message', async () => {
    await using running = await startEngine(engine);
    const call = running
      .client()
      .open(SUBSCRIBE, frame(Buffer.from('me')), { 'x-want-id': 'id-1' })
      .read();
    const headers = await call.headers;
    expect(headers[':status']).toBe(200);
    expect(headers['content-type']).toMatch(/^application\/grpc/);
    expect(headers['subscription-id']).toBe('id-1');
    expect(running.service.subscription(0).request.toString()).toBe('me');
  });

  it('delivers messages whole and in order, many in one turn', async () => {
    await using running = await startEngine(engine);
    const call = running
      .client()
      .open(SUBSCRIBE, frame(Buffer.alloc(0)))
      .read();
    await running.service.opened(1);
    const { stream } = running.service.subscription(0);
    const sent = Array.from({ length: 300 }, (_, i) => Buffer.alloc(i * 7, i));
    for (const message of sent) stream.write(message);
    stream.end(0, '');
    const outcome = await call.done;
    expect(outcome.status).toBe(0);
    expect(outcome.messages).toEqual(sent);
    expect(await running.service.subscription(0).over).toBe(false);
  });

  it('keeps 200 streams on one connection apart', async () => {
    await using running = await startEngine(engine);
    const client = running.client();
    const calls = Array.from({ length: 200 }, (_, i) =>
      client.open(SUBSCRIBE, frame(Buffer.from(String(i)))).read(),
    );
    await running.service.opened(200);
    expect(running.engine.stats()).toMatchObject({ connections: 1, streams: 200 });
    for (const { stream, request } of running.service.subscriptions) {
      stream.write(Buffer.from(`one for ${request}`));
      stream.write(Buffer.from(`two for ${request}`));
    }
    for (const [i, call] of calls.entries()) {
      expect((await call.messages(2)).map(String)).toEqual([`one for ${i}`, `two for ${i}`]);
    }
    for (const call of calls) call.stream.close();
    for (const subscription of running.service.subscriptions) expect(await subscription.over).toBe(true);
    expect(running.engine.stats()).toMatchObject({ connections: 1, streams: 0, bufferedBytes: 0 });
  });

  it('tells the owner exactly once that a stream is over, and by whom', async () => {
    await using running = await startEngine(engine);
    const { service } = running;
    const leaver = running.client();
    const call = running
      .client()
      .open(SUBSCRIBE, frame(Buffer.alloc(0)))
      .read();
    await service.opened(1);
    leaver.open(SUBSCRIBE, frame(Buffer.alloc(0))).read();
    await service.opened(2);
    leaver.close();
    expect(await service.subscription(1).over).toBe(true);
    service.subscription(0).stream.end(14, 'gone');
    service.subscription(0).stream.end(5, 'again');
    service.subscription(0).stream.write(Buffer.from('late'));
    expect(await call.done).toMatchObject({ status: 14, message: 'gone', messages: [] });
    expect(await service.subscription(0).over).toBe(false);
    expect(service.subscriptions.map((s) => s.closes)).toEqual([[false], [true]]);
  });

  it('drops an answer whose caller has gone, and answers only once', async () => {
    await using running = await startEngine(engine);
    const { service } = running;
    const client = running.client();
    const gone = client.open(HOLD, frame(Buffer.from('x'))).read();
    await service.holding(1);
    gone.stream.close(8);
    await gone.done;
    const stays = client.open(HOLD, frame(Buffer.from('y'))).read();
    await service.holding(2);
    service.held[0]?.reply(Buffer.from('nobody'));
    service.held[1]?.reply(Buffer.from('first'));
    service.held[1]?.reply(Buffer.from('second'));
    service.held[1]?.fail(13, 'third');
    expect(await stays.done).toMatchObject({ status: 0, messages: [Buffer.from('first')] });
    expect(running.faults).toEqual([]);
  });

  it('ends a call at its own deadline, and ignores the late answer', async () => {
    await using running = await startEngine(engine);
    const outcome = await running.client().call(HOLD, Buffer.from('x'), { 'grpc-timeout': '20m' });
    expect(outcome.status).toBe(4);
    running.service.held[0]?.reply(Buffer.from('late'));
    expect((await running.client().call(PUBLISH, Buffer.from('x'))).status).toBe(0);
  });

  it('answers INTERNAL when something above the seam throws, and says so to its owner', async () => {
    await using running = await startEngine(engine);
    expect(await running.client().call(PUBLISH, Buffer.from('throw'))).toMatchObject({ status: 13 });
    expect(String(running.faults[0])).toContain('a bug above the seam');
  });
});
