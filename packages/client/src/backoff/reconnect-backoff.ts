import { CeBrokerError } from 'ce-broker-proto';

/** Gives the milliseconds to wait before the next attempt to connect (Go: `generic.DelayFn`). */
export type DelayFn = () => number;

/** The waits of {@link reconnectBackoff}. */
export interface ReconnectBackoffOptions {
  /** The first wait, before jitter, in milliseconds. Default 5,000. */
  readonly initialMs?: number | undefined;
  /** Each wait is so many times the one before, before jitter; at least 1. Default 5. */
  readonly factor?: number | undefined;
  /** No wait is longer, before jitter, in milliseconds. Default 60,000, or `initialMs` where that is more. */
  readonly capMs?: number | undefined;
  /** Up to this share of each wait is added to it at random; 0: none. Default 1. */
  readonly jitter?: number | undefined;
  /** The first wait later than this after the last start begins with `initialMs` again, in milliseconds. Default 600,000. */
  readonly startOverAfterMs?: number | undefined;
  /** From 0 up to 1. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Milliseconds that never go back. Default `performance.now`. */
  readonly now?: (() => number) | undefined;
}

/**
 * Waits that grow: by default those of Go's `generic.DelayFn`, 5 to 10 s, 25 to 50 s, then 60 to 120 s, starting over at the first wait
 * later than 10 minutes after it last did. Each one has a state of its own: give each client its own (Go's clients share
 * one in the process, so that six of them wait for minutes). Throws `invalid_option` that names the option.
 */
export function reconnectBackoff(options: ReconnectBackoffOptions = {}): DelayFn {
  const initialMs = atLeast(0, 'initialMs', options.initialMs ?? 5_000);
  const factor = atLeast(1, 'factor', options.factor ?? 5);
  const capMs = atLeast(initialMs, 'capMs', options.capMs ?? Math.max(60_000, initialMs));
  const jitter = atLeast(0, 'jitter', options.jitter ?? 1);
  const startOverAfterMs = atLeast(0, 'startOverAfterMs', options.startOverAfterMs ?? 600_000, Infinity);
  const random = options.random ?? Math.random;
  const now = options.now ?? (() => performance.now());
  let startedAt = now();
  let base = initialMs;
  return () => {
    const time = now();
    if (time - startedAt > startOverAfterMs) {
      startedAt = time;
      base = initialMs;
    }
    const wait = base;
    base = Math.min(capMs, base * factor);
    return Math.round(wait + wait * jitter * random());
  };
}

/**
 * What a client waits unless told otherwise: 1 to 2 s, doubling to at most 15 to 30 s, starting over a minute after it last did. Shorter
 * than Go's, since a broker that restarts is back within seconds.
 */
export function defaultReconnectBackoff(): DelayFn {
  return reconnectBackoff({
    initialMs: 1_000,
    factor: 2,
    capMs: 15_000,
    jitter: 1,
    startOverAfterMs: 60_000,
  });
}

function atLeast(least: number, name: string, value: number, most = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw new CeBrokerError('invalid_option', `${name} is ${value}; it must be a number of at least ${least}`, {
    field: name,
  });
}
