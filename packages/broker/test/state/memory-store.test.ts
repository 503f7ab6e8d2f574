import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { MemoryStore } from '../../src/state/memory-store.js';
import { Partition } from '../../src/state/partition.js';
import { Resource } from '../../src/state/resource.js';
import type { StoredBytes } from '../../src/state/stored.js';

const MEBIBYTE = 1024 * 1024;
const resource = new Resource(new Partition('a.b.v1.c', 'c1', 'durable', undefined), 'r');

/** A store with the events of some resources, which come, change and go. */
class Churn {
  readonly store = new MemoryStore();
  readonly kept: { stored: StoredBytes; text: string }[] = [];
  #position = 0;
  #seed = 7;

  below(limit: number): number {
    this.#seed = (Math.imul(this.#seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (this.#seed >>> 8) % limit;
  }

  create(size: number): void {
    this.#position += 1;
    const text = `${this.#position}-`.padEnd(size, 'x').slice(0, size);
    const record = { resource, kind: 'spec', position: this.#position, at: 0, user: 'u' } as const;
    this.kept.push({ stored: this.store.append({ ...record, bytes: Buffer.alloc(size, text) }), text });
  }

  /** One of those behind the first, which stay. */
  remove(first = 0): void {
    const [gone] = this.kept.splice(first + this.below(this.kept.length - first), 1);
    if (gone !== undefined) this.store.forget(gone.stored);
  }

  wrong(): number {
    return this.kept.filter(({ stored, text }) => Buffer.from(this.store.read(stored)).toString() !== text)
      .length;
  }
}

it('gives back each event that is kept, whatever came and went', () => {
  const churn = new Churn();
  for (let step = 0; step < 20_000; step++) {
    if (churn.kept.length > 0 && churn.below(100) < churn.kept.length / 3) churn.remove();
    else churn.create(churn.below(20) === 0 ? 20_000 : 1 + churn.below(2_000));
    if (step % 500 === 0) expect(churn.wrong()).toBe(0);
  }
  expect(churn.store.keptBytes).toBe(churn.kept.reduce((sum, { stored }) => sum + stored.size, 0));
});

it('lets go of what is forgotten, also where some stay for ever and others come and go in numbers', async () => {
  const churn = new Churn();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let index = 0; index < 200; index++) churn.create(1_000);
  collect();
  const before = process.memoryUsage().arrayBuffers;
  for (let step = 0; step < 100_000; step++) {
    // Some go one after the other, others change.
    if (churn.below(10) === 0) for (let count = 0; count < 3; count++) churn.remove(100);
    else if (churn.below(2) === 0) churn.remove(100);
    while (churn.kept.length < 200) churn.create(1_000);
  }
  // What is dead is freed a little later.
  for (let round = 0; round < 3; round++) {
    collect();
    await turn();
  }
  const grown = (process.memoryUsage().arrayBuffers - before) / MEBIBYTE;
  expect(churn.wrong()).toBe(0);
  expect(grown).toBeLessThan(10);
});
