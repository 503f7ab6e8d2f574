import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Head, HeadLog } from '../../src/store/head-log.js';
import { idOfKey, resourceKey } from '../../src/store/layout.js';

const head = (partition: number, id: string, text: string | undefined): Head => ({
  partition,
  id,
  record: text === undefined ? undefined : Buffer.from(text),
  ends: false,
  mayBeInEnds: false,
});

const sortedIds = (log: HeadLog, partition: number): string[] =>
  [...log.sorted(partition)].map((entry) => idOfKey(log.at(entry).key));

describe('the log of heads', () => {
  it('knows the newest of each resource, as a map would', () => {
    const change = fc.record({
      partition: fc.integer({ min: 1, max: 3 }),
      id: fc.oneof(fc.constantFrom('', 'a', 'b', 'ab', 'é', '☃', 'a\0'), fc.string({ unit: 'grapheme' })),
      record: fc.option(fc.uint8Array({ maxLength: 40 }).map(Buffer.from), { nil: undefined }),
      ends: fc.boolean(),
      mayBeInEnds: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
        const log = new HeadLog();
        const model = new Map<string, Head>();
        for (const one of changes) {
          log.add(one);
          const name = `${one.partition} ${one.id}`;
          const mayBeInEnds = one.mayBeInEnds || model.get(name)?.mayBeInEnds === true;
          model.set(name, { ...one, mayBeInEnds });
        }
        expect(log.size).toBe(model.size);
        for (const { partition, id, ...what } of model.values()) {
          const { key, ...known } = log.get(resourceKey(partition, id)) ?? { key: Buffer.alloc(4) };
          expect(idOfKey(key)).toBe(id);
          expect(known).toEqual(what);
        }
        expect(log.partitions()).toEqual([1, 2, 3].filter((n) => changes.some((c) => c.partition === n)));
        for (const partition of [1, 2, 3]) {
          const ids = [...model.values()]
            .filter((known) => known.partition === partition)
            .map(({ id }) => id);
          expect([...log.ids(partition)].sort()).toEqual(ids.sort());
          expect(sortedIds(log, partition).sort()).toEqual(ids.sort());
        }
        expect(log.get(resourceKey(4, 'a'))).toBeUndefined();
      }),
    );
  });

  it('grows over many chunks, with records larger than one, and keeps the order of keys', () => {
    const log = new HeadLog();
    const names = Array.from(
      { length: 30_000 },
      (_, index) => `cluster-${(index * 7_919) % 30_000}-${'x'.repeat(60)}`,
    );
    for (const id of names) log.add(head(7, id, `of ${id}`));
    const large = 'x'.repeat(3 << 20);
    log.add(head(7, 'large', large));
    log.add(head(7, 'after', 'it'));
    for (const id of names) log.add(head(7, id, `new of ${id}`));
    expect(log.size).toBe(30_002);
    expect(log.bytes).toBeGreaterThan(8 << 20);
    expect(log.get(resourceKey(7, 'large'))?.record?.toString()).toBe(large);
    expect(log.get(resourceKey(7, 'after'))?.record?.toString()).toBe('it');
    for (const id of names) expect(log.get(resourceKey(7, id))?.record?.toString()).toBe(`new of ${id}`);
    const sorted = sortedIds(log, 7);
    const exact = [...names, 'large', 'after'].sort();
    expect(sorted).toHaveLength(exact.length);
    const places = new Map(exact.map((id, place) => [id, place]));
    // Those that begin alike may lie beside each other in any order, as long as they are few.
    for (const [place, id] of sorted.entries())
      expect(Math.abs((places.get(id) ?? -1) - place)).toBeLessThan(256);
  });

  it('tells what was seen of it before, whatever comes after', () => {
    const log = new HeadLog();
    log.add(head(1, 'a', 'first'));
    const seen = log.get(resourceKey(1, 'a'));
    for (let index = 0; index < 5_000; index++) log.add(head(1, 'a', `later ${index}`.repeat(50)));
    expect(seen?.record?.toString()).toBe('first');
    expect(log.size).toBe(1);
    expect([...log.ids(1)]).toEqual(['a']);
  });
});
