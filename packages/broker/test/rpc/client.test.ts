import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { PUBLISH, SUBSCRIBE } from './support/echo-service.js';
import { ENGINES } from './support/engines.js';
import { startEngine } from './support/start.js';

const identity = (bytes: Buffer): Buffer => bytes;

describe.each(ENGINES)('a grpc-js client, $name', (engine) => {
  it('serves a real grpc-js client: headers, events, statuses, and UNAVAILABLE when its connection is ended', async () => {
    await using running = await startEngine(engine);
    const client = new Client(`127.0.0.1:${running.port}`, credentials.createInsecure(), {
      'grpc.default_compression_algorithm': 2,
    });
    const wanted = new Metadata();
    wanted.set('x-want-id', 'id-9');
    const stream = client.makeServerStreamRequest(SUBSCRIBE, identity, identity, Buffer.alloc(0), wanted);
    const metadata = await new Promise<Metadata>((resolve) => stream.once('metadata', resolve));
    expect(metadata.get('subscription-id')).toEqual(['id-9']);
    const events: string[] = [];
    stream.on('data', (event: Buffer) => events.push(event.toString()));
    const failed = new Promise<{ code: number; details: string }>((resolve) =>
      stream.once('error', (error) => resolve(error as unknown as { code: number; details: string })),
    );
    const publish = (request: Buffer): Promise<string> =>
      new Promise((resolve) => {
        client.makeUnaryRequest(PUBLISH, identity, identity, request, (error, reply) =>
          resolve(error === null ? `ok ${reply?.byteLength}` : `${error.code} ${error.details}`),
        );
      });
    expect(await publish(Buffer.from('one'))).toBe('ok 0');
    expect(await publish(Buffer.from('fail:3:no'))).toBe('3 no');
    await expect.poll(() => events).toEqual(['one']);
    running.service.subscription(0).stream.endConnection(14, 'bye', 2_000);
    expect(await failed).toMatchObject({ code: 14, details: 'bye' });
    await expect.poll(() => running.engine.stats().connections).toBe(0);
    expect(await publish(Buffer.from('back'))).toBe('ok 0');
    client.close();
  });
});
