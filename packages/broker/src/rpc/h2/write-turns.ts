import type { HostedConnection } from './connection-host.js';

/** So much is handled before a write for each connection that is owed something is worth its cost, in bytes of what came. */
const EAGER_BYTES = 24 * 1024;

/**
 * When connections write: all that is owed at the end of a turn of the event loop, each in one write. Whoever sends a lot at once does not wait
 * for the end: where a turn has handled enough, what is due leaves, and the peers work on it while the rest is being read.
 */
export class WriteTurns {
  readonly #onFault: (error: unknown) => void;
  /** Called after each. */
  readonly #after: () => void;
  #due: HostedConnection[] = [];
  #isSet = false;
  #handled = 0;
  readonly #atEnd = (): void => {
    this.#isSet = false;
    this.#write();
  };

  constructor(onFault: (error: unknown) => void, after: () => void) {
    this.#onFault = onFault;
    this.#after = after;
  }

  /** The connection has something to write; it says so once until it is flushed. */
  add(connection: HostedConnection): void {
    this.#due.push(connection);
    if (this.#isSet) return;
    this.#isSet = true;
    setImmediate(this.#atEnd);
  }

  /** So many bytes of requests were handled. */
  handled(bytes: number): void {
    const owed = this.#due.length;
    if (owed === 0) return;
    this.#handled += bytes;
    if (this.#handled >= EAGER_BYTES * owed) this.#write();
  }

  #write(): void {
    const due = this.#due;
    this.#due = [];
    this.#handled = 0;
    for (const connection of due) {
      try {
        connection.flush();
      } catch (error) {
        this.#onFault(error);
        connection.destroy();
      }
    }
    this.#after();
  }
}
