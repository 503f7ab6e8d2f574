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

  it('are remembered for as many further events as the capacity says, and not for ever', () => {
    const recent = new RecentEvents(4);
    recent.add('A', 'first');
    for (let n = 0; n < 4; n += 1) recent.add('A', `next-${n}`);
    expect(recent.add('A', 'first')).toBe(false);
    for (let n = 4; n < 12; n += 1) recent.add('A', `next-${n}`);
    expect(recent.add('A', 'first')).toBe(true);
  });
});
