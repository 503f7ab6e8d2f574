import { expect, test } from 'vitest';
import { Broadcast } from '../../src/base/broadcast.js';

test('each reader gets what is sent from when it began, in order', async () => {
  const broadcast = new Broadcast<number>(10);
  broadcast.send(0);
  const first = broadcast.values();
  broadcast.send(1);
  const second = broadcast.values();
  const asked = [second.next(), second.next()];
  broadcast.send(2);
  broadcast.send(3);
  broadcast.end();
  broadcast.send(4);
  const got: number[] = [];
  for await (const value of first) got.push(value);
  expect(got).toEqual([1, 2, 3]);
  expect((await Promise.all(asked)).map(({ value }) => value)).toEqual([2, 3]);
  expect(await second.next()).toEqual({ done: true, value: undefined });
});

test('a reader that does not read keeps the newest, up to the limit', async () => {
  const broadcast = new Broadcast<number>(3);
  const idle = broadcast.values();
  for (let value = 0; value < 1_000; value += 1) broadcast.send(value);
  broadcast.end();
  const got: number[] = [];
  for await (const value of idle) got.push(value);
  expect(got).toEqual([997, 998, 999]);
});

test('one that leaves is told nothing more, and its questions end', async () => {
  const broadcast = new Broadcast<number>(3);
  const reader = broadcast.values();
  const asked = reader.next();
  await reader.return?.();
  broadcast.send(1);
  expect(await asked).toEqual({ done: true, value: undefined });
  expect(await reader.next()).toEqual({ done: true, value: undefined });
});
