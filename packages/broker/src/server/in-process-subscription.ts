import {
  CeBrokerError,
  codeFromGrpc,
  type Settle,
  type TransportListener,
  type TransportSubscription,
} from 'ce-broker-proto';
import type { InProcessStream, InProcessStreamListener } from '../rpc/index.js';

/** A subscription inside the process: opening until the headers are there, then open, then over. */
export class InProcessSubscription implements TransportSubscription, InProcessStreamListener {
  id = '';
  readonly #listener: TransportListener;
  readonly #opening: Settle<TransportSubscription>;
  readonly #gone: (subscription: InProcessSubscription) => void;
  readonly #over: Promise<void>;
  #resolveOver: () => void = () => undefined;
  #stream: InProcessStream | undefined = undefined;
  #signal: AbortSignal | undefined = undefined;
  #state: 'opening' | 'open' | 'over' = 'opening';
  #ownEnd = false;

  constructor(
    listener: TransportListener,
    opening: Settle<TransportSubscription>,
    gone: (subscription: InProcessSubscription) => void,
  ) {
    this.#listener = listener;
    this.#opening = opening;
    this.#gone = gone;
    this.#over = new Promise((resolve) => {
      this.#resolveOver = resolve;
    });
  }

  use(stream: InProcessStream, signal: AbortSignal | undefined): void {
    this.#stream = stream;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#cancel, { once: true });
  }

  headers(headers: Readonly<Record<string, string>>): void {
    this.opened(headers['subscription-id'] ?? '');
  }

  message(message: Uint8Array): void {
    if (!this.#ownEnd) this.#listener.event(message);
  }

  /** It is open, and its client has not ended it. */
  get isOpen(): boolean {
    return this.#state === 'open' && !this.#ownEnd;
  }

  /** The broker has registered it. */
  opened(id: string): void {
    if (this.#ownEnd) return;
    this.id = id;
    this.#state = 'open';
    this.#opening.resolve(this);
  }

  ended(code: number, message: string): void {
    const wasOpen = this.#state === 'open';
    this.#state = 'over';
    this.#signal?.removeEventListener('abort', this.#cancel);
    this.#gone(this);
    const error = new CeBrokerError(codeFromGrpc(code), message);
    try {
      if (wasOpen) this.#listener.closed(this.#ownEnd ? undefined : error);
      else this.#opening.reject(error);
    } finally {
      this.#resolveOver();
    }
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  cancel(): void {
    this.#ownEnd = true;
    this.#stream?.cancel();
  }

  async close(): Promise<void> {
    if (this.#state !== 'over') this.cancel();
    await this.#over;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  readonly #cancel = (): void => this.cancel();
}
