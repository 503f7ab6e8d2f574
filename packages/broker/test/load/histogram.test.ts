import { expect, test } from 'vitest';
import { Histogram } from '../../src/cli/load/histogram.js';

test('percentiles are within one per cent of the exact ones', () => {
  const histogram = new Histogram();
  const values: number[] = [];
  let seed = 7;
  for (let index = 0; index < 20_000; index++) {
    seed = (seed * 48_271) % 2_147_483_647;
    const value = Math.floor(10 ** ((seed / 2_147_483_647) * 7));
    values.push(value);
    histogram.record(value);
  }
  values.sort((a, b) => a - b);
  for (const percent of [1, 50, 90, 99, 99.9]) {
    const exact = values[Math.ceil((percent / 100) * values.length) - 1] ?? 0;
    expect(Math.abs(histogram.percentile(percent) - exact)).toBeLessThanOrEqual(exact / 100 + 1);
  }
  expect(histogram.count).toBe(20_000);
  expect(histogram.max).toBe(values.at(-1));
});

test('small values are exact, negative ones count as zero, huge ones as the largest', () => {
  const histogram = new Histogram();
  for (const value of [-3, 0, 1, 127]) histogram.record(value);
  expect(histogram.percentile(50)).toBe(0);
  expect(histogram.percentile(100)).toBe(127);
  histogram.record(1e15);
  expect(histogram.max).toBe(2 ** 32 - 1);
  expect(histogram.percentile(100)).toBe(2 ** 32 - 1);
});

test('an empty histogram answers zero', () => {
  const histogram = new Histogram();
  expect([histogram.percentile(99), histogram.max, histogram.mean, histogram.count]).toEqual([0, 0, 0, 0]);
});
