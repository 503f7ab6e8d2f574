import { describe, expect, it } from 'vitest';
import { SparseMap, SparseSet } from '../../src/delivery/sparse.js';

describe('SparseMap', () => {
  it('reads as an empty map until something is in it', () => {
    const map = new SparseMap<string, number>();
    expect([map.size, map.has('a'), map.get('a'), map.delete('a')]).toEqual([0, false, undefined, false]);
    expect([[...map], [...map.keys()], [...map.values()]]).toEqual([[], [], []]);
    map.set('a', 1);
    expect([...map]).toEqual([['a', 1]]);
    map.clear();
    expect(map.size).toBe(0);
  });

  it('may be changed while it is walked through', () => {
    const map = new SparseMap<string, number>();
    for (const key of ['a', 'b', 'c']) map.set(key, 1);
    const seen: string[] = [];
    for (const [key] of map) {
      seen.push(key);
      map.delete(key);
      if (key === 'a') map.set('d', 1);
    }
    expect(seen).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('SparseSet', () => {
  it('keeps items in the order in which they came', () => {
    const set = new SparseSet<string>();
    for (const item of ['a', 'b', 'a', 'c', 'b']) set.add(item);
    expect([set.size, [...set]]).toEqual([3, ['a', 'b', 'c']]);
    expect([set.delete('a'), set.delete('a')]).toEqual([true, false]);
    set.add('d');
    set.add('a');
    expect([set.size, [...set]]).toEqual([4, ['b', 'c', 'd', 'a']]);
    expect(['a', 'b', 'e'].map((item) => set.has(item))).toEqual([true, true, false]);
  });

  it('is empty once everything was deleted', () => {
    const set = new SparseSet<string>();
    for (const item of ['a', 'b']) set.add(item);
    for (const item of ['a', 'b']) set.delete(item);
    expect([set.size, [...set], set.has('a')]).toEqual([0, [], false]);
    set.add('c');
    set.clear();
    expect([set.size, [...set]]).toEqual([0, []]);
  });
});
