import { encodeSubscriptionRequest } from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import { frame } from '../rpc/support/raw-client.js';
import { eventOf, publish, Running, SUBSCRIBE, subscribed } from './support/running.js';

const MIB = 1024 * 1024;
const SUBSCRIBE_C1 = frame(encodeSubscriptionRequest({ source: '', clusterName: 'c1', dataType: '' }));

describe('what all subscriptions together hold unsent', () => {
  it('is bounded: those that never read cost no more than the limit, and one that reads gets everything', async () => {
    await using running = await Running.start({ totalStreamBytes: MIB });
    for (let n = 0; n < 20; n += 1) {
      // Never read: what the broker sends stays where it is.
      await running.client().open(SUBSCRIBE, SUBSCRIBE_C1).headers;
    }
    const reader = await subscribed(running.client(), { clusterName: 'c1' });
    const source = running.client();
    const data = JSON.stringify({ filler: 'x'.repeat(20 * 1024) });
    let most = 0;
    for (let n = 0; n < 200; n += 1) {
      expect((await publish(source, eventOf({ resourceId: `r${n}`, data }))).status).toBe(0);
      most = Math.max(most, running.broker.status().connections.bufferedBytes);
    }
    await reader.messages(200);
    // Without the limit each of the 20 would hold 256 KiB. What they took into their windows at first is granted once more.
    expect(most).toBeLessThan(3 * MIB);
    expect(running.broker.status().sessions.dirtyKeys).toBeGreaterThan(1000);
  });
});
