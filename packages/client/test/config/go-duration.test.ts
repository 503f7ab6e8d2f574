import { describe, expect, test } from 'vitest';
import { parseGoDuration } from '../../src/config/go-duration.js';

describe("Go's durations", () => {
  test.each([
    ['0', 0],
    ['+0', 0],
    ['0s', 0],
    ['20s', 20_000],
    ['1m30s', 90_000],
    ['1h0m0.5s', 3_600_500],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['5.s', 5_000],
    ['100ms', 100],
    ['1500us', 1.5],
    ['1500µs', 1.5],
    ['1500μs', 1.5],
    ['2000000ns', 2],
    ['-1m', -60_000],
    ['3s2h', 7_203_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseGoDuration(text)).toBeCloseTo(ms, 6);
  });

  test.each([
    '',
    '20',
    's',
    '.s',
    '1d',
    '20 s',
    ' 20s',
    '20s ',
    '20S',
    '1m30',
    '--1s',
    '1e3s',
    `${'9'.repeat(30)}h`,
  ])('%j is none', (text) => {
    expect(parseGoDuration(text)).toBeUndefined();
  });
});
