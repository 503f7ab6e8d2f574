import type { Channel, Metadata } from '@grpc/grpc-js';
import {
  CeBrokerError,
  type CloudEventTransport,
  encodePublishRequest,
  encodeSubscriptionRequest,
  limited,
  type TransportEnd,
  type TransportListener,
  type TransportPublishOptions,
  type TransportSubscribeOptions,
  type TransportSubscribeRequest,
  type TransportSubscription,
} from 'ce-broker-proto';
import { GrpcSubscription } from './grpc-subscription.js';
import { PublishCall } from './publish-call.js';

const PUBLISH = '/io.cloudevents.v1.CloudEventService/Publish';
const SUBSCRIBE = '/io.cloudevents.v1.CloudEventService/Subscribe';
/** How long the publishes of a connection that ends may wait for their answers. */
const GRACE_MS = 3_000;
/** What gRPC can write, and wait for; longer is no limit. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** What a transport stands on. */
export interface GrpcConnection {
  /** Names the server in messages. */
  readonly server: string;
  /** Connected. */
  readonly channel: Channel;
  /** What goes out with the next call: the token, where there is one. */
  metadata(): Metadata;
  /** Lets go of the connection. */
  release(): void;
}

/**
 * One gRPC connection. It never reconnects: when the connection is lost it says so (`onEnd`), publishes reject, and whoever holds it
 * opens another one.
 *
 * A server that offers publishing over a stream gets it in a transport that answers `publish` from that stream: nothing above changes.
 */
export class GrpcTransport implements CloudEventTransport {
  readonly #connection: GrpcConnection;
  readonly #publishes = new Set<PublishCall>();
  readonly #subscriptions = new Set<GrpcSubscription>();
  readonly #enders = new Set<(end: TransportEnd) => void>();
  #end: TransportEnd | undefined;
  #closed = false;
  #grace: NodeJS.Timeout | undefined;

  constructor(connection: GrpcConnection) {
    this.#connection = connection;
  }

  publish(event: Uint8Array, options?: TransportPublishOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const signal = options?.signal;
      const refusal = this.#refusal(signal);
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      const { channel, server } = this.#connection;
      const call = channel.createCall(PUBLISH, deadlineOf(options?.timeoutMs), null, null, null);
      const publish = new PublishCall(call, server, this.#answered, resolve, reject, signal);
      this.#publishes.add(publish);
      publish.send(this.#connection.metadata(), encodePublishRequest(event));
    });
  }

  subscribe(
    request: TransportSubscribeRequest,
    listener: TransportListener,
    options: TransportSubscribeOptions = {},
  ): Promise<TransportSubscription> {
    const { channel, server } = this.#connection;
    return limited<TransportSubscription>(options, `${server} did not open the subscription`, (settle) => {
      const refusal = this.#refusal(undefined);
      if (refusal !== undefined) throw refusal;
      const bytes = encodeSubscriptionRequest(request);
      const call = channel.createCall(SUBSCRIBE, Number.POSITIVE_INFINITY, null, null, null);
      const subscription = new GrpcSubscription(call, server, listener, settle, (over) =>
        this.#subscriptions.delete(over),
      );
      this.#subscriptions.add(subscription);
      subscription.start(this.#connection.metadata(), bytes, options.signal);
      return subscription.cancel;
    });
  }

  onEnd(listener: (end: TransportEnd) => void): void {
    if (this.#end === undefined) this.#enders.add(listener);
    else {
      const end = this.#end;
      queueMicrotask(() => listener(end));
    }
  }

  /** Tells whoever holds it that another one is due. The first end counts. */
  end(end: TransportEnd): void {
    if (this.#end !== undefined || this.#closed) return;
    this.#end = end;
    for (const listener of this.#enders) listener(end);
    this.#enders.clear();
  }

  /**
   * Ends the subscriptions, and the publishes. Those of a connection that the server is about to close (GOAWAY), or that is replaced,
   * may still be answered for a short while, which a second call ends.
   */
  async close(): Promise<void> {
    if (this.#closed) {
      if (this.#grace !== undefined) this.#release();
      return;
    }
    this.#closed = true;
    this.#enders.clear();
    for (const subscription of this.#subscriptions) subscription.cancel();
    if (this.#end === undefined || this.#publishes.size === 0) this.#release();
    else this.#grace = setTimeout(() => this.#release(), GRACE_MS).unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  readonly #answered = (publish: PublishCall): void => {
    this.#publishes.delete(publish);
    if (this.#grace !== undefined && this.#publishes.size === 0) this.#release();
  };

  #release(): void {
    clearTimeout(this.#grace);
    this.#grace = undefined;
    const error = this.#end?.kind === 'lost' ? this.#end.error : this.#closedError();
    for (const publish of this.#publishes) publish.cancel(error);
    this.#connection.release();
  }

  #refusal(signal: AbortSignal | undefined): CeBrokerError | undefined {
    if (signal?.aborted === true) return CeBrokerError.from(signal.reason, 'cancelled');
    if (this.#closed) return this.#closedError();
    return this.#end?.kind === 'lost' ? this.#end.error : undefined;
  }

  #closedError(): CeBrokerError {
    return new CeBrokerError('cancelled', `the connection to ${this.#connection.server} was closed`);
  }
}

/** Throws `invalid_argument` for what is no number: gRPC would throw where nobody can catch it. */
function deadlineOf(timeoutMs: number | undefined): number {
  if (timeoutMs === undefined) return Number.POSITIVE_INFINITY;
  if (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs)) {
    throw new CeBrokerError(
      'invalid_argument',
      `timeoutMs is ${timeoutMs}: must be a number of milliseconds`,
      { field: 'timeoutMs' },
    );
  }
  return timeoutMs > LONGEST_TIMEOUT_MS ? Number.POSITIVE_INFINITY : Date.now() + timeoutMs;
}
