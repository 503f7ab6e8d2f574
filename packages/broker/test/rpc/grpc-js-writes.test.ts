import type { ServerHttp2Stream } from 'node:http2';
import { Server, ServerCredentials, ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { nativeStream } from '../../src/rpc/grpc-js/call-port.js';
import { SUBSCRIBE } from './support/echo-service.js';
import { frame, RawClient } from './support/raw-client.js';
import { startGrpcJs } from './support/start.js';

it('finds the HTTP/2 stream beneath the installed grpc-js, and none beneath an interceptor', async () => {
  const seen: (ServerHttp2Stream | undefined)[] = [];
  const look: ServerInterceptor = (_method, call) => {
    const wrapped = new ServerInterceptingCall(call);
    seen.push(nativeStream(call), nativeStream(wrapped));
    return wrapped;
  };
  const server = new Server({ interceptors: [look] });
  server.register<Buffer, Buffer>(
    '/a.B/C',
    () => undefined,
    (b) => b,
    (b) => b,
    'unary',
  );
  const port = await new Promise<number>((resolve) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, bound) => resolve(bound)),
  );
  const client = new RawClient(`http://127.0.0.1:${port}`);
  client.open('/a.B/C', frame(Buffer.alloc(1))).read();
  await expect.poll(() => seen.length).toBe(2);
  expect(seen[0]?.writableLength).toBe(0);
  expect(seen[1]).toBeUndefined();
  client.close();
  server.forceShutdown();
});

it.each([true, false])('says which way messages go (nativeWrites: %s)', async (nativeWrites) => {
  await using running = await startGrpcJs({ nativeWrites });
  expect(running.engine.writePath).toBe('unknown');
  const call = running
    .client()
    .open(SUBSCRIBE, frame(Buffer.alloc(0)))
    .read();
  await call.headers;
  expect(running.engine.writePath).toBe(nativeWrites ? 'native' : 'grpc-js');
});
