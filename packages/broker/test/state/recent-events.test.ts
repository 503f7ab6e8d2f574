import { describe, expect, it } from 'vitest';
import { RecentEvents } from '../../src/state/recent-events.js';

describe('events seen lately', () => {
  it('are told by source and id together', () => {
    const recent = new RecentEvents();
    expect(recent.add('A', '1')).toBe(true);
    expect(recent.add('A', '1')).toBe(false);
    expect(recent.add('B', '1')).toBe(true);
    expect(recent.add('B', '1')).toBe(false);
    expect(recent.add('A', '1')).toBe(false);
  });

  it('are looked at again once they were forgotten', () => {
    const recent = new RecentEvents();
    recent.add('A', '1');
    recent.add('B', '1');
    recent.forget('B', '1');
    expect(recent.add('B', '1')).toBe(true);
    recent.forget('A', '1');
    expect(recent.add('A', '1')).toBe(true);
  });

  it('are remembered as many as the capacity says, and not for ever', () => {
    const recent = new RecentEvents(4);
    recent.add('A', 'first');
    for (let n = 0; n < 3; n += 1) recent.add('A', `next-${n}`);
    expect(recent.add('A', 'first')).toBe(false);
    for (let n = 3; n < 12; n += 1) recent.add('A', `next-${n}`);
    expect(recent.add('A', 'first')).toBe(true);
  });

  it('are the same as a list of the last ones says, whatever comes', () => {
    const capacity = 16;
    const recent = new RecentEvents(capacity, 42);
    // By slot: what is remembered, or was and is forgotten.
    let list: (string | undefined)[] = [];
    let seed = 1;
    const below = (limit: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return (seed >>> 8) % limit;
    };
    for (let step = 0; step < 20_000; step++) {
      const source = `source${below(2)}`;
      const number = below(24);
      // Some are too long, or not latin1, for the place that most ids lie in.
      const id = `${number % 5 === 0 ? 'long'.repeat(20) : number % 7 === 0 ? '事件' : 'event'}-${number}`;
      const key = `${source} ${id}`;
      if (below(5) === 0) {
        recent.forget(source, id);
        list = list.map((known) => (known === key ? undefined : known));
        continue;
      }
      const isNew = !list.includes(key);
      expect(recent.add(source, id)).toBe(isNew);
      if (isNew) list = [...list, key].slice(-capacity);
    }
  });
});
