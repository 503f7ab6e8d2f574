import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { PUBLISH, SUBSCRIBE } from './support/echo-service.js';
import { ENGINES } from './support/engines.js';
import { frame } from './support/raw-client.js';
import { startEngine, startGrpcJs, startH2 } from './support/start.js';

describe.each(ENGINES)('compressed requests, $name', (engine) => {
  it('inflates nothing of a call that sends many compressed messages', async () => {
    await using running = await startEngine(engine);
    const client = running.client();
    const tiny = frame(gzipSync(Buffer.alloc(0)), 1);
    const many = Buffer.concat(Array.from({ length: 600 }, () => tiny));
    for (const path of [PUBLISH, SUBSCRIBE]) {
      const outcome = await client.open(path, many, { 'grpc-encoding': 'gzip' }).read().done;
      expect(outcome.message).toBe('one request message was expected, more came');
      expect([8, 12]).toContain(outcome.status);
    }
  });
});

it('grpc-js bounds how many compressed requests are on their way in, and counts them off again', async () => {
  await using running = await startGrpcJs({ maxInflatingRequests: 2 });
  const client = running.client();
  const gzip = { 'grpc-encoding': 'gzip' };
  const open = [client.open(PUBLISH, undefined, gzip).read(), client.open(PUBLISH, undefined, gzip).read()];
  const body = frame(gzipSync(Buffer.from('x')), 1);
  const refused = await client.open(PUBLISH, body, gzip).read().done;
  expect(refused.status).toBe(8);
  expect(refused.message).toMatch(/^2 compressed requests .* send uncompressed/);
  expect((await client.call(PUBLISH, Buffer.from('plain'))).status).toBe(0);
  open[0]?.stream.close(8);
  await open[0]?.done;
  open[1]?.stream.end(body);
  expect((await open[1]?.done)?.status).toBe(0);
  expect((await client.open(PUBLISH, body, gzip).read().done).status).toBe(0);
});

it('h2 lets compressed requests wait for each other, and answers them all', async () => {
  await using running = await startH2({ limits: { maxInflatingMessages: 2 } });
  const client = running.client();
  const body = frame(gzipSync(Buffer.alloc(3 * 1024 * 1024)), 1);
  const send = () => client.open(PUBLISH, body, { 'grpc-encoding': 'gzip' }).read().done;
  const outcomes = await Promise.all(Array.from({ length: 10 }, send));
  expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map(() => 0));
  expect((await send()).status).toBe(0);
});
