import { type Metadata, type StatusObject, status } from '@grpc/grpc-js';
import {
  CeBrokerError,
  type Settle,
  type TransportListener,
  type TransportSubscription,
} from 'ce-broker-proto';
import { callError, endError } from './call-error.js';
import type { Call } from './publish-call.js';

/** What a subscription is made of. */
export interface SubscriptionParts {
  readonly call: Call;
  readonly server: string;
  readonly listener: TransportListener;
  readonly opening: Settle<TransportSubscription>;
  readonly gone: (subscription: GrpcSubscription) => void;
}

/**
 * A subscription over gRPC: opening until the response headers are there, then open, then over. One message is asked for at a time,
 * so a pause leaves at most that message and one HTTP/2 flow-control window waiting on this side.
 */
export class GrpcSubscription implements TransportSubscription {
  /** Empty when the server gave none; the first when it gave several. */
  id = '';
  readonly #call: Call;
  readonly #server: string;
  readonly #listener: TransportListener;
  readonly #opening: Settle<TransportSubscription>;
  readonly #gone: (subscription: GrpcSubscription) => void;
  #signal: AbortSignal | undefined;
  #state: 'opening' | 'open' | 'over' = 'opening';
  #paused = false;
  #reading = false;

  constructor({ call, server, listener, opening, gone }: SubscriptionParts) {
    this.#call = call;
    this.#server = server;
    this.#listener = listener;
    this.#opening = opening;
    this.#gone = gone;
  }

  start(metadata: Metadata, request: Buffer, signal: AbortSignal | undefined): void {
    this.#signal = signal;
    signal?.addEventListener('abort', this.cancel, { once: true });
    this.#call.start(metadata, this);
    this.#read();
    this.#call.sendMessageWithContext({}, request);
    this.#call.halfClose();
  }

  onReceiveMetadata(headers: Metadata): void {
    const [id] = headers.get('subscription-id');
    // HTTP/2 joins values of one name with a comma.
    this.opened(id === undefined ? '' : String(id).replace(/,.*$/s, ''));
  }

  onReceiveMessage(message: Buffer): void {
    this.#reading = false;
    if (this.#state === 'over') return;
    try {
      this.take(message);
    } catch (thrown) {
      this.#end(new CeBrokerError('internal', 'the listener threw at an event', { cause: thrown }));
      this.#call.cancelWithStatus(status.CANCELLED, 'the listener threw');
      return;
    }
    if (!this.#paused) this.#read();
  }

  onReceiveStatus(ended: StatusObject): void {
    if (this.#state === 'opening' && ended.code !== status.OK) this.#end(callError(this.#server, ended));
    else this.#end(endError(this.#server, ended));
  }

  /** It is open, and nobody has ended it. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** The server has registered it. */
  opened(id: string): void {
    if (this.#state !== 'opening') return;
    this.id = id;
    this.#state = 'open';
    this.#opening.resolve(this);
  }

  protected take(message: Buffer): void {
    if (this.isOpen) this.#listener.event(message);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#read();
  }

  /** Ends it without a reason of the server's. */
  readonly cancel = (): void => {
    this.#end(undefined);
    this.#call.cancelWithStatus(status.CANCELLED, 'cancelled');
  };

  async close(): Promise<void> {
    this.cancel();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
  }

  #read(): void {
    if (this.#reading || this.#state === 'over') return;
    this.#reading = true;
    this.#call.startRead();
  }

  #end(error: CeBrokerError | undefined): void {
    const was = this.#state;
    if (was === 'over') return;
    this.#state = 'over';
    this.#signal?.removeEventListener('abort', this.cancel);
    this.#gone(this);
    if (was === 'opening') {
      this.#opening.reject(error ?? new CeBrokerError('cancelled', 'the subscription was given up'));
      return;
    }
    this.#listener.closed(error);
  }
}
