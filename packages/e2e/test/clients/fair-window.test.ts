import { connectGrpc } from 'ce-broker-client';
import { encodeEvent } from 'ce-broker-proto';
import { expect, test } from 'vitest';
import { encodePart, part, typeOf } from '../../src/client-support/index.js';
import { startTestBroker } from '../../src/rpc-engine.js';

test('of thousands of publishes that are under way at once none is left for last', async () => {
  const broker = await startTestBroker({ listen: '127.0.0.1:0', admin: false });
  const transport = await connectGrpc({ url: `127.0.0.1:${broker.address?.port}` });
  // The broker opens its window at the first call of a connection.
  await transport.publish(encodeEvent(encodePart('hub', typeOf('spec', 'create_request'), part('first', 1))));
  const count = 2_000;
  const answered: number[] = [];
  const spec = { text: 'x'.repeat(150) };
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const event = encodePart('hub', typeOf('spec', 'create_request'), part(`w${index}`, 1, { spec }));
      await transport.publish(encodeEvent(event));
      answered.push(index);
    }),
  );
  const furthest = Math.max(...answered.map((index, place) => place - index));
  await transport.close();
  await broker.close({ graceMs: 0 });
  expect(furthest).toBeLessThan(count / 10);
});
