import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { SharedStrings } from '../../src/state/shared-strings.js';
import { EventTypes } from '../../src/wire/event-types.js';

const MEBIBYTE = 1024 * 1024;

/** What is kept once nobody needs more, in MiB; of 200 that were made. What was made last may still be there. */
function keptBy(step: (index: number) => void): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const used = (): number => process.memoryUsage().heapUsed + process.memoryUsage().external;
  const before = used();
  for (let index = 0; index < 200; index++) step(index);
  collect();
  return (used() - before) / MEBIBYTE;
}

const longText = (index: number): string => Buffer.alloc(MEBIBYTE, `x${index}x`).toString('latin1');

it('strangers who name ever other long data types do not fill the memory', () => {
  const strings = new SharedStrings();
  expect(keptBy((index) => strings.of(longText(index)))).toBeLessThan(100);
  expect(strings.of('a.v1.b')).toBe('a.v1.b');
});

it('nor do those who name long types of short data types', () => {
  const strings = new SharedStrings();
  const types = new EventTypes((dataType) => strings.of(dataType));
  const step = (index: number) => types.get(`example.com.v1.widgets-number-${index}.spec.${longText(index)}`);
  expect(keptBy(step)).toBeLessThan(100);
  expect(strings.of('example.com.v1.widgets-number-7')).toBe('example.com.v1.widgets-number-7');
});
