import type { BrokerCore } from '../core/index.js';
import type { Clock } from './clock.js';

/** Runs what the core has put off, one job a turn of the event loop, so that live events are never far behind. */
export class JobLoop {
  readonly #clock: Clock;
  #core: BrokerCore | undefined = undefined;
  #scheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  use(core: BrokerCore): void {
    this.#core = core;
  }

  wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    if (this.#core?.runJobs(this.#clock.now()) === true) this.wake();
  };
}
