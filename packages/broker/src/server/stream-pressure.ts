/**
 * What all subscriptions together hold unsent. It is measured a few times per second, and what is written meanwhile is added, so
 * that it errs to the safe side. Over the limit a subscription that holds something is written no more than it took between the last
 * two measurements: whoever reads goes on, and what the others have to see waits as keys.
 */
export class StreamPressure {
  readonly #limit: number;
  #bytes = 0;

  /** @param limit in bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** What the subscriptions really hold now, in bytes. */
  measured(bytes: number): void {
    this.#bytes = bytes;
  }

  wrote(bytes: number): void {
    this.#bytes += bytes;
  }

  get isOver(): boolean {
    return this.#bytes >= this.#limit;
  }
}
