import { encodeEvent, encodePublishBatch } from 'ce-broker-proto';
import { expect, it } from 'vitest';
import { frame } from '../rpc/support/raw-client.js';
import { eventOf, Running } from './support/running.js';

const PUBLISH_STREAM = '/ce_broker.v1.Broker/PublishStream';
const EVENTS = 100;
const BATCHES = 200;

it('a client that takes no answers is read no further: what it would be told is bounded', async () => {
  await using running = await Running.start({ streamBufferBytes: 16 * 1024 });
  const client = running.client();
  // Never read.
  const { stream } = client.open(PUBLISH_STREAM, undefined);
  // Each is refused, and each refusal has to be told.
  const event = encodeEvent(eventOf({ resourceId: '', data: JSON.stringify({ filler: 'x'.repeat(50) }) }));
  const events = new Array<Uint8Array>(EVENTS).fill(event);
  for (let batch = 0; batch < BATCHES; batch++) {
    stream.write(frame(encodePublishBatch({ firstSequence: 1 + batch * EVENTS, events })));
    // Answered without a window once everything before it was read.
    expect((await client.call('/no/Method', Buffer.alloc(0))).status).toBe(12);
  }
  const { published, refused } = running.broker.status().counters;
  expect(published).toBeGreaterThan(0);
  expect(refused).toMatchObject({ invalid_argument: published });
  expect(published).toBeLessThan((BATCHES * EVENTS) / 2);
});
