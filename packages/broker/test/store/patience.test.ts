import { describe, expect, it } from 'vitest';
import { Patience } from '../../src/store/patience.js';

function turns(patience: Patience, ...events: number[]): boolean[] {
  return events.map((count) => patience.isWorthIt(count));
}

describe('how long a group grows', () => {
  it('not at all where events come one by one', () => {
    expect(turns(new Patience(), 1, 1, 1)).toEqual([false, false, false]);
  });

  it('as long as every turn brings more, once a group had several', () => {
    const patience = new Patience();
    expect(turns(patience, 3)).toEqual([false]);
    expect(turns(patience, 2, 5, 9, 9)).toEqual([true, true, true, false]);
    expect(turns(patience, 4, 4)).toEqual([true, false]);
  });

  it('no further than to some dozens, and some turns', () => {
    const patience = new Patience();
    expect(turns(patience, 2, 40, 64)).toEqual([false, true, false]);
    const slowly = Array.from({ length: 17 }, (_, index) => index + 1);
    expect(turns(patience, ...slowly)).toEqual([...Array.from({ length: 16 }, () => true), false]);
  });

  it('a transaction that only settles says nothing about the load', () => {
    const patience = new Patience();
    expect(turns(patience, 3, 0, 2)).toEqual([false, false, true]);
  });
});
