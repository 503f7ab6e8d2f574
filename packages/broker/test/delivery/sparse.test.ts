import fc from 'fast-check';
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

describe('both', () => {
  const step = fc.record({
    kind: fc.constantFrom('add' as const, 'add' as const, 'delete' as const, 'clear' as const),
    item: fc.constantFrom('a', 'b', 'c', 'd'),
  });

  it('have what a map and a set would have, in the same order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const [map, set] = [new SparseMap<string, number>(), new SparseSet<string>()];
        const [mapModel, setModel] = [new Map<string, number>(), new Set<string>()];
        for (const [index, { item, kind }] of steps.entries()) {
          if (kind === 'add') {
            map.set(item, index);
            set.add(item);
            mapModel.set(item, index);
            setModel.add(item);
          } else if (kind === 'delete') {
            expect(map.delete(item)).toBe(mapModel.delete(item));
            expect(set.delete(item)).toBe(setModel.delete(item));
          } else {
            for (const one of [map, set, mapModel, setModel]) one.clear();
          }
          expect([...map]).toEqual([...mapModel]);
          expect([[...map.keys()], [...map.values()]]).toEqual([
            [...mapModel.keys()],
            [...mapModel.values()],
          ]);
          expect([...set]).toEqual([...setModel]);
          expect([map.size, set.size]).toEqual([mapModel.size, setModel.size]);
          for (const one of ['a', 'b', 'c', 'd']) {
            expect([map.has(one), map.get(one), set.has(one)]).toEqual([
              mapModel.has(one),
              mapModel.get(one),
              setModel.has(one),
            ]);
          }
        }
      }),
      { seed: 20_261_128 },
    );
  });

  it('may lose items while they are walked through', () => {
    for (const gone of ['a', 'b', 'c']) {
      for (const when of ['a', 'b', 'c']) {
        const [set, model] = [new SparseSet<string>(), new Set<string>()];
        const walk = (items: SparseSet<string> | Set<string>): string[] => {
          for (const item of ['a', 'b', 'c']) items.add(item);
          const seen: string[] = [];
          for (const item of items) {
            seen.push(item);
            if (item === when) items.delete(gone);
          }
          return seen;
        };
        expect(walk(set)).toEqual(walk(model));
      }
    }
  });
});
