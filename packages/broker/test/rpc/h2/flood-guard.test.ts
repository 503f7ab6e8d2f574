import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FloodGuard, type FloodKind, limitOf } from '../../../src/rpc/h2/flood-guard.js';
import { resolveLimits } from '../../../src/rpc/h2/limits.js';

const LIMITS = resolveLimits(undefined);

/** How many may come at once, and how many a second from then on. */
const ALLOWED: Readonly<Record<FloodKind, readonly [burst: number, perSecond: number]>> = {
  reset: [1_000, 200],
  'provoked-reset': [200, 100],
  settings: [100, 10],
  ping: [1_000, 100],
  'window-update': [5_000, 500],
  'empty-data': [1_000, 100],
  priority: [2_000, 200],
  'unknown-frame': [2_000, 200],
  continuation: [1_000, 100],
};
const KINDS = Object.keys(ALLOWED) as FloodKind[];

/** How many are let through at one moment. */
function letThrough(guard: FloodGuard, kind: FloodKind, now: number): number {
  let count = 0;
  while (!guard.count(kind, now)) {
    count++;
    if (count > 1_000_000) throw new Error('no end');
  }
  return count;
}

describe.each(KINDS)('%s', (kind) => {
  const [burst, perSecond] = ALLOWED[kind];

  it('so many at once, then so many a second (RFC 9113 §10.5)', () => {
    const guard = new FloodGuard(LIMITS);
    expect(letThrough(guard, kind, 5_000)).toBe(burst);
    expect(guard.count(kind, 5_000)).toBe(true);
    expect(letThrough(guard, kind, 6_000)).toBe(perSecond);
    expect(letThrough(guard, kind, 8_000)).toBe(2 * perSecond);
  });

  it('after a pause the burst again, and no more', () => {
    const guard = new FloodGuard(LIMITS);
    letThrough(guard, kind, 0);
    expect(letThrough(guard, kind, 3_600_000)).toBe(burst);
  });

  it('the others have theirs', () => {
    const guard = new FloodGuard(LIMITS);
    letThrough(guard, kind, 0);
    for (const other of KINDS) if (other !== kind) expect(guard.count(other, 0)).toBe(false);
  });

  it('names the option that it is held to', () => {
    const option = limitOf(kind);
    const guard = new FloodGuard({ ...LIMITS, [option]: 2 * perSecond });
    expect(letThrough(guard, kind, 0)).toBe(2 * burst);
  });

  it('a clock that is set back costs nobody', () => {
    const guard = new FloodGuard(LIMITS);
    expect(guard.count(kind, 1e12)).toBe(false);
    expect(guard.count(kind, 1e12 - 3_600_000)).toBe(false);
  });
});

describe('useful traffic', () => {
  it.each([
    ['ping', 1],
    ['window-update', 4],
    ['continuation', 4],
  ] as const)('earns a %s for each frame', (kind, each) => {
    const guard = new FloodGuard(LIMITS);
    guard.earned(10);
    expect(letThrough(guard, kind, 0)).toBe(ALLOWED[kind][0] + 10 * each);
  });

  it('earns no endless stock', () => {
    const guard = new FloodGuard(LIMITS);
    for (let round = 0; round < 1_000; round++) guard.earned(1_000);
    expect(letThrough(guard, 'window-update', 0)).toBe(5_000 + 100_000);
  });

  it.each(['reset', 'provoked-reset', 'settings', 'empty-data', 'priority', 'unknown-frame'] as const)(
    'earns no %s',
    (kind) => {
      const guard = new FloodGuard(LIMITS);
      guard.earned(1_000);
      expect(letThrough(guard, kind, 0)).toBe(ALLOWED[kind][0]);
    },
  );
});

it('whoever keeps to the rate is never over it, and nobody gets more than rate and burst', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...KINDS),
      fc.array(fc.tuple(fc.nat(3_000), fc.nat(400)), { maxLength: 60 }),
      (kind, steps) => {
        const [burst, perSecond] = ALLOWED[kind];
        const guard = new FloodGuard(LIMITS);
        let now = 0;
        let passed = 0;
        // The bucket, once more, the plain way.
        let tokens = burst;
        for (const [wait, count] of steps) {
          now += wait;
          guard.rest(now);
          tokens = Math.min(burst, tokens + (wait * perSecond) / 1000);
          for (let at = 0; at < count; at++) {
            const over = guard.count(kind, now);
            if (Math.abs(tokens - 1) > 1e-3) expect(over).toBe(tokens < 1);
            if (!over) {
              passed++;
              tokens--;
            }
          }
        }
        expect(passed).toBeLessThanOrEqual(burst + (now * perSecond) / 1000 + 1);
      },
    ),
    { numRuns: 50 },
  );
});
