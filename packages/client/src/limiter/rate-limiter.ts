import { setMaxListeners } from 'node:events';
import { CeBrokerError } from 'ce-broker-proto';

/** Events per second where none, or 0 or less, is given (Go: `generic.DefaultQPS`). */
export const DEFAULT_QPS = 50;
/** Events at once where none, or 0 or less, is given (Go: `generic.DefaultBurst`). */
export const DEFAULT_BURST = 100;

/** A wait that took longer is reported. */
const LONG_WAIT_MS = 1000;
const DEFAULT_MAX_WAITING = 65_536;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Rounding must not cost a whole further timer. */
const ONE = 1 - 1e-9;

/** What a {@link RateLimiter} is made of. */
export interface RateLimiterOptions {
  /** Events per second; `Infinity`: no limit. Default, and for values of 0 or less, 50. */
  readonly qps?: number | undefined;
  /** Events that may go at once after a pause; a whole number. Default, and for values of 0 or less, 100. */
  readonly burst?: number | undefined;
  /**
   * How many may wait; one more is refused (`resource_exhausted`). Each is a call of the caller's own that has not come back, so a
   * caller who awaits its publishes never gets near. Default 65,536: over twenty minutes at 50/s.
   */
  readonly maxWaiting?: number | undefined;
  /** Called when a turn came after more than a second, once for each wait. Default: nobody hears of it. */
  readonly onLongWait?: ((waitedMs: number) => void) | undefined;
  /** Default: `performance.now` and `setTimeout`. */
  readonly clock?: RateLimiterClock | undefined;
}

/** The time as a {@link RateLimiter} sees it. */
export interface RateLimiterClock {
  /** Milliseconds that never go back. */
  now(): number;
  /** Runs it once after so many milliseconds, unless what it gives back is called before. */
  after(ms: number, run: () => void): () => void;
}

/** How long somebody waits for a turn. */
export interface RateLimiterWait {
  /** Gives the place in the queue up: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** One place in the queue: a doubly linked list, so that leaving from the middle costs nothing. */
interface Waiter {
  readonly since: number;
  readonly resolve: () => void;
  readonly reject: (error: CeBrokerError) => void;
  next: Waiter | undefined;
  previous: Waiter | undefined;
}

const REAL_CLOCK: RateLimiterClock = Object.freeze({
  now: () => performance.now(),
  after: (ms: number, run: () => void) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
});

/**
 * A token bucket, first in first out (Go: `generic.NewRateLimiter`). One timer, for the head of the queue; none while nobody waits.
 *
 * ```ts
 * if (!limiter.tryTake()) await limiter.wait({ signal });
 * ```
 */
export class RateLimiter {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #maxWaiting: number;
  readonly #clock: RateLimiterClock;
  readonly #onLongWait: ((waitedMs: number) => void) | undefined;
  readonly #unlimited: boolean;
  #tokens: number;
  #filledAt = 0;
  #head: Waiter | undefined;
  #tail: Waiter | undefined;
  #waiting = 0;
  #cancelTimer: (() => void) | undefined;
  #closed = false;

  /** Throws `invalid_option` that names the option. An `EventRateLimit` is one form of the options. */
  constructor(options: RateLimiterOptions = {}) {
    const qps = orDefault(options.qps, DEFAULT_QPS, 'qps');
    this.#burst = orDefault(options.burst, DEFAULT_BURST, 'burst');
    if (this.#burst !== Infinity && !Number.isInteger(this.#burst)) {
      throw wrong('burst', `is ${this.#burst}; it must be a whole number of events`);
    }
    this.#maxWaiting = options.maxWaiting ?? DEFAULT_MAX_WAITING;
    if (!(this.#maxWaiting >= 1)) {
      throw wrong('maxWaiting', `is ${this.#maxWaiting}; it must be at least 1`);
    }
    this.#clock = options.clock ?? REAL_CLOCK;
    this.#onLongWait = options.onLongWait;
    this.#unlimited = qps === Infinity || this.#burst === Infinity;
    this.#perMs = qps / 1000;
    this.#tokens = this.#burst;
    if (!this.#unlimited) this.#filledAt = this.#clock.now();
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Takes a turn if there is one now; false when it is not, when others wait already, and after `close`. */
  tryTake(): boolean {
    if (this.#closed || this.#head !== undefined) return false;
    return this.#unlimited || this.#take();
  }

  /**
   * Waits for a turn. Rejects with the signal's reason (a plain abort is `cancelled`), `cancelled` when the limiter closes, and
   * `resource_exhausted` when too many wait already.
   */
  wait({ signal }: RateLimiterWait = {}): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(CeBrokerError.from(signal.reason, 'cancelled'));
    if (this.#closed) return Promise.reject(closedError());
    if (this.tryTake()) return Promise.resolve();
    if (this.#waiting >= this.#maxWaiting) return Promise.reject(this.#full());
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#remove(waiter);
        reject(CeBrokerError.from(signal?.reason, 'cancelled'));
      };
      const waiter: Waiter = {
        since: this.#clock.now(),
        resolve: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
        reject: (error) => {
          signal?.removeEventListener('abort', leave);
          reject(error);
        },
        next: undefined,
        previous: this.#tail,
      };
      if (signal !== undefined) {
        // One signal may end any number of waits; Node would take that for a leak.
        setMaxListeners(0, signal);
        signal.addEventListener('abort', leave, { once: true });
      }
      if (this.#tail === undefined) this.#head = waiter;
      else this.#tail.next = waiter;
      this.#tail = waiter;
      this.#waiting++;
      this.#arm();
    });
  }

  /** Rejects everybody who waits (`cancelled`), and whoever comes later. Idempotent. */
  close(): void {
    this.#closed = true;
    while (this.#head !== undefined) {
      const waiter = this.#head;
      this.#remove(waiter);
      waiter.reject(closedError());
    }
  }

  #take(): boolean {
    const now = this.#clock.now();
    const filled = this.#tokens + Math.max(0, now - this.#filledAt) * this.#perMs;
    this.#tokens = Math.min(this.#burst, filled);
    this.#filledAt = now;
    if (this.#tokens < ONE) return false;
    this.#tokens = Math.max(0, this.#tokens - 1);
    return true;
  }

  /** The turns that have come up, to those who wait longest. */
  #serve(): void {
    this.#cancelTimer = undefined;
    while (this.#head !== undefined && this.#take()) {
      const waiter = this.#head;
      this.#remove(waiter);
      const waitedMs = this.#clock.now() - waiter.since;
      try {
        if (waitedMs > LONG_WAIT_MS) this.#onLongWait?.(waitedMs);
        waiter.resolve();
      } catch (thrown) {
        waiter.reject(CeBrokerError.from(thrown));
      }
    }
    this.#arm();
  }

  #arm(): void {
    if (this.#head === undefined || this.#cancelTimer !== undefined) return;
    const ms = Math.max(1, Math.ceil((1 - this.#tokens) / this.#perMs));
    this.#cancelTimer = this.#clock.after(Math.min(ms, LONGEST_TIMER_MS), () => this.#serve());
  }

  #remove(waiter: Waiter): void {
    if (waiter.previous === undefined) this.#head = waiter.next;
    else waiter.previous.next = waiter.next;
    if (waiter.next === undefined) this.#tail = waiter.previous;
    else waiter.next.previous = waiter.previous;
    this.#waiting--;
    if (this.#head === undefined) {
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
    }
  }

  #full(): CeBrokerError {
    return new CeBrokerError(
      'resource_exhausted',
      `${this.#waiting} events wait for the rate limit of ${this.#perMs * 1000} events per second already: await each publish before the next, or raise the limit (rateLimit.qps)`,
      { field: 'rateLimit' },
    );
  }
}

function orDefault(value: number | undefined, fallback: number, name: string): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || Number.isNaN(value)) throw wrong(name, `is ${value}; it must be a number`);
  return value <= 0 ? fallback : value;
}

function wrong(name: string, what: string): CeBrokerError {
  return new CeBrokerError('invalid_option', `rateLimit.${name} ${what}`, { field: `rateLimit.${name}` });
}

function closedError(): CeBrokerError {
  return new CeBrokerError('cancelled', 'the client was closed while this event waited for the rate limit');
}
