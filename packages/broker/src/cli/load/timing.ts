import type { Pace } from './publisher.js';

const TICK_MS = 5;
const POLL_MS = 5;
/** An event that is due within this time is waited for without a timer, which would come up to a millisecond late. */
const SPIN_MICROS = 2_000;

/** Calls back every few milliseconds and, in the open loop, in time for the next event that is due. */
export class TickTimer {
  #tick: () => void;
  #pace: Pace;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #stopped = false;

  constructor(tick: () => void, pace: Pace) {
    this.#tick = tick;
    this.#pace = pace;
  }

  start(): void {
    this.#run();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  #run = (): void => {
    if (this.#stopped) return;
    this.#tick();
    if (this.#stopped) return;
    const { interval, due, left } = this.#pace;
    const wait = due - performance.now() * 1000;
    if (interval > 0 && left > 0 && wait < SPIN_MICROS) this.#immediate = setImmediate(this.#run);
    else this.#timer = setTimeout(this.#run, TICK_MS);
  };
}

/** Resolves with true when `done` says so, with false after `timeoutMs`. */
export function waitFor(timeoutMs: number, done: () => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const until = performance.now() + timeoutMs;
    const look = () => {
      if (done()) resolve(true);
      else if (performance.now() >= until) resolve(false);
      else setTimeout(look, POLL_MS);
    };
    look();
  });
}
