import {
  CeBrokerError,
  type CloudEventTransport,
  codeFromGrpc,
  ExtensionPath,
  encodePublishRequest,
  encodeSubscriptionRequest,
  encodeWatchRequest,
  limited,
  type TransportEnd,
  type TransportListener,
  type TransportPublishOptions,
  type TransportSubscribeOptions,
  type TransportSubscribeRequest,
  type TransportSubscription,
  watchRequestOf,
} from 'ce-broker-proto';
import type { InProcessConnection } from '../rpc/index.js';
import { InProcessSubscription } from './in-process-subscription.js';
import { InProcessWatch } from './in-process-watch.js';
import { PUBLISH_PATH, SUBSCRIBE_PATH } from './methods.js';

/** A client's way to the broker of the same process: no socket, and otherwise the same rules. */
export class InProcessTransport implements CloudEventTransport {
  readonly #connection: InProcessConnection;
  readonly #open = new Set<InProcessSubscription>();

  constructor(connection: InProcessConnection) {
    this.#connection = connection;
  }

  publish(event: Uint8Array, options: TransportPublishOptions = {}): Promise<void> {
    return limited(options, 'the publish was not answered', (settle) => {
      const call = this.#connection.unary(PUBLISH_PATH, encodePublishRequest(event), (code, message) => {
        if (code === 0) settle.resolve();
        else settle.reject(new CeBrokerError(codeFromGrpc(code), message));
      });
      return () => call.cancel();
    });
  }

  subscribe(
    request: TransportSubscribeRequest,
    listener: TransportListener,
    options: TransportSubscribeOptions = {},
  ): Promise<TransportSubscription> {
    return limited<TransportSubscription>(options, 'the subscription was not opened', (settle) => {
      const { memory, signal, watch } = options;
      if (watch !== undefined && memory === undefined) {
        throw new CeBrokerError(
          'unimplemented',
          'a Watch without a memory: filters, and a start other than now, need one to note how far it has come',
        );
      }
      const gone = (over: InProcessSubscription): unknown => this.#open.delete(over);
      const subscription =
        memory === undefined
          ? new InProcessSubscription(listener, settle, gone)
          : new InProcessWatch(listener, settle, gone, memory, watch?.everything);
      const stream =
        memory === undefined
          ? this.#connection.stream(SUBSCRIBE_PATH, encodeSubscriptionRequest(request), subscription)
          : this.#connection.stream(
              ExtensionPath.watch,
              encodeWatchRequest(watchRequestOf(request, memory, watch)),
              subscription,
            );
      subscription.use(stream, signal);
      this.#open.add(subscription);
      return () => subscription.cancel();
    });
  }

  onEnd(listener: (end: TransportEnd) => void): void {
    const tell = (code: number, message: string): void =>
      // Never from inside a call of the listener's own.
      queueMicrotask(() => listener({ kind: 'lost', error: new CeBrokerError(codeFromGrpc(code), message) }));
    const ended = this.#connection.endedWith;
    if (ended === undefined) this.#connection.onEnd = tell;
    else tell(ended.code, ended.message);
  }

  async close(): Promise<void> {
    const open = [...this.#open].map((subscription) => subscription.close());
    await Promise.all(open);
    this.#connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
