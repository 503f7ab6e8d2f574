import { describe, expect, it } from 'vitest';
import { ResourceCursor } from '../../src/cli/load/publisher.js';

const take = (cursor: ResourceCursor, count: number) => Array.from({ length: count }, () => cursor.next());

describe('the order of the resources', () => {
  it('is their own', () => {
    const cursor = new ResourceCursor(0, 1, 4, 7);
    expect([take(cursor, 4), cursor.version, take(cursor, 2), cursor.version]).toEqual([
      [0, 1, 2, 3],
      7,
      [0, 1],
      8,
    ]);
  });

  it.each([1, 2, 10, 1_000, 9_973])('scattered, each of %d comes once in a round', (count) => {
    for (const from of [0, 3]) {
      const cursor = new ResourceCursor(0, 1, count, 1, from);
      expect(new Set(take(cursor, count)).size).toBe(count);
      expect(cursor.version).toBe(1);
      cursor.next();
      expect(cursor.version).toBe(2);
    }
  });

  it('scattered, a short run touches a sample of all', () => {
    const tenths = new Set(
      take(new ResourceCursor(0, 1, 1_000_000, 1, 500), 100).map((id) => Math.floor(id / 100_000)),
    );
    expect(tenths.size).toBe(10);
  });

  it('several publishers share a scattered order without a clash', () => {
    const both = [0, 1].flatMap((first) => take(new ResourceCursor(first, 2, 100, 1, 9), 50));
    expect(new Set(both).size).toBe(100);
  });
});
