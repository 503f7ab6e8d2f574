import { type CloudEventTransport, createEvent, encodeEvent } from 'ce-broker-proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectGrpc } from '../../../src/transports/grpc/grpc-events-options.js';
import { TestServer } from './support/test-server.js';

const EVENT = encodeEvent(createEvent({ id: '1', source: 's1', type: 'a.b.c.spec.create_request' }));

describe('a publish over gRPC', () => {
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

  test('resolves when the server has answered, with the bytes as they are', async () => {
    await transport.publish(EVENT);
    expect(server.published).toHaveLength(1);
    expect(server.published[0]).toEqual(Buffer.from(EVENT));
  });

  test('hundreds at once are each answered', async () => {
    await Promise.all(Array.from({ length: 300 }, () => transport.publish(EVENT, { timeoutMs: 20_000 })));
    expect(server.published).toHaveLength(300);
  });

  test('rejects with the code and words of the server', async () => {
    server.onPublish = (_event, answer) => answer({ code: 9, details: 'the resync failed' }, Buffer.alloc(0));
    await expect(transport.publish(EVENT)).rejects.toMatchObject({
      code: 'failed_precondition',
      message: 'the resync failed',
    });
  });

  test('an answer that does not come in time is deadline_exceeded, and names the server', async () => {
    server.onPublish = () => undefined;
    await expect(transport.publish(EVENT, { timeoutMs: 30 })).rejects.toMatchObject({
      code: 'deadline_exceeded',
      message: expect.stringContaining(server.url),
    });
  });

  test('a time longer than a timer takes is no limit, and one that is no number is named', async () => {
    for (const timeoutMs of [2 ** 31, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE, Number.POSITIVE_INFINITY]) {
      await transport.publish(EVENT, { timeoutMs });
    }
    for (const timeoutMs of [Number.NaN, '100' as never]) {
      await expect(transport.publish(EVENT, { timeoutMs })).rejects.toMatchObject({
        code: 'invalid_argument',
        field: 'timeoutMs',
      });
    }
    expect(server.published).toHaveLength(4);
  });

  test('a signal gives it up with its reason, before and during the call', async () => {
    const controller = new AbortController();
    server.onPublish = () => controller.abort();
    await expect(transport.publish(EVENT, { signal: controller.signal })).rejects.toMatchObject({
      code: 'cancelled',
    });
    await expect(transport.publish(EVENT, { signal: controller.signal })).rejects.toMatchObject({
      code: 'cancelled',
    });
    expect(server.published).toHaveLength(1);
  });

  test('close ends what is under way, and what comes after it', async () => {
    server.onPublish = () => void transport.close();
    await expect(transport.publish(EVENT)).rejects.toMatchObject({ code: 'cancelled' });
    await expect(transport.publish(EVENT)).rejects.toMatchObject({ code: 'cancelled' });
    await transport.close();
  });

  test('one that is in flight at a GOAWAY is still answered, closed or not; later ones reject at once', async () => {
    let answerLater: () => void = () => undefined;
    const taken = new Promise<void>((resolve) => {
      server.onPublish = (_event, answer) => {
        answerLater = () => answer(null, Buffer.alloc(0));
        resolve();
      };
    });
    const ended = new Promise<string>((resolve) => transport.onEnd?.(({ kind }) => resolve(kind)));
    const publish = transport.publish(EVENT);
    await taken;
    server.drain();
    expect(await ended).toBe('lost');
    await expect(transport.publish(EVENT)).rejects.toMatchObject({ code: 'unavailable' });
    await transport.close();
    answerLater();
    await publish;
  });

  test('one whose connection is cut rejects as unavailable', async () => {
    server.onPublish = () => server.stop();
    await expect(transport.publish(EVENT)).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('a token goes out in plain text only where the caller says so', async () => {
    await expect(connectGrpc({ url: server.url, token: 't' })).rejects.toMatchObject({ field: 'token' });
    const local = await connectGrpc({ url: server.url, token: 't', plainTextToken: true });
    await local.publish(EVENT);
    await local.close();
    expect(server.tokens).toEqual(['Bearer t']);
  });

  test('no call is made twice when the connection is gone', async () => {
    server.onPublish = () => server.stop();
    const heard: string[] = [];
    transport.onEnd?.(({ kind }) => heard.push(kind));
    await expect(transport.publish(EVENT)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(transport.publish(EVENT)).rejects.toMatchObject({ code: 'unavailable' });
    expect(heard).toEqual(['lost']);
    expect(server.published).toHaveLength(1);
  });
});
