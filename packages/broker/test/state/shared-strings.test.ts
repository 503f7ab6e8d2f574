import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { SharedStrings } from '../../src/state/shared-strings.js';
import { EventTypes } from '../../src/wire/event-types.js';

const MEBIBYTE = 1024 * 1024;

/** What is kept once nobody needs more, in MiB. Buffers are given back in turns after a collection. */
async function keptBy(step: (index: number) => void): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = async (): Promise<number> => {
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 5; round++) {
      collect();
      await turn();
      least = Math.min(least, process.memoryUsage().heapUsed + process.memoryUsage().external);
    }
    return least;
  };
  const before = await used();
  for (let index = 0; index < 200; index++) step(index);
  return ((await used()) - before) / MEBIBYTE;
}

const longText = (index: number): string => Buffer.alloc(MEBIBYTE, `x${index}x`).toString('latin1');

it('strangers who name ever other long data types do not fill the memory', async () => {
  const strings = new SharedStrings();
  expect(await keptBy((index) => strings.of(longText(index)))).toBeLessThan(20);
  expect(strings.of('a.v1.b')).toBe('a.v1.b');
});

it('nor do those who name long types of short data types', async () => {
  const strings = new SharedStrings();
  const types = new EventTypes((dataType) => strings.of(dataType));
  const step = (index: number) => types.get(`example.com.v1.widgets-number-${index}.spec.${longText(index)}`);
  expect(await keptBy(step)).toBeLessThan(20);
  expect(strings.of('example.com.v1.widgets-number-7')).toBe('example.com.v1.widgets-number-7');
});
