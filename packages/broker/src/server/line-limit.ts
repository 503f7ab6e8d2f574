import type { Clock } from './clock.js';

/** Lets so many log lines of one kind through in a second, and counts the others. */
export class LineLimit {
  readonly #perSecond: number;
  readonly #clock: Clock;
  #began = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #leftOut = 0;

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
  }

  /** Whether one more line is let through. */
  allows(): boolean {
    const now = this.#clock.now();
    if (now - this.#began >= 1000) {
      this.#began = now;
      this.#lines = 0;
    }
    if (this.#lines >= this.#perSecond) {
      this.#leftOut += 1;
      return false;
    }
    this.#lines += 1;
    return true;
  }

  /** How many were left out; 0 while their second is not over. */
  takeLeftOut(): number {
    if (this.#leftOut === 0 || this.#clock.now() - this.#began < 1000) return 0;
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return leftOut;
  }
}
