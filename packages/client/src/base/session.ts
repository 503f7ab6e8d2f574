import {
  CeBrokerError,
  type CloudEventTransport,
  isHeartbeat,
  type SubscriptionMemory,
  type TransportEnd,
  type TransportSubscribeRequest,
  type TransportSubscription,
  type TransportWatch,
  type WatchPoint,
} from 'ce-broker-proto';
import { deferred } from './deferred.js';
import { HeartbeatWatch } from './heartbeat-watch.js';

export interface SessionOptions {
  readonly server: string;
  readonly connectTimeoutMs: number;
  readonly heartbeatTimeoutMs: number | undefined;
  /** Each event but heartbeats. */
  readonly event: (bytes: Uint8Array) => void;
  readonly watch?: WatchListener | undefined;
}

/** What only a Watch has, and hears. */
export interface WatchListener {
  readonly wish: TransportWatch;
  reached(point: WatchPoint): void;
  caughtUp(): void;
  restarted(reason: string): void;
}

/** One connection, and the subscriptions on it: it ends once, whatever ended first. */
export class Session {
  readonly transport: CloudEventTransport;
  readonly ended: Promise<TransportEnd>;
  readonly #options: SessionOptions;
  readonly #end: (end: TransportEnd) => void;
  readonly #over = new AbortController();
  readonly #subscriptions: TransportSubscription[] = [];
  readonly #watches: HeartbeatWatch[] = [];
  #paused = false;

  constructor(transport: CloudEventTransport, options: SessionOptions) {
    const { promise, resolve } = deferred<TransportEnd>();
    this.transport = transport;
    this.ended = promise;
    this.#options = options;
    this.#end = (end) => {
      // Before the abort, which ends the subscriptions without a reason of their own.
      resolve(end);
      this.#over.abort();
      for (const watch of this.#watches) watch.stop();
    };
    transport.onEnd?.(this.#end);
  }

  get over(): boolean {
    return this.#over.signal.aborted;
  }

  /** Resolves when the server has registered them all; rejects with its refusal, or when the session ends first. */
  async subscribe(
    requests: readonly TransportSubscribeRequest[],
    memories: readonly SubscriptionMemory[],
  ): Promise<void> {
    const several = requests.length > 1;
    const opened = requests.map(async (request, index) => {
      try {
        await this.#open(request, memories[index]);
      } catch (thrown) {
        throw several ? named(request.dataType, CeBrokerError.from(thrown)) : thrown;
      }
    });
    await Promise.race([Promise.all(opened), this.ended.then(({ error }) => Promise.reject(error))]);
  }

  pause(): void {
    this.#paused = true;
    for (const subscription of this.#subscriptions) subscription.pause();
    for (const watch of this.#watches) watch.pause();
  }

  resume(): void {
    this.#paused = false;
    for (const watch of this.#watches) watch.resume();
    for (const subscription of this.#subscriptions) subscription.resume();
  }

  /** Lets go of the connection; what is under way on it fails. */
  close(reason: CeBrokerError): Promise<void> {
    this.#end({ kind: 'lost', error: reason });
    return this.transport.close();
  }

  async #open(request: TransportSubscribeRequest, memory: SubscriptionMemory | undefined): Promise<void> {
    const { server, connectTimeoutMs, heartbeatTimeoutMs, event, watch: watching } = this.#options;
    const watch = new HeartbeatWatch(heartbeatTimeoutMs, (ms) =>
      this.#lost('unavailable', silence(server, ms)),
    );
    this.#watches.push(watch);
    const subscription = await this.transport.subscribe(
      request,
      {
        event: (bytes) => {
          if (this.over) return;
          if (isHeartbeat(bytes)) watch.heartbeat();
          else {
            watch.event();
            event(bytes);
          }
        },
        reached: (point) => watching?.reached(point),
        caughtUp: () => watching?.caughtUp(),
        restarted: (reason) => watching?.restarted(reason),
        closed: (error) => {
          watch.stop();
          this.#end({ kind: 'lost', error: error ?? ended(server) });
        },
      },
      { signal: this.#over.signal, timeoutMs: connectTimeoutMs, memory, watch: watching?.wish },
    );
    this.#subscriptions.push(subscription);
    if (!this.#paused) return;
    subscription.pause();
    watch.pause();
  }

  #lost(code: 'unavailable', message: string): void {
    this.#end({ kind: 'lost', error: new CeBrokerError(code, message) });
  }
}

function silence(server: string, ms: number): string {
  return `${server} has sent no heartbeat for ${Number((ms / 1000).toFixed(1))} s: the subscription is taken for lost`;
}

/** Which one of several subscriptions it was. */
function named(dataType: string, error: CeBrokerError): CeBrokerError {
  return new CeBrokerError(error.code, `the subscription to ${dataType}: ${error.message}`, {
    field: error.field,
    cause: error,
  });
}

function ended(server: string): CeBrokerError {
  return new CeBrokerError('unavailable', `${server} ended the subscription`);
}
