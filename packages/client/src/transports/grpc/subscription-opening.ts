import {
  type CeBrokerError,
  ExtensionPath,
  encodeSubscriptionRequest,
  encodeWatchRequest,
  type Settle,
  type SubscriptionMemory,
  type TransportListener,
  type TransportSubscribeOptions,
  type TransportSubscribeRequest,
  type TransportSubscription,
  watchRequestOf,
} from 'ce-broker-proto';
import type { GrpcConnection } from './grpc-connection.js';
import { GrpcSubscription } from './grpc-subscription.js';
import { GrpcWatch } from './grpc-watch.js';

const SUBSCRIBE = '/io.cloudevents.v1.CloudEventService/Subscribe';

/** One subscription on its way to being open: by Watch, or as every server knows it. */
export class SubscriptionOpening {
  readonly #connection: GrpcConnection;
  readonly #open: Set<GrpcSubscription>;
  readonly #request: TransportSubscribeRequest;
  readonly #listener: TransportListener;
  readonly #options: TransportSubscribeOptions;
  #subscription: GrpcSubscription | undefined;
  #givenUp = false;

  constructor(
    connection: GrpcConnection,
    open: Set<GrpcSubscription>,
    request: TransportSubscribeRequest,
    listener: TransportListener,
    options: TransportSubscribeOptions,
  ) {
    this.#connection = connection;
    this.#open = open;
    this.#request = request;
    this.#listener = listener;
    this.#options = options;
  }

  subscribe(settle: Settle<TransportSubscription>): void {
    const bytes = encodeSubscriptionRequest(this.#request);
    this.#start(SUBSCRIBE, bytes, settle, (parts) => new GrpcSubscription(parts));
  }

  /** A Watch that is not there after all is a plain subscription, unless that would be another one. */
  watch(settle: Settle<TransportSubscription>, memory: SubscriptionMemory): void {
    const { watch } = this.#options;
    const bytes = encodeWatchRequest(watchRequestOf(this.#request, memory, watch));
    const orElse: Settle<TransportSubscription> = {
      resolve: (subscription) => settle.resolve(subscription),
      reject: (error: CeBrokerError) => {
        if (error.code === 'unimplemented' && watch === undefined && !this.#givenUp) this.subscribe(settle);
        else settle.reject(error);
      },
    };
    this.#start(
      ExtensionPath.watch,
      bytes,
      orElse,
      (parts) => new GrpcWatch(parts, memory, watch?.everything),
    );
  }

  cancel(): void {
    this.#givenUp = true;
    this.#subscription?.cancel();
  }

  #start(
    path: string,
    bytes: Buffer,
    opening: Settle<TransportSubscription>,
    make: (parts: ConstructorParameters<typeof GrpcSubscription>[0]) => GrpcSubscription,
  ): void {
    if (this.#givenUp) return;
    const { channel, server } = this.#connection;
    const call = channel.createCall(path, Number.POSITIVE_INFINITY, null, null, null);
    const gone = (over: GrpcSubscription): unknown => this.#open.delete(over);
    const subscription = make({ call, server, listener: this.#listener, opening, gone });
    this.#subscription = subscription;
    this.#open.add(subscription);
    subscription.start(this.#connection.metadata(), bytes, this.#options.signal);
  }
}
