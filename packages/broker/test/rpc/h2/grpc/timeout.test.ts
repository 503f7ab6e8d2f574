import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTimeout } from '../../../../src/rpc/h2/grpc/timeout.js';

describe('grpc-timeout', () => {
  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3_000],
    ['4m', 4],
    ['5000u', 5],
    ['6000000n', 6],
    ['0S', 0],
    ['0n', 0],
    ['00000001S', 1_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseTimeout(text)).toBe(ms);
  });

  it('is rounded up: a short one is not over before it began', () => {
    expect(parseTimeout('1n')).toBe(1);
    expect(parseTimeout('1u')).toBe(1);
    expect(parseTimeout('1001u')).toBe(2);
  });

  it('is at most what a timer takes', () => {
    expect(parseTimeout('99999999H')).toBe(2 ** 31 - 1);
    expect(parseTimeout('99999999M')).toBe(2 ** 31 - 1);
    expect(parseTimeout('99999999S')).toBe(2 ** 31 - 1);
    expect(parseTimeout('99999999m')).toBe(99_999_999);
  });

  it.each([
    '',
    'S',
    '5',
    '5s',
    '5h',
    '-1S',
    '+1S',
    '1.5S',
    ' 1S',
    '1 S',
    '1S ',
    '123456789S',
    '1SS',
    '0x1S',
    '١S',
  ])('%j is malformed', (text) => {
    expect(parseTimeout(text)).toBeUndefined();
  });

  it('any text: what grpc-go takes, and nothing else', () => {
    const near = fc.stringMatching(/^[0-9 +-]{0,10}[HMSmunsh]?$/);
    fc.assert(
      fc.property(fc.oneof(near, fc.string()), (text) => {
        const timeout = parseTimeout(text);
        expect(timeout !== undefined).toBe(/^[0-9]{1,8}[HMSmun]$/.test(text));
        if (timeout !== undefined) {
          expect(Number.isInteger(timeout)).toBe(true);
          expect(timeout).toBeGreaterThanOrEqual(0);
          expect(timeout).toBeLessThan(2 ** 31);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
