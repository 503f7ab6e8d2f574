import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { Composer } from '../../../src/rpc/h2/composer.js';

it('what a slow socket has not sent yet is not written over for a quick one', async () => {
  const accepted: Socket[] = [];
  const server = createServer((socket) => accepted.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const slow = connect(address.port, '127.0.0.1');
  slow.pause();
  await once(slow, 'connect');
  const quick = connect(address.port, '127.0.0.1');
  quick.resume();
  await once(quick, 'connect');
  while (accepted.length < 2) await once(server, 'connection');
  const toSlow = accepted.find((one) => one.remotePort === slow.localPort) as Socket;
  const toQuick = accepted.find((one) => one.remotePort === quick.localPort) as Socket;
  const out = new Composer();
  let sent = 0;
  while (toSlow.writableLength === 0) {
    for (let i = 0; i < 10; i++) out.add(Buffer.alloc(1000, 'S'));
    out.send(toSlow);
    sent += 10_000;
  }
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 8; i++) out.add(Buffer.alloc(1000, 'Q'));
    out.send(toQuick);
    await new Promise((resolve) => setImmediate(resolve));
  }
  let got = 0;
  let wrong = 0;
  slow.on('data', (chunk: Buffer) => {
    got += chunk.length;
    for (const byte of chunk) if (byte !== 0x53) wrong++;
  });
  slow.resume();
  while (got < sent) await new Promise((resolve) => setImmediate(resolve));
  for (const one of [slow, quick, toSlow, toQuick]) one.destroy();
  server.close();
  expect(wrong).toBe(0);
});
