import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TransportEnd } from 'ce-broker-proto';
import { expect, test } from 'vitest';
import { connectGrpc } from '../../../src/transports/grpc/grpc-events-options.js';
import { Recorder } from './support/recorder.js';
import { TestServer } from './support/test-server.js';

test('a server that vanished without a word is noticed by a ping without an answer', async () => {
  const server = await TestServer.start();
  const sockets: Socket[] = [];
  const between = createServer((near) => {
    const far = connect(server.port, '127.0.0.1');
    sockets.push(near, far);
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.pipe(far).pipe(near);
  });
  between.listen(0, '127.0.0.1');
  await once(between, 'listening');
  const { port } = between.address() as AddressInfo;
  const transport = await connectGrpc({
    url: `127.0.0.1:${port}`,
    keepAliveConfig: { timeMs: 10_000, timeoutMs: 100 },
  });
  const end = new Promise<TransportEnd>((resolve) => transport.onEnd?.(resolve));
  const heard = new Recorder();
  await transport.subscribe({ source: 's1', clusterName: '', dataType: '' }, heard);
  for (const socket of sockets) {
    socket.unpipe();
    socket.pause();
  }
  expect(await end).toMatchObject({ kind: 'lost', error: { code: 'unavailable' } });
  expect(await heard.ended()).toMatchObject({ code: 'unavailable' });
  await transport.close();
  for (const socket of sockets) socket.destroy();
  between.close();
  server.stop();
});
