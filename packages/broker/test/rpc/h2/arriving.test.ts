import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { callBlock, ECHO, startServer, TALK } from './conformance/harness.js';
import type { RawPeer } from './conformance/raw-peer.js';
import { data, FLAG, headers, literals, message, windowUpdate } from './conformance/wire.js';

const refused = (peer: RawPeer): number =>
  peer.frames.filter(({ fields }) => fields?.get('grpc-status') === '8').length;

it.each([
  ['a unary call that has no end', ECHO],
  ['a stream that nobody reads', TALK],
])('whole messages of %s count against maxArrivingBytes', async (_name, path) => {
  await using server = await startServer({ maxArrivingBytes: 64 * 1024 });
  using peer = await server.connect();
  for (let index = 0; index < 60; index++) {
    const id = 1 + 2 * index;
    peer.send(headers(id, callBlock(path)), data(id, message(Buffer.alloc(16_000))));
  }
  await peer.fence();
  expect(refused(peer)).toBeGreaterThan(54);
});

it('what was counted is given back', async () => {
  await using server = await startServer({ maxArrivingBytes: 64 * 1024 });
  using peer = await server.connect();
  for (let index = 0; index < 200; index++) {
    const id = 1 + 2 * index;
    const whole = message(Buffer.alloc(12_000));
    peer.send(headers(id, callBlock(ECHO)), data(id, whole.subarray(0, 5_000)));
    peer.send(data(id, whole.subarray(5_000)), data(id, Buffer.alloc(0), FLAG.END_STREAM));
    peer.send(windowUpdate(0, 12_005));
    await peer.expectEnd(id);
  }
  expect(refused(peer)).toBe(0);
});

it('a stream that this side holds back is not blamed for sending nothing', async () => {
  await using server = await startServer({ requestIdleMs: 100 });
  using peer = await server.connect();
  const next = server.talk.next();
  peer.send(headers(1, callBlock(TALK)));
  const talk = await next;
  // The last message is cut by the window of 256 KiB, and nobody reads.
  const all = Buffer.concat(Array.from({ length: 300 }, () => message(Buffer.alloc(1_000)))).subarray(
    0,
    256 * 1024,
  );
  for (let at = 0; at < all.length; at += 16_384) peer.send(data(1, all.subarray(at, at + 16_384)));
  await peer.fence();
  // Long enough for the engine to have looked: another call that really sends nothing more is ended meanwhile.
  peer.send(headers(3, callBlock(ECHO)), data(3, message('x').subarray(0, 3)));
  await peer.expectEnd(3);
  expect(talk.closes).toBe(0);
});

it('a hundred compressed calls at once are all answered', async () => {
  await using server = await startServer();
  using peer = await server.connect();
  const zipped = message(gzipSync(Buffer.from('hello')));
  zipped[0] = 1;
  const ids = Array.from({ length: 100 }, (_, index) => 1 + 2 * index);
  const block = callBlock(ECHO, { 'grpc-encoding': 'gzip' });
  peer.send(...ids.flatMap((id) => [headers(id, block), data(id, zipped, FLAG.END_STREAM)]));
  for (const id of ids) await peer.expectEnd(id);
  expect(refused(peer)).toBe(0);
});

it('of headers over the limit only what is kept counts, so that a bomb refuses nobody else', async () => {
  await using server = await startServer({ maxArrivingBytes: 256 * 1024, maxHeaderListBytes: 8 * 1024 });
  using bomber = await server.connect();
  using honest = await server.connect();
  // One entry of the table, referred to two hundred times: 0xbe is the newest one.
  const large = literals([['x-bomb', 'x'.repeat(3_000)]]);
  const remembered = Buffer.concat([Buffer.from([0x40]), large.subarray(1)]);
  const bomb = Buffer.concat([callBlock(ECHO), remembered, Buffer.alloc(200, 0xbe)]);
  // It says that a body follows, so that its answer waits.
  bomber.send(headers(1, Buffer.concat([bomb, literals([['content-length', '5']])])));
  await bomber.fence();
  honest.send(headers(1, callBlock(ECHO)), data(1, message('hello'), FLAG.END_STREAM));
  await honest.expectEnd(1);
  expect(refused(honest)).toBe(0);
});
