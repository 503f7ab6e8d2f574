import { expect, it } from 'vitest';
import { validateOptions } from '../../src/index.js';

it('massDeletion is off unless it is asked for, and complete then', () => {
  expect(validateOptions({}).massDeletion).toBe(false);
  expect(validateOptions({ massDeletion: false }).massDeletion).toBe(false);
  expect(validateOptions({ massDeletion: {} }).massDeletion).toEqual({
    share: 0.2,
    withinMs: 600_000,
    least: 10,
  });
  expect(validateOptions({ massDeletion: { least: 50 } }).massDeletion).toMatchObject({ least: 50 });
});

it('massDeletion says what is wrong with it', () => {
  const refused = (massDeletion: unknown, store: 'memory' | 'none' = 'memory') => {
    try {
      validateOptions({ massDeletion, store } as never);
    } catch (error) {
      return `${(error as { field: string }).field}: ${(error as Error).message}`;
    }
    return 'taken';
  };
  expect(refused(true)).toContain('massDeletion: massDeletion must be an object, or false');
  expect(refused([])).toContain('massDeletion: massDeletion must be an object');
  expect(refused({ within: 5 })).toContain('massDeletion has no within; it has share, withinMs, least');
  expect(refused({ share: 20 })).toContain('massDeletion.share: massDeletion.share is 20');
  expect(refused({ share: 1 })).toContain('above 0 and below 1');
  expect(refused({ share: '20%' })).toContain('massDeletion.share');
  expect(refused({ withinMs: 10 })).toContain('from 1000 to 604800000 milliseconds');
  expect(refused({ least: 0 })).toContain('massDeletion.least is 0: it must be a whole number from 1');
  expect(refused({}, 'none')).toContain('massDeletion needs a store');
});
