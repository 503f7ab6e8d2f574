import type { H2Limits } from './limits.js';

/** What a peer can send at no cost of its own, and we cannot leave unread (RFC 9113 §10.5). */
export type FloodKind =
  /** RST_STREAM for a stream that has just begun. */
  | 'reset'
  /** A stream that we had to reset for what the peer sent on it. */
  | 'provoked-reset'
  | 'settings'
  | 'ping'
  | 'window-update'
  /** DATA that carries nothing and ends nothing. */
  | 'empty-data'
  | 'priority'
  | 'unknown-frame'
  | 'continuation';

const RESET = 0;
const PROVOKED_RESET = 1;
const SETTINGS = 2;
const PING = 3;
const WINDOW_UPDATE = 4;
const EMPTY_DATA = 5;
const PRIORITY = 6;
const UNKNOWN_FRAME = 7;
const CONTINUATION = 8;
const KINDS = 9;

/** How much may come at once, as the time in which the rate allows it. */
const RESET_BURST_MS = 5_000;
const PROVOKED_RESET_BURST_MS = 2_000;
const BURST_MS = 10_000;

/** What one frame of ours earns the peer, and how much of it is kept. */
const PINGS_A_FRAME = 1;
const UPDATES_A_FRAME = 4;
const CONTINUATIONS_A_FRAME = 4;
const MOST_EARNED = 100_000;

/**
 * Holds one connection to the rates of {@link H2Limits}: a token bucket for each kind of frame, kept as the one time at which it would be
 * full again (the bucket known as GCRA), so that counting is a few operations on numbers.
 */
export class FloodGuard {
  readonly #limits: H2Limits;
  /** By kind, the time in ms at which the bucket is full. Undefined: all are. */
  #full: number[] | undefined = undefined;
  /** When all of them will be full. */
  #allFull = 0;
  #earnedPings = 0;
  #earnedUpdates = 0;
  #earnedContinuations = 0;

  constructor(limits: H2Limits) {
    this.#limits = limits;
  }

  /**
   * Counts one, at `now` in ms by a clock of the caller's, which may be coarse. True: it is over its limit, and the connection is to be
   * closed with ENHANCE_YOUR_CALM.
   */
  count(kind: FloodKind, now: number): boolean {
    const limits = this.#limits;
    switch (kind) {
      case 'reset':
        return this.#over(RESET, limits.resetsPerSecond, RESET_BURST_MS, now);
      case 'provoked-reset':
        return this.#over(PROVOKED_RESET, limits.provokedResetsPerSecond, PROVOKED_RESET_BURST_MS, now);
      case 'settings':
        return this.#over(SETTINGS, limits.settingsPerSecond, BURST_MS, now);
      case 'ping':
        if (this.#earnedPings > 0) {
          this.#earnedPings--;
          return false;
        }
        return this.#over(PING, limits.pingsPerSecond, BURST_MS, now);
      case 'window-update':
        if (this.#earnedUpdates > 0) {
          this.#earnedUpdates--;
          return false;
        }
        return this.#over(WINDOW_UPDATE, limits.windowUpdatesPerSecond, BURST_MS, now);
      case 'empty-data':
        return this.#over(EMPTY_DATA, limits.emptyDataPerSecond, BURST_MS, now);
      case 'priority':
        return this.#over(PRIORITY, limits.ignoredFramesPerSecond, BURST_MS, now);
      case 'unknown-frame':
        return this.#over(UNKNOWN_FRAME, limits.ignoredFramesPerSecond, BURST_MS, now);
      case 'continuation':
        if (this.#earnedContinuations > 0) {
          this.#earnedContinuations--;
          return false;
        }
        return this.#over(CONTINUATION, limits.continuationsPerSecond, BURST_MS, now);
    }
  }

  /**
   * A request came, or so many frames of ours went out: honest peers send PING, WINDOW_UPDATE and CONTINUATION in proportion to these, so
   * they are counted against the rate only beyond it.
   */
  earned(frames: number): void {
    this.#earnedPings = Math.min(MOST_EARNED, this.#earnedPings + frames * PINGS_A_FRAME);
    this.#earnedUpdates = Math.min(MOST_EARNED, this.#earnedUpdates + frames * UPDATES_A_FRAME);
    this.#earnedContinuations = Math.min(
      MOST_EARNED,
      this.#earnedContinuations + frames * CONTINUATIONS_A_FRAME,
    );
  }

  /** Called now and then: the buckets of a peer that has been quiet for a while take no memory. */
  rest(now: number): void {
    if (this.#full !== undefined && now > this.#allFull) this.#full = undefined;
  }

  #over(kind: number, perSecond: number, burstMs: number, now: number): boolean {
    let full = this.#full?.[kind] ?? now;
    // Later than any count can make it: the clock was set back.
    if (full < now || full > now + burstMs + 1) full = now;
    full += 1000 / perSecond;
    // The sum of many intervals is a little off.
    if (full > now + burstMs + 1e-3) return true;
    this.#full ??= new Array<number>(KINDS).fill(Number.NEGATIVE_INFINITY);
    this.#full[kind] = full;
    this.#allFull = Math.max(this.#allFull, full);
    return false;
  }
}

/** The option of {@link H2Limits} that a peer went over, for whoever must tell the operator. */
export function limitOf(kind: FloodKind): keyof H2Limits {
  switch (kind) {
    case 'reset':
      return 'resetsPerSecond';
    case 'provoked-reset':
      return 'provokedResetsPerSecond';
    case 'settings':
      return 'settingsPerSecond';
    case 'ping':
      return 'pingsPerSecond';
    case 'window-update':
      return 'windowUpdatesPerSecond';
    case 'empty-data':
      return 'emptyDataPerSecond';
    case 'priority':
    case 'unknown-frame':
      return 'ignoredFramesPerSecond';
    case 'continuation':
      return 'continuationsPerSecond';
  }
}
