import type { CoreNote } from '../core/index.js';
import { clip } from './clip.js';
import type { Clock } from './clock.js';
import type { Logger } from './logger.js';

const LONGEST_FIELD = 500;
/** Refusals that are logged one by one, in a second; the rest is counted. */
const REFUSALS_PER_SECOND = 10;

/** Turns what the core notes into log lines. Payloads never appear, and a flood of refusals does not flood the log. */
export class NoteLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  #windowBegan = Number.NEGATIVE_INFINITY;
  #logged = 0;
  #suppressed = 0;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  write(note: CoreNote): void {
    const { kind, ...fields } = note;
    switch (kind) {
      case 'session-opened':
        this.#logger.info(fields, 'subscribed');
        return;
      case 'session-closed':
        this.#logger.info(fields, 'subscription ended');
        return;
      case 'session-evicted':
        this.#logger.warn(fields, 'subscription ended by the broker: it did not keep up');
        return;
      case 'refused':
        this.refused(fields);
        return;
      case 'orphans':
        this.#logger.warn(
          fields,
          'an agent lists resources that no source owns; they are withheld unless orphans is "forward"',
        );
        return;
      case 'second-source':
        this.#logger.warn(
          fields,
          'two sources publish one data type and nothing is kept: each deletes the resources of the other when an agent resyncs; use store "memory"',
        );
        return;
      case 'undeliverable':
        this.#logger.error(fields, 'an event is too large for its receiver and was left out');
        return;
    }
  }

  /** Says how many refusals were left out, once their second is over. Call it now and then. */
  flush(): void {
    if (this.#suppressed === 0 || this.#clock.now() - this.#windowBegan < 1000) return;
    this.#logger.warn({ refusals: this.#suppressed }, 'more was refused than is logged line by line');
    this.#suppressed = 0;
  }

  /** Something was refused: one line for each, unless there are many. */
  refused(fields: Readonly<Record<string, unknown>>): void {
    const now = this.#clock.now();
    if (now - this.#windowBegan >= 1000) {
      this.flush();
      this.#windowBegan = now;
      this.#logged = 0;
    }
    if (this.#logged >= REFUSALS_PER_SECOND) {
      this.#suppressed += 1;
      return;
    }
    this.#logged += 1;
    this.#logger.warn(clipped(fields), 'refused');
  }
}

/** Strangers choose these texts: a log line has an end. */
function clipped(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' ? clip(value, LONGEST_FIELD) : value,
    ]),
  );
}
