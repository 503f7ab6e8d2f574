import { describe, expect, it } from 'vitest';
import {
  defaultReconnectBackoff,
  type ReconnectBackoffOptions,
  reconnectBackoff,
} from '../../src/backoff/reconnect-backoff.js';

const MINUTE = 60_000;

function least(options: ReconnectBackoffOptions = {}) {
  const clock = { ms: 0 };
  return { clock, delay: reconnectBackoff({ random: () => 0, now: () => clock.ms, ...options }) };
}

function take(delay: () => number, count: number): number[] {
  return Array.from({ length: count }, () => delay());
}

describe('reconnect backoff', () => {
  it("waits as Go's clients do: 5 to 10 s, 25 to 50 s, then 60 to 120 s", () => {
    expect(take(least().delay, 5)).toEqual([5_000, 25_000, 60_000, 60_000, 60_000]);
    expect(take(least({ random: () => 1 }).delay, 5)).toEqual([10_000, 50_000, 120_000, 120_000, 120_000]);
    for (const [index, ms] of take(reconnectBackoff(), 4).entries()) {
      const base = [5_000, 25_000, 60_000, 60_000][index] ?? 0;
      expect(ms).toBeGreaterThanOrEqual(base);
      expect(ms).toBeLessThanOrEqual(2 * base);
    }
  });

  it('starts over at the first wait later than ten minutes after it last did', () => {
    const { clock, delay } = least();
    expect(take(delay, 3)).toEqual([5_000, 25_000, 60_000]);
    clock.ms = 10 * MINUTE;
    expect(delay()).toBe(60_000);
    clock.ms += 1;
    expect(take(delay, 2)).toEqual([5_000, 25_000]);
    clock.ms += 10 * MINUTE;
    expect(delay()).toBe(60_000);
    clock.ms += 1;
    expect(delay()).toBe(5_000);
  });

  it('counts the ten minutes from its making when it was never used', () => {
    const { clock, delay } = least();
    clock.ms = 11 * MINUTE;
    expect(take(delay, 2)).toEqual([5_000, 25_000]);
    clock.ms = 20 * MINUTE;
    expect(delay()).toBe(60_000);
    clock.ms = 22 * MINUTE;
    expect(delay()).toBe(5_000);
  });

  it('has one state for each function', () => {
    const [one, other] = [least().delay, least().delay];
    take(one, 5);
    expect(other()).toBe(5_000);
  });

  it('takes each number', () => {
    const { clock, delay } = least({
      initialMs: 100,
      factor: 3,
      capMs: 500,
      jitter: 0.5,
      startOverAfterMs: 1_000,
      random: () => 1,
    });
    expect(take(delay, 4)).toEqual([150, 450, 750, 750]);
    clock.ms = 1_001;
    expect(delay()).toBe(150);
  });

  it('can stay as it is, and never start over', () => {
    const { clock, delay } = least({ initialMs: 90_000, factor: 1, jitter: 0, startOverAfterMs: Infinity });
    expect(take(delay, 3)).toEqual([90_000, 90_000, 90_000]);
    clock.ms = Number.MAX_SAFE_INTEGER;
    expect(delay()).toBe(90_000);
  });

  it('is back within seconds by default: 1 to 2 s, doubling to at most 15 to 30 s', () => {
    const waits = take(defaultReconnectBackoff(), 6);
    for (const [index, base] of [1_000, 2_000, 4_000, 8_000, 15_000, 15_000].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(base);
      expect(waits[index]).toBeLessThanOrEqual(2 * base);
    }
  });

  it.each([
    [{ initialMs: -1 }, 'initialMs is -1; it must be a number of at least 0'],
    [{ factor: 0.5 }, 'factor is 0.5; it must be a number of at least 1'],
    [{ capMs: 10 }, 'capMs is 10; it must be a number of at least 5000'],
    [{ jitter: Number.NaN }, 'jitter is NaN; it must be a number of at least 0'],
    [{ startOverAfterMs: -5 }, 'startOverAfterMs is -5; it must be a number of at least 0'],
  ])('refuses %j', (options, message) => {
    expect(() => reconnectBackoff(options)).toThrow(message);
  });
});
