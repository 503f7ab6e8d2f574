import { CeBrokerError } from 'ce-broker-proto';

/** A call that can be given up. */
interface Cancellable {
  cancel(): void;
}

/** What becomes of a publish is told once; whoever it waits for then is told too, so that it can be forgotten. */
export class QueuedPublish {
  readonly event: Uint8Array;
  /** When the caller gives up, by `performance.now()`; `Infinity`: never. */
  readonly expires: number;
  readonly signal: AbortSignal | undefined;
  readonly #resolve: () => void;
  readonly #reject: (error: CeBrokerError) => void;
  readonly #over: (publish: QueuedPublish) => void;
  #call: Cancellable | undefined;
  #isOver = false;

  constructor(
    event: Uint8Array,
    limits: { readonly expires: number; readonly signal: AbortSignal | undefined },
    resolve: () => void,
    reject: (error: CeBrokerError) => void,
    over: (publish: QueuedPublish) => void,
  ) {
    this.event = event;
    this.expires = limits.expires;
    this.signal = limits.signal;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#over = over;
    this.signal?.addEventListener('abort', this.#aborted, { once: true });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** From now on it is a call of its own. */
  use(call: Cancellable): void {
    this.#call = call;
  }

  succeed(): void {
    if (this.#finish()) this.#resolve();
  }

  fail(error: CeBrokerError): void {
    if (this.#finish()) this.#reject(error);
  }

  cancel(error: CeBrokerError): void {
    const call = this.#call;
    this.fail(error);
    call?.cancel();
  }

  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.signal?.removeEventListener('abort', this.#aborted);
    this.#over(this);
    return true;
  }

  readonly #aborted = (): void => this.cancel(CeBrokerError.from(this.signal?.reason, 'cancelled'));
}
