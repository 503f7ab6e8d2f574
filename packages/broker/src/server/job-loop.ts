import type { BrokerCore } from '../core/index.js';
import type { Clock } from './clock.js';

/** Runs what the core has put off, one job a turn of the event loop, so that live events are never far behind. */
export class JobLoop {
  readonly #clock: Clock;
  readonly #onFault: (error: unknown) => void;
  #core: Pick<BrokerCore, 'runJobs'> | undefined = undefined;
  #scheduled = false;

  /** @param onFault is told what a job threw; the loop goes on with the next */
  constructor(clock: Clock, onFault: (error: unknown) => void) {
    this.#clock = clock;
    this.#onFault = onFault;
  }

  use(core: Pick<BrokerCore, 'runJobs'>): void {
    this.#core = core;
  }

  wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    try {
      if (this.#core?.runJobs(this.#clock.now()) === true) this.wake();
    } catch (thrown) {
      this.#onFault(thrown);
      // The core has taken the job off its list; others may be on it.
      this.wake();
    }
  };
}
