import { describe, expect, it } from 'vitest';
import { Trace } from '../../src/core/trace.js';
import type { SessionDescription } from '../../src/delivery/session-description.js';

const session = (id: number): SessionDescription => ({
  id,
  role: 'agent',
  name: 'c1',
  dataType: '',
  user: 'u',
  openedAt: 0,
});

const EVENT = { source: 's1', type: { name: 'a.b.c.spec.create_request' }, cluster: 'c1', resourceId: 'r' };
type Event = Parameters<Trace['refused']>[2];

describe('the trace', () => {
  it('knows of each event when it was durable, and who got it', () => {
    const trace = new Trace(0, 8);
    trace.durable(3, 10);
    trace.delivered(3, session(1), 11);
    trace.delivered(3, session(2), 12);
    expect(trace.of(3)).toEqual({
      durableAt: 10,
      delivered: 2,
      deliveries: [
        { session: session(2), at: 12 },
        { session: session(1), at: 11 },
      ],
    });
  });

  it('says of an event to which nothing happened that nothing happened', () => {
    expect(new Trace(0, 8).of(3)).toEqual({ durableAt: 0, delivered: 0, deliveries: [] });
  });

  it('does not say that nothing happened when it has forgotten what did', () => {
    const trace = new Trace(0, 8);
    trace.delivered(3, session(1), 1);
    trace.delivered(11, session(1), 2);
    expect(trace.of(3)).toBeUndefined();
    expect(trace.of(11)?.delivered).toBe(1);
    expect(trace.of(19)).toMatchObject({ delivered: 0 });
    // An old event that is handed out again takes the place of the newer one.
    trace.delivered(3, session(2), 3);
    expect(trace.of(3)?.delivered).toBe(1);
    expect(trace.of(11)).toBeUndefined();
  });

  it('remembers the last sixteen of many deliveries, and how many there were', () => {
    const trace = new Trace(0, 8);
    for (let id = 1; id <= 100; id += 1) trace.delivered(1, session(id), id);
    const { delivered, deliveries } = trace.of(1) ?? { delivered: 0, deliveries: [] };
    expect(delivered).toBe(100);
    expect(deliveries.map(({ session: { id } }) => id)).toEqual(
      Array.from({ length: 16 }, (_, n) => 100 - n),
    );
  });

  it('forgets the oldest deliveries of all events, and never takes a newer one for an older', () => {
    const trace = new Trace(0, 8);
    trace.delivered(1, session(1), 1);
    trace.delivered(2, session(2), 2);
    for (let n = 0; n < 65_535; n += 1) trace.delivered(3, session(3), 3);
    // The place of the first has been taken.
    expect(trace.of(1)).toEqual({ durableAt: 0, delivered: 1, deliveries: [] });
    expect(trace.of(2)?.deliveries).toEqual([{ session: session(2), at: 2 }]);
    trace.delivered(2, session(4), 4);
    expect(trace.of(2)?.deliveries).toEqual([{ session: session(4), at: 4 }]);
    expect(trace.of(3)?.deliveries).toHaveLength(16);
  });

  it('keeps the last thousand refusals, newest first, and no more of a text than is worth it', () => {
    const trace = new Trace(0, 8);
    const event = EVENT as Event;
    for (let at = 1; at <= 1_500; at += 1) trace.refused('aborted', 'x'.repeat(10_000), event, 'u', at);
    trace.refused('stale', 'y', { ...EVENT, cluster: 'c2' } as Event, 'u', 1_501);
    trace.refused('invalid_argument', 'z', undefined, 'u', 1_502);
    const refusals = [...trace.refusals('r', 'c1')];
    expect(refusals).toHaveLength(998);
    expect([refusals[0]?.at, refusals.at(-1)?.at]).toEqual([1_500, 503]);
    expect(refusals[0]?.message).toHaveLength(300);
    expect([...trace.refusals('r', 'c2')].map(({ code }) => code)).toEqual(['stale']);
  });
});
