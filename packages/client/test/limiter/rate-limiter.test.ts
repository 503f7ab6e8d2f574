import { CeBrokerError } from 'ce-broker-proto';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  DEFAULT_BURST,
  DEFAULT_QPS,
  RateLimiter,
  type RateLimiterClock,
  type RateLimiterOptions,
} from '../../src/limiter/rate-limiter.js';

/** Time that moves only when told to. */
class ManualClock implements RateLimiterClock {
  time = 1_000;
  readonly timers = new Set<{ readonly at: number; readonly run: () => void }>();

  now(): number {
    return this.time;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.time + ms, run };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Lets so many milliseconds pass, and what waits for promises run after each timer. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      const [next] = [...this.timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.timers.delete(next);
      this.time = next.at;
      next.run();
      await Promise.resolve();
    }
    this.time = end;
    await Promise.resolve();
  }
}

function limiterOf(options: RateLimiterOptions): { limiter: RateLimiter; clock: ManualClock } {
  const clock = new ManualClock();
  return { limiter: new RateLimiter({ ...options, clock }), clock };
}

/** How many turns there are to be had now. */
function turnsOf(limiter: RateLimiter): number {
  let turns = 0;
  while (turns < 10_000 && limiter.tryTake()) turns++;
  return turns;
}

function waiters(limiter: RateLimiter, count: number): number[] {
  const served: number[] = [];
  for (let index = 0; index < count; index++) void limiter.wait().then(() => served.push(index));
  return served;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'resolved';
  } catch (thrown) {
    return thrown instanceof CeBrokerError ? thrown.code : String(thrown);
  }
}

describe('a rate limiter', () => {
  it.each([{}, { qps: 0, burst: 0 }, { qps: -1, burst: -5 }, { qps: undefined, burst: undefined }])(
    'takes the defaults for %j',
    async (options) => {
      const { limiter, clock } = limiterOf(options);
      expect(turnsOf(limiter)).toBe(DEFAULT_BURST);
      await clock.pass(1_000);
      expect(turnsOf(limiter)).toBe(DEFAULT_QPS);
    },
  );

  it('takes each default by itself', async () => {
    const { limiter, clock } = limiterOf({ qps: 200 });
    expect(turnsOf(limiter)).toBe(DEFAULT_BURST);
    await clock.pass(250);
    expect(turnsOf(limiter)).toBe(50);
    const other = limiterOf({ burst: 3 });
    expect(turnsOf(other.limiter)).toBe(3);
    await other.clock.pass(20);
    expect(turnsOf(other.limiter)).toBe(1);
  });

  it('never saves up more than the burst', async () => {
    const { limiter, clock } = limiterOf({ qps: 10, burst: 4 });
    await clock.pass(3_600_000);
    expect(turnsOf(limiter)).toBe(4);
  });

  it('serves those who wait in their order, at the rate, with one timer', async () => {
    const { limiter, clock } = limiterOf({ qps: 10, burst: 1 });
    expect(limiter.tryTake()).toBe(true);
    const served = waiters(limiter, 5);
    expect(clock.timers.size).toBe(1);
    await clock.pass(99);
    expect(served).toEqual([]);
    await clock.pass(1);
    expect(served).toEqual([0]);
    await clock.pass(200);
    expect(served).toEqual([0, 1, 2]);
    expect(clock.timers.size).toBe(1);
    await clock.pass(200);
    expect(served).toEqual([0, 1, 2, 3, 4]);
    expect(clock.timers.size).toBe(0);
    expect(limiter.waiting).toBe(0);
  });

  it('lets nobody overtake', async () => {
    const { limiter, clock } = limiterOf({ qps: 10, burst: 1 });
    limiter.tryTake();
    const served = waiters(limiter, 1);
    // The turn is there, but its timer has not run yet.
    clock.time += 150;
    expect(limiter.tryTake()).toBe(false);
    await clock.pass(0);
    expect(served).toEqual([0]);
  });

  it('serves many at once where the rate is finer than a timer', async () => {
    const { limiter, clock } = limiterOf({ qps: 20_000, burst: 1 });
    limiter.tryTake();
    const served = waiters(limiter, 100);
    await clock.pass(10);
    expect(served.length).toBeGreaterThanOrEqual(10);
    await clock.pass(200);
    expect(served).toEqual([...Array(100).keys()]);
  });

  it('gives the turn of one who leaves to the next', async () => {
    const { limiter, clock } = limiterOf({ qps: 10, burst: 1 });
    limiter.tryTake();
    const aborts = [new AbortController(), new AbortController(), new AbortController()];
    const [first, second, third] = aborts.map(({ signal }) => codeOf(limiter.wait({ signal })));
    const fourth = codeOf(limiter.wait());
    aborts[1]?.abort();
    await expect(second).resolves.toBe('cancelled');
    aborts[0]?.abort(AbortSignal.timeout(0).reason ?? new DOMException('late', 'TimeoutError'));
    await expect(first).resolves.toBe('deadline_exceeded');
    expect(limiter.waiting).toBe(2);
    await clock.pass(100);
    await expect(third).resolves.toBe('resolved');
    aborts[2]?.abort();
    await clock.pass(100);
    await expect(fourth).resolves.toBe('resolved');
    expect(clock.timers.size).toBe(0);
  });

  it('takes no turn for a signal that was aborted before', async () => {
    const { limiter } = limiterOf({ qps: 10, burst: 1 });
    await expect(codeOf(limiter.wait({ signal: AbortSignal.abort() }))).resolves.toBe('cancelled');
    expect(limiter.tryTake()).toBe(true);
  });

  it('reports a wait of over a second, once', async () => {
    const reported: number[] = [];
    const { limiter, clock } = limiterOf({ qps: 1, burst: 1, onLongWait: (ms) => reported.push(ms) });
    limiter.tryTake();
    const served = waiters(limiter, 3);
    await clock.pass(1_000);
    expect(served).toEqual([0]);
    expect(reported).toEqual([]);
    await clock.pass(10_000);
    expect(served).toEqual([0, 1, 2]);
    expect(reported).toEqual([2_000, 3_000]);
  });

  it('goes on when the report throws', async () => {
    const { limiter, clock } = limiterOf({
      qps: 0.5,
      burst: 1,
      onLongWait: () => {
        throw new Error('log disk full');
      },
    });
    limiter.tryTake();
    const waits = [codeOf(limiter.wait()), codeOf(limiter.wait())];
    await clock.pass(4_000);
    await expect(Promise.all(waits)).resolves.toEqual(['unknown', 'unknown']);
  });

  it('refuses one more than may wait, by name', async () => {
    const { limiter } = limiterOf({ qps: 10, burst: 1, maxWaiting: 2 });
    limiter.tryTake();
    waiters(limiter, 2);
    await expect(limiter.wait()).rejects.toThrow(
      /^2 events wait for the rate limit of 10 events per second already/,
    );
    await expect(codeOf(limiter.wait())).resolves.toBe('resource_exhausted');
  });

  it('rejects everybody at close, now and later, and leaves no timer', async () => {
    const { limiter, clock } = limiterOf({ qps: 10, burst: 1 });
    limiter.tryTake();
    const waits = [codeOf(limiter.wait()), codeOf(limiter.wait())];
    limiter.close();
    limiter.close();
    await expect(Promise.all(waits)).resolves.toEqual(['cancelled', 'cancelled']);
    await expect(codeOf(limiter.wait())).resolves.toBe('cancelled');
    expect(limiter.tryTake()).toBe(false);
    expect(clock.timers.size).toBe(0);
  });

  it('reads no clock without a limit', async () => {
    const clock: RateLimiterClock = {
      now: () => expect.unreachable('the clock was read'),
      after: () => expect.unreachable('a timer was set'),
    };
    const limiter = new RateLimiter({ qps: Infinity, clock });
    expect(turnsOf(limiter)).toBe(10_000);
    await limiter.wait();
    limiter.close();
    expect(limiter.tryTake()).toBe(false);
    await expect(codeOf(limiter.wait())).resolves.toBe('cancelled');
  });

  it.each([
    [{ qps: Number.NaN }, 'rateLimit.qps is NaN; it must be a number'],
    [{ burst: 1.5 }, 'rateLimit.burst is 1.5; it must be a whole number of events'],
    [{ maxWaiting: 0 }, 'rateLimit.maxWaiting is 0; it must be at least 1'],
  ])('refuses %j', (options, message) => {
    expect(() => new RateLimiter(options)).toThrow(message);
  });

  it('serves on the real clock, and holds no listener on the signal afterwards', async () => {
    const limiter = new RateLimiter({ qps: 1_000, burst: 1 });
    const { signal } = new AbortController();
    const served: number[] = [];
    await Promise.all([...Array(10).keys()].map((i) => limiter.wait({ signal }).then(() => served.push(i))));
    expect(served).toEqual([...Array(10).keys()]);
    expect(limiter.waiting).toBe(0);
  });

  it('lets any number of waits share a signal', async () => {
    const { limiter } = limiterOf({ qps: 1, burst: 1 });
    const warnings: string[] = [];
    const warned = (warning: Error) => void warnings.push(warning.name);
    process.on('warning', warned);
    onTestFinished(() => void process.off('warning', warned));
    limiter.tryTake();
    const abort = new AbortController();
    const waits = Array.from({ length: 50 }, () => limiter.wait({ signal: abort.signal }));
    // Warnings are told on the next tick.
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    const codes = (await Promise.allSettled(waits)).map((one) =>
      one.status === 'rejected' ? one.reason.code : '',
    );
    expect(new Set(codes)).toEqual(new Set(['cancelled']));
    expect(warnings).toEqual([]);
  });
});
