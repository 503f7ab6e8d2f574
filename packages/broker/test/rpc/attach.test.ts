import { Server, ServerCredentials, ServerInterceptingCall, type ServerOptions } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { type Attachment, attachToServer } from '../../src/rpc/index.js';
import { EchoService, HOLD, PUBLISH, SUBSCRIBE } from './support/echo-service.js';
import { frame, RawClient } from './support/raw-client.js';
import { STREAM_BUFFER_BYTES } from './support/start.js';

const EMPTY = frame(Buffer.alloc(0));

interface Attached extends AsyncDisposable {
  readonly server: Server;
  readonly service: EchoService;
  readonly attachment: Attachment;
  readonly faults: unknown[];
  client(): RawClient;
}

async function attached(options: ServerOptions): Promise<Attached> {
  const server = new Server(options);
  const service = new EchoService();
  const faults: unknown[] = [];
  const attachment = attachToServer(server, service.methods, {
    streamBufferBytes: STREAM_BUFFER_BYTES,
    onFault: (error) => faults.push(error),
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const clients: RawClient[] = [];
  return {
    server,
    service,
    attachment,
    faults,
    client: () => {
      const client = new RawClient(`http://127.0.0.1:${port}`);
      clients.push(client);
      return client;
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.close();
      server.forceShutdown();
    },
  };
}

describe.each<[string, ServerOptions]>([
  ['a plain server', {}],
  ['a server with an interceptor', { interceptors: [(_method, call) => new ServerInterceptingCall(call)] }],
])('attached to %s', (_name, options) => {
  it('serves calls and streams as our own engine does', async () => {
    await using running = await attached(options);
    const { service, attachment } = running;
    const client = running.client();
    const call = client.open(SUBSCRIBE, EMPTY, { 'x-want-id': 'id-7' }).read();
    expect((await call.headers)['subscription-id']).toBe('id-7');
    await service.opened(1);
    expect(await client.call(PUBLISH, Buffer.from('one'))).toMatchObject({
      status: 0,
      messages: [Buffer.alloc(0)],
    });
    expect(await client.call(PUBLISH, Buffer.from('fail:9:not now'))).toMatchObject({
      status: 9,
      message: 'not now',
    });
    expect((await client.call(PUBLISH, Buffer.from('throw'))).status).toBe(13);
    expect(running.faults.length).toBe(1);
    for (let i = 0; i < 50; i++) service.subscription(0).stream.write(Buffer.from(`m${i}`));
    expect(attachment.stats()).toMatchObject({ connections: 1, streams: 1 });
    service.subscription(0).stream.end(14, 'bye');
    const outcome = await call.done;
    expect(outcome).toMatchObject({ status: 14, message: 'bye' });
    expect(outcome.messages.map(String)).toEqual(['one', ...Array.from({ length: 50 }, (_, i) => `m${i}`)]);
    expect(await service.subscription(0).over).toBe(false);
    expect(service.subscription(0).closes).toEqual([false]);
    expect(attachment.stats()).toEqual({ connections: 0, streams: 0, bufferedBytes: 0 });
  });

  it('holds back for a peer that does not read, and resumes', async () => {
    await using running = await attached(options);
    const call = running.client().open(SUBSCRIBE, EMPTY);
    await running.service.opened(1);
    const subscription = running.service.subscription(0);
    let written = 0;
    for (let idleTurns = 0; idleTurns < 20; idleTurns++) {
      while (subscription.stream.writableBytes() > 0) {
        subscription.stream.write(Buffer.alloc(1_000));
        written++;
        idleTurns = 0;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(running.attachment.stats().bufferedBytes).toBeLessThanOrEqual(STREAM_BUFFER_BYTES + 1_005);
    const roomy = subscription.room();
    call.read();
    await roomy;
    subscription.stream.end(0, '');
    expect((await call.done).messages.length).toBe(written);
  });

  it('ends only the stream where it is asked to end the connection, and hears when the peer goes', async () => {
    await using running = await attached(options);
    const client = running.client();
    const call = client.open(SUBSCRIBE, EMPTY).read();
    await running.service.opened(1);
    running.service.subscription(0).stream.endConnection(8, 'too slow', 50);
    expect((await call.done).status).toBe(8);
    client.open(SUBSCRIBE, EMPTY).read();
    await running.service.opened(2);
    client.open(HOLD, EMPTY).read();
    await running.service.holding(1);
    client.close();
    expect(await running.service.subscription(1).over).toBe(true);
    running.service.held[0]?.reply(Buffer.from('nobody'));
    expect(running.faults).toEqual([]);
  });

  it('refuses a server that has one of the methods, and comes off again', async () => {
    await using running = await attached(options);
    expect(() => attachToServer(running.server, running.service.methods, { streamBufferBytes: 1 })).toThrow(
      /already has a handler for \/test\.Echo\/Publish/,
    );
    expect((await running.client().call(PUBLISH, Buffer.from('x'))).status).toBe(0);
    running.attachment.detach();
    expect((await running.client().call(PUBLISH, Buffer.from('x'))).status).toBe(12);
  });
});
