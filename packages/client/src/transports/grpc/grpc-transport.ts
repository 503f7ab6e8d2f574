import {
  CeBrokerError,
  type CloudEventTransport,
  ExtensionFeature,
  encodePublishRequest,
  limited,
  type TransportEnd,
  type TransportListener,
  type TransportPublishOptions,
  type TransportSubscribeOptions,
  type TransportSubscribeRequest,
  type TransportSubscription,
} from 'ce-broker-proto';
import { ExtensionFinder } from './extension-finder.js';
import type { GrpcConnection } from './grpc-connection.js';
import type { GrpcSubscription } from './grpc-subscription.js';
import { PublishCall } from './publish-call.js';
import { PublishLine } from './publish-line.js';
import { QueuedPublish } from './queued-publish.js';
import { SubscriptionOpening } from './subscription-opening.js';

const PUBLISH = '/io.cloudevents.v1.CloudEventService/Publish';
/** How long the publishes of a connection that ends may wait for their answers. */
const GRACE_MS = 3_000;
/** What gRPC can write, and wait for; longer is no limit. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * One gRPC connection. It never reconnects: when the connection is lost it says so (`onEnd`), publishes reject, and whoever holds it
 * opens another one.
 *
 * Where the server has the extension service, publishes share one stream, and subscriptions with a memory resume.
 */
export class GrpcTransport implements CloudEventTransport {
  readonly #connection: GrpcConnection;
  readonly #publishes = new Set<QueuedPublish>();
  readonly #subscriptions = new Set<GrpcSubscription>();
  readonly #enders = new Set<(end: TransportEnd) => void>();
  readonly #finder: ExtensionFinder | undefined;
  readonly #line: PublishLine | undefined;
  #end: TransportEnd | undefined;
  #closed = false;
  #grace: NodeJS.Timeout | undefined;

  constructor(connection: GrpcConnection) {
    this.#connection = connection;
    const { channel, extension, server } = connection;
    if (extension === 'off') return;
    this.#finder = new ExtensionFinder(channel, connection.metadata());
    const host = {
      server,
      channel,
      metadata: () => connection.metadata(),
      callFor: (publish: QueuedPublish) => this.#call(publish),
      refusal: () => this.#refusal(undefined),
    };
    this.#line = new PublishLine(host, this.#finder);
  }

  publish(event: Uint8Array, options?: TransportPublishOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const signal = options?.signal;
      const refusal = this.#refusal(signal);
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      const expires = expiryOf(options?.timeoutMs);
      const publish = new QueuedPublish(event, { expires, signal }, resolve, reject, this.#answered);
      this.#publishes.add(publish);
      if (this.#line === undefined) this.#call(publish);
      else this.#line.add(publish);
    });
  }

  subscribe(
    request: TransportSubscribeRequest,
    listener: TransportListener,
    options: TransportSubscribeOptions = {},
  ): Promise<TransportSubscription> {
    const { server } = this.#connection;
    return limited<TransportSubscription>(options, `${server} did not open the subscription`, (settle) => {
      const refusal = this.#refusal(undefined);
      if (refusal !== undefined) throw refusal;
      const opening = new SubscriptionOpening(
        this.#connection,
        this.#subscriptions,
        request,
        listener,
        options,
      );
      const { memory, watch } = options;
      if (watch !== undefined && (this.#finder === undefined || memory === undefined)) throw noWatch(server);
      if (this.#finder === undefined || memory === undefined) opening.subscribe(settle);
      else {
        this.#finder.ask((found) => {
          const needed = watch === undefined ? ExtensionFeature.resume : ExtensionFeature.watch;
          if (found?.features.includes(needed) === true) opening.watch(settle, memory);
          else if (watch !== undefined) settle.reject(noWatch(server));
          else opening.subscribe(settle);
        });
      }
      return () => opening.cancel();
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

  readonly #answered = (publish: QueuedPublish): void => {
    this.#publishes.delete(publish);
    this.#line?.forget(publish);
    if (this.#grace !== undefined && this.#publishes.size === 0) this.#release();
  };

  #release(): void {
    clearTimeout(this.#grace);
    this.#grace = undefined;
    const error = this.#end?.kind === 'lost' ? this.#end.error : this.#closedError();
    for (const publish of this.#publishes) publish.cancel(error);
    this.#line?.close();
    this.#connection.release();
  }

  /** One call for one event. */
  #call(publish: QueuedPublish): void {
    const { channel, server } = this.#connection;
    const call = channel.createCall(PUBLISH, deadlineOf(publish.expires), null, null, null);
    const unary = new PublishCall(call, server, publish);
    publish.use(unary);
    unary.send(this.#connection.metadata(), encodePublishRequest(publish.event));
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

function noWatch(server: string): CeBrokerError {
  return new CeBrokerError(
    'unimplemented',
    `${server} offers no Watch: filters, and a start other than now, need the extension service of ce-broker (and extension: 'auto')`,
  );
}

/** Throws `invalid_argument` for what is no number: gRPC would throw where nobody can catch it. */
function expiryOf(timeoutMs: number | undefined): number {
  if (timeoutMs === undefined) return Number.POSITIVE_INFINITY;
  if (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs)) {
    throw new CeBrokerError(
      'invalid_argument',
      `timeoutMs is ${timeoutMs}: must be a number of milliseconds`,
      { field: 'timeoutMs' },
    );
  }
  return timeoutMs > LONGEST_TIMEOUT_MS ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs;
}

function deadlineOf(expires: number): number {
  return expires === Number.POSITIVE_INFINITY ? expires : Date.now() + expires - performance.now();
}
