import { describe, expect, it } from 'vitest';
import type { Head } from '../../src/store/head-log.js';
import { idOfKey, resourceKey } from '../../src/store/layout.js';
import { Settling, type Slice } from '../../src/store/settling.js';

const head = (partition: number, id: string, text: string | undefined, more: Partial<Head> = {}): Head => ({
  partition,
  id,
  record: text === undefined ? undefined : Buffer.from(text),
  ends: false,
  mayBeInEnds: false,
  ...more,
});

const make = (threshold = 1_000, bytes = 1 << 26): Settling =>
  new Settling({ threshold, bytes, deadBytes: 1_000, groups: 1_000 });

const textOf = (settling: Settling, partition: number, id: string): string | undefined =>
  settling.get(resourceKey(partition, id))?.record?.toString();

const namesOf = (slices: readonly Slice[]): string[] =>
  slices.flatMap(({ heads }) => heads.map(({ key }) => `${key.readUInt32BE(0)} ${idOfKey(key)}`));

/** Settles in slices of at most `most` until the round is over. */
function settleAll(settling: Settling, most: number): Slice[] {
  const slices: Slice[] = [];
  for (;;) {
    const slice = settling.slice(most, 'begin');
    if (slice === undefined) return slices;
    slices.push(slice);
    settling.settled(slice);
    if (slice.settledUpTo !== undefined) return slices;
  }
}

describe('heads that wait to be settled', () => {
  it('are the newest of each resource, until they are where they belong', () => {
    const settling = make();
    settling.add(1, [head(1, 'a', 'first'), head(1, 'b', 'other')], []);
    settling.add(2, [head(1, 'a', 'second'), head(2, 'a', 'of another partition')], []);
    expect(settling.size).toBe(3);
    expect(textOf(settling, 1, 'a')).toBe('second');
    expect(textOf(settling, 2, 'a')).toBe('of another partition');
    expect([...settling.ids(1)].sort()).toEqual(['a', 'b']);

    const slices = settleAll(settling, 10);
    expect(namesOf(slices)).toEqual(['1 a', '1 b', '2 a']);
    expect(slices.map(({ settledUpTo }) => settledUpTo)).toEqual([2]);
    expect(settling.isEmpty).toBe(true);
    expect(textOf(settling, 1, 'a')).toBeUndefined();
  });

  it('come in slices, in the order of partitions and ids, each once', () => {
    const settling = make();
    const names = Array.from({ length: 25 }, (_, index) => `id-${String(index).padStart(2, '0')}`);
    for (const [group, partition] of [10, 9, 2].entries())
      settling.add(
        group,
        [...names].reverse().map((id) => head(partition, id, id)),
        [partition],
      );
    const slices = settleAll(settling, 10);
    expect(slices.every(({ heads }) => heads.length <= 10)).toBe(true);
    expect(namesOf(slices)).toEqual(
      [2, 9, 10].flatMap((partition) => names.map((id) => `${partition} ${id}`)),
    );
    expect(slices.flatMap(({ dead }) => dead)).toEqual([2, 9, 10]);
    expect(slices.map(({ settledUpTo }) => settledUpTo).filter((upTo) => upTo !== undefined)).toEqual([2]);
  });

  it('come again when the transaction of their slice was lost', () => {
    const settling = make();
    settling.add(1, [head(1, 'a', 'a'), head(1, 'b', 'b')], [7]);
    const lost = settling.slice(1, 'begin');
    const again = settling.slice(1, 'begin');
    expect(again?.heads).toEqual(lost?.heads);
    expect(again?.dead).toEqual([7]);
  });

  it('give way to newer ones while a round goes on, which settle in the next', () => {
    const settling = make();
    settling.add(1, [head(1, 'a', 'old')], []);
    const slice = settling.slice(10, 'begin');
    settling.add(2, [head(1, 'a', undefined)], []);
    expect(settling.get(resourceKey(1, 'a'))).toMatchObject({ record: undefined });
    if (slice !== undefined) settling.settled(slice);
    const [next] = settleAll(settling, 10);
    expect(next?.heads.map(({ key, record }) => [idOfKey(key), record])).toEqual([['a', undefined]]);
  });

  it('begin a round by themselves once there are enough of them, or of dead events', () => {
    const settling = make(2);
    settling.add(1, [head(1, 'a', 'a')], []);
    expect(settling.slice(10, 'when-due')).toBeUndefined();
    settling.add(2, [], [1, 2]);
    expect(settling.slice(10, 'when-due')?.dead).toEqual([1, 2]);
  });

  it('begin a round by themselves once they take too much memory', () => {
    const settling = make(1_000, 1 << 21);
    settling.add(1, [head(1, 'a', 'x'.repeat(800_000))], []);
    expect(settling.slice(10, 'when-due')).toBeUndefined();
    settling.add(2, [head(1, 'a', 'x'.repeat(800_000))], []);
    expect(settling.slice(10, 'when-due')?.heads).toHaveLength(1);
  });

  it('begin a round by themselves once dead events take too much of the file', () => {
    const settling = make();
    settling.add(1, [], [1], 600);
    expect(settling.slice(10, 'when-due')).toBeUndefined();
    settling.add(2, [], [2], 600);
    expect(settling.slice(10, 'when-due')?.dead).toEqual([1, 2]);
  });

  it('begin a round by themselves once they come from many groups, counted from the round before', () => {
    const settling = make();
    for (let group = 5_001; group <= 6_000; group++) {
      expect(settling.slice(10, 'when-due')).toBeUndefined();
      settling.add(group, [head(1, 'a', `${group}`)], []);
    }
    const slice = settling.slice(10, 'when-due');
    expect(slice?.settledUpTo).toBe(6_000);
    if (slice !== undefined) settling.settled(slice);
    settling.add(6_001, [head(1, 'a', 'next')], []);
    expect(settling.slice(10, 'when-due')).toBeUndefined();
  });

  it('remember that a resource may be among those that end, whatever became of it since', () => {
    const settling = make();
    settling.add(1, [head(1, 'a', 'deleted', { ends: true, mayBeInEnds: true })], []);
    settling.add(2, [head(1, 'a', 'created again')], []);
    expect(settling.get(resourceKey(1, 'a'))).toMatchObject({ ends: false, mayBeInEnds: true });
  });

  it('keep large records beside small ones', () => {
    const settling = make();
    const large = 'x'.repeat(200_000);
    settling.add(1, [head(1, 'small', 'small'), head(1, 'large', large)], []);
    const before = settling.get(resourceKey(1, 'small'));
    settling.add(2, [head(1, 'larger', large + large)], []);
    expect(textOf(settling, 1, 'large')).toBe(large);
    expect(textOf(settling, 1, 'larger')).toBe(large + large);
    expect(before?.record?.toString()).toBe('small');
  });
});
