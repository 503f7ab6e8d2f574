import { expect, it } from 'vitest';
import { callBlock, ECHO, SUBSCRIBE, startServer } from './conformance/harness.js';
import {
  data,
  FLAG,
  headers,
  message,
  PREFACE,
  SETTING,
  settings,
  windowUpdate,
} from './conformance/wire.js';

/** A peer whose streams have all the window they want, and whose connection has none but what it says. */
const NARROW = { first: Buffer.concat([PREFACE, settings([SETTING.INITIAL_WINDOW_SIZE, 100_000_000])]) };

it('a stream that always has more to send leaves the window of the connection to others too', async () => {
  await using server = await startServer();
  using peer = await server.connect(NARROW);
  for (const id of [1, 3]) {
    peer.send(headers(id, callBlock(SUBSCRIBE)), data(id, message(), FLAG.END_STREAM));
    await peer.expectHeaders(id);
  }
  const [busy, quiet] = server.echo.subscriptions;
  if (busy === undefined || quiet === undefined) throw new Error('two subscriptions were expected');
  const fill = (): void => {
    while (busy.stream.writableBytes() > 0) busy.stream.write(Buffer.alloc(10_000));
  };
  busy.writable = fill;
  fill();
  await peer.fence();
  quiet.stream.write(Buffer.alloc(100, 'b'));
  peer.send(headers(5, callBlock(ECHO)), data(5, message('hello'), FLAG.END_STREAM));
  for (let round = 0; round < 50; round++) {
    peer.send(windowUpdate(0, 32_768));
    await peer.fence();
  }
  expect(peer.dataBytes(3)).toBe(105);
  expect(peer.dataBytes(5)).toBe(10);
  expect(peer.dataBytes(1)).toBeGreaterThan(1_000_000);
});

it('what crosses with the end of many streams is no offence', async () => {
  await using server = await startServer();
  using peer = await server.connect();
  const ids = Array.from({ length: 1_500 }, (_, index) => 1 + 2 * index);
  const tooLarge = Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]);
  peer.send(...ids.flatMap((id) => [headers(id, callBlock(ECHO)), data(id, tooLarge)]));
  await peer.fence();
  peer.send(...ids.map((id) => data(id, Buffer.alloc(10))));
  await peer.fence();
  expect(peer.of(0, 7)).toHaveLength(0);
});
