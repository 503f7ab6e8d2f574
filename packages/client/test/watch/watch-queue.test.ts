import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createEvent } from 'ce-broker-proto';
import { expect, test } from 'vitest';
import { type Watched, WatchQueue } from '../../src/watch/watch-queue.js';

const MEBIBYTE = 1024 * 1024;

function eventOf(bytes: number): Watched {
  const type = 'a.b.v1.c.spec.update_request';
  const data = { kind: 'binary', value: Buffer.alloc(bytes, 1) } as const;
  return { kind: 'event', event: createEvent({ id: 'e', source: 's', type, data }) };
}

test('what the reader has had is let go of, also while it never catches up', () => {
  const queue = new WatchQueue(
    { maxPendingBytes: 16 * MEBIBYTE, pause: () => {}, resume: () => {} },
    undefined,
  );
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const before = process.memoryUsage().arrayBuffers;
  for (let index = 0; index < 10; index++) queue.push(eventOf(MEBIBYTE), MEBIBYTE);
  for (let index = 0; index < 300; index++) {
    queue.push(eventOf(MEBIBYTE), MEBIBYTE);
    queue.handled();
    expect(queue.take()?.kind).toBe('event');
  }
  collect();
  const grown = (process.memoryUsage().arrayBuffers - before) / MEBIBYTE;
  expect(queue.take()?.kind).toBe('event');
  expect(grown).toBeLessThan(30);
});

test('what waits comes in its order, and pauses the broker as long as there is too much of it', () => {
  const told: string[] = [];
  const queue = new WatchQueue(
    { maxPendingBytes: 1_000, pause: () => told.push('pause'), resume: () => told.push('resume') },
    undefined,
  );
  const model: number[] = [];
  let [pushed, bytes] = [0, 0];
  for (let round = 0; round < 6_000; round++) {
    if ((round * 7919) % 13 < (round % 1_000 < 700 ? 7 : 2)) {
      const watched: Watched = { kind: 'restarted', reason: String(pushed) };
      queue.push(watched, 1 + (pushed % 100));
      bytes += 1 + (pushed % 100);
      model.push(pushed++);
    } else {
      const expected = model.shift();
      const taken = queue.take();
      expect(taken?.kind === 'restarted' ? taken.reason : undefined).toBe(expected?.toString());
      if (expected !== undefined) bytes -= 1 + (expected % 100);
    }
    const isPaused = told.at(-1) === 'pause';
    if (bytes > 1_000) expect(isPaused).toBe(true);
    if (bytes <= 500) expect(isPaused).toBe(false);
  }
  expect(told.length).toBeGreaterThan(2);
  expect(pushed).toBeGreaterThan(2_000);
});
