import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Received, ReceiveQueue } from '../../src/base/receive-queue.js';

interface Item extends Received {
  readonly number: number;
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A queue whose handlers wait until they are told to go on. */
class Bench {
  readonly handled: Item[] = [];
  readonly calls: string[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly queue: ReceiveQueue<Item>;
  held = true;

  constructor(maxPendingBytes = 1_000_000) {
    this.queue = new ReceiveQueue<Item>({
      maxPendingBytes,
      handle: async (item) => {
        this.handled.push(item);
        if (this.held) await new Promise<void>((resolve) => this.#waiting.push(resolve));
      },
      pause: () => this.calls.push('pause'),
      resume: () => this.calls.push('resume'),
    });
  }

  /** Lets everything go. */
  async release(): Promise<void> {
    this.held = false;
    for (const go of this.#waiting.splice(0)) go();
    await turn();
  }
}

const item = (number: number, more: Partial<Item> = {}): Item => ({
  key: 'a',
  bytes: 1,
  replaceable: true,
  number,
  ...more,
});

describe('ReceiveQueue', () => {
  test('the handler of the first runs at once, the others of its key wait', () => {
    const { queue, handled } = new Bench();
    queue.push(item(1));
    queue.push(item(2));
    queue.push(item(3, { key: 'b' }));
    expect(handled.map(({ number }) => number)).toEqual([1, 3]);
  });

  test('pauses once over the limit, and resumes once at half of it', async () => {
    const bench = new Bench(100);
    for (let number = 0; number < 30; number += 1)
      bench.queue.push(item(number, { key: `k${number}`, bytes: 10 }));
    expect(bench.calls).toEqual(['pause']);
    await bench.release();
    expect(bench.calls).toEqual(['pause', 'resume']);
    bench.queue.push(item(99));
    await turn();
    expect(bench.calls).toEqual(['pause', 'resume']);
  });

  test('closed, it handles nothing more, and resumes nobody', async () => {
    const bench = new Bench(10);
    for (let number = 0; number < 30; number += 1) bench.queue.push(item(number));
    bench.queue.close();
    bench.queue.push(item(99, { key: 'b' }));
    await bench.release();
    expect(bench.handled.map(({ number }) => number)).toEqual([0]);
    expect(bench.calls).toEqual(['pause']);
  });

  test('nothing that must not give way ever does, the last of each key arrives, the order holds, and what is counted comes back to nothing', async () => {
    const items = fc.array(
      fc.record({
        key: fc.constantFrom('a', 'b', 'c'),
        bytes: fc.integer({ min: 1, max: 400_000 }),
        replaceable: fc.boolean(),
        releases: fc.boolean(),
      }),
      { maxLength: 400 },
    );
    await fc.assert(
      fc.asyncProperty(items, async (all) => {
        const bench = new Bench(1_000_000);
        const sent = all.map((each, number) => ({ ...each, number }));
        for (const each of sent) {
          bench.queue.push(each);
          if (each.releases && each.number % 50 === 0) {
            await bench.release();
            bench.held = true;
          }
        }
        await bench.release();
        for (let wait = 0; wait < 5; wait += 1) await turn();
        for (const key of ['a', 'b', 'c']) {
          const got = bench.handled.filter((each) => each.key === key).map(({ number }) => number);
          expect(got).toEqual(got.toSorted((x, y) => x - y));
          const own = sent.filter((each) => each.key === key);
          for (const { number, replaceable } of own) if (!replaceable) expect(got).toContain(number);
          expect(got.at(-1)).toBe(own.at(-1)?.number);
        }
        const pauses = bench.calls.filter((call) => call === 'pause').length;
        expect(bench.calls.length).toBe(2 * pauses);
      }),
      { numRuns: 100 },
    );
  });
});
