import {
  CeBrokerError,
  type CeBrokerErrorCode,
  type CloudEventTransport,
  type Limits,
  limited,
  type SubscriptionMemory,
  type TransportEnd,
  type TransportSubscribeRequest,
} from 'ce-broker-proto';
import { type DelayFn, defaultReconnectBackoff } from '../backoff/reconnect-backoff.js';
import type { CloudEventsOptions } from '../transports/cloud-events-options.js';
import type { ClientStatus } from './client-status.js';
import { type Deferred, deferred } from './deferred.js';
import { Session, type WatchListener } from './session.js';
import { sleep } from './sleep.js';

export interface LinkOptions {
  readonly connection: CloudEventsOptions;
  readonly delay: DelayFn;
  readonly connectTimeoutMs: number;
  readonly watch?: WatchListener | undefined;
}

export interface LinkListener {
  status(status: ClientStatus): void;
  event(bytes: Uint8Array): void;
  /** The subscription stands. */
  subscribed(): void;
  /** All is again as it was before the connection was lost. */
  reconnected(): void;
}

type LinkState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open'; readonly session: Session; readonly subscribed: boolean }
  | { readonly kind: 'waiting'; readonly error: CeBrokerError; readonly until: number }
  | { readonly kind: 'closed' };

/** Failures that the next attempt will most likely meet again: somebody has to change something. */
const LASTING: ReadonlySet<CeBrokerErrorCode> = new Set<CeBrokerErrorCode>([
  'unknown',
  'invalid_argument',
  'not_found',
  'permission_denied',
  'unauthenticated',
  'failed_precondition',
  'out_of_range',
  'unimplemented',
  'invalid_option',
  'invalid_config',
  'unreadable_file',
]);

/** Waiting does not mend it. */
export function isLasting({ code }: CeBrokerError): boolean {
  return LASTING.has(code);
}

/** A transport that does not let go is left behind after so long. */
const CLOSE_MS = 2_000;

/** The longest that a timer takes. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** Keeps one connection, and the subscriptions on it, standing: connects, watches, and connects again. */
export class Link {
  readonly #options: LinkOptions;
  readonly #listener: LinkListener;
  readonly #closing = new AbortController();
  readonly #requested = deferred<void>();
  readonly #fallbackDelay = defaultReconnectBackoff();
  #requests: readonly TransportSubscribeRequest[] = [];
  /** What each of them keeps from one connection to the next. */
  #memories: readonly SubscriptionMemory[] = [];
  #state: LinkState = { kind: 'connecting' };
  /** Settles when the state changes. */
  #change: Deferred<void> = deferred();
  #everConnected = false;
  #everSubscribed = false;
  #paused = false;
  /** The last session that ended: publishes of its connection may still wait for their answers. */
  #retired: Session | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: LinkOptions, listener: LinkListener) {
    this.#options = options;
    this.#listener = listener;
  }

  /** Nothing more is to come. */
  get closing(): boolean {
    return this.#closing.signal.aborted;
  }

  start(): void {
    this.#running = this.#run();
  }

  /**
   * From now on each connection carries these subscriptions. Once only.
   * @param memories how far they have come before
   */
  request(
    requests: readonly TransportSubscribeRequest[],
    memories: readonly SubscriptionMemory[] = requests.map(() => ({})),
  ): void {
    this.#requests = requests;
    this.#memories = memories;
    this.#requested.resolve();
  }

  /** The open connection, at once where there is one; otherwise the one that is being opened. */
  transport(limits: Limits): CloudEventTransport | Promise<CloudEventTransport> {
    const state = this.#state;
    return state.kind === 'open' ? state.session.transport : this.#until(limits, false);
  }

  /** Resolves when the connection, and what was subscribed to, stands; rejects at once while there is none to hope for. */
  async standing(limits: Limits): Promise<void> {
    await this.#until(limits, this.#requests.length > 0);
  }

  /** As {@link standing}, through any number of attempts. */
  async ready(signal: AbortSignal | undefined): Promise<void> {
    while (!this.#stands(this.#requests.length > 0)) {
      if (this.#state.kind === 'closed') throw closedError();
      await waitFor(this.#change.promise, { signal });
    }
  }

  /**
   * Resolves when the subscription first stands, through any number of attempts; rejects when the server refuses it for a reason that
   * waiting does not mend, while the attempts go on.
   */
  async firstSubscription(): Promise<void> {
    while (!this.#stands(true)) {
      const state = this.#state;
      if (state.kind === 'closed') throw closedError();
      if (state.kind === 'waiting' && isLasting(state.error)) throw state.error;
      await this.#change.promise;
    }
  }

  /** Asks the server to hold back what this client cannot take. */
  pause(): void {
    this.#paused = true;
    if (this.#state.kind === 'open') this.#state.session.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#state.kind === 'open') this.#state.session.resume();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const state = this.#state;
    this.#retired?.close(closedError()).catch(() => undefined);
    const closed = state.kind === 'open' ? state.session.close(closedError()) : undefined;
    const limits = { timeoutMs: CLOSE_MS };
    await waitFor(
      Promise.all([closed, this.#running]).then(() => undefined),
      limits,
    ).catch(() => undefined);
    this.#set({ kind: 'closed' });
  }

  async #run(): Promise<void> {
    for (let attempt = 1; !this.#closing.signal.aborted; attempt += 1) {
      this.#set({ kind: 'connecting' });
      this.#listener.status({ type: 'connecting', attempt });
      let end: TransportEnd;
      try {
        const transport = await this.#connect();
        attempt = 0;
        end = await this.#hold(transport);
      } catch (thrown) {
        end = { kind: 'lost', error: CeBrokerError.from(thrown, 'unavailable') };
      }
      if (this.#closing.signal.aborted) break;
      if (end.kind === 'lost') await this.#wait(end.error);
    }
    this.#set({ kind: 'closed' });
  }

  #connect(): Promise<CloudEventTransport> {
    const { connection, connectTimeoutMs } = this.#options;
    const limits = { signal: this.#closing.signal, timeoutMs: connectTimeoutMs };
    return limited<CloudEventTransport>(limits, `${connection.server} did not answer`, (settle) => {
      const attempt = new AbortController();
      connection.connect({ signal: attempt.signal, timeoutMs: connectTimeoutMs }).then(
        (transport) => {
          if (attempt.signal.aborted) transport.close().catch(() => undefined);
          else settle.resolve(transport);
        },
        (thrown: unknown) => settle.reject(CeBrokerError.from(thrown, 'unavailable')),
      );
      return () => attempt.abort();
    });
  }

  /** Uses a connection until it ends, and says why it did. */
  async #hold(transport: CloudEventTransport): Promise<TransportEnd> {
    const { connection, connectTimeoutMs, watch } = this.#options;
    const session = new Session(transport, {
      server: connection.server,
      connectTimeoutMs,
      heartbeatTimeoutMs: connection.heartbeatTimeoutMs,
      event: (bytes) => this.#listener.event(bytes),
      watch,
    });
    if (this.#closing.signal.aborted) {
      await session.close(closedError());
      return session.ended;
    }
    if (this.#paused) session.pause();
    this.#set({ kind: 'open', session, subscribed: false });
    this.#listener.status({ type: 'connected' });
    if (this.#everConnected && this.#requests.length === 0) this.#listener.reconnected();
    this.#everConnected = true;
    try {
      await Promise.race([this.#requested.promise, session.ended]);
      if (!session.over) await this.#subscribe(session);
      return await session.ended;
    } catch (thrown) {
      // What ended the session counts, not what that did to the subscription.
      if (session.over) return await session.ended;
      throw thrown;
    } finally {
      this.#retired = session;
      session.close(closedError()).catch(() => undefined);
    }
  }

  async #subscribe(session: Session): Promise<void> {
    await session.subscribe(this.#requests, this.#memories);
    const again = this.#everSubscribed;
    this.#everSubscribed = true;
    this.#set({ kind: 'open', session, subscribed: true });
    this.#listener.status({ type: 'subscribed', again });
    this.#listener.subscribed();
    if (again) this.#listener.reconnected();
  }

  async #wait(error: CeBrokerError): Promise<void> {
    const ms = this.#delay();
    this.#set({ kind: 'waiting', error, until: Date.now() + ms });
    this.#listener.status({ type: 'disconnected', error, retryInMs: ms });
    await sleep(ms, this.#closing.signal);
  }

  /** A backoff of the caller's that fails, or makes no sense, must neither end the client nor let it spin. */
  #delay(): number {
    try {
      const ms = this.#options.delay();
      if (ms >= 0 && ms <= LONGEST_WAIT_MS) return ms;
    } catch {
      // The wait that is used instead shows in the status.
    }
    return this.#fallbackDelay();
  }

  async #until(limits: Limits, subscribed: boolean): Promise<CloudEventTransport> {
    const { signal, timeoutMs } = limits;
    const begun = performance.now();
    for (;;) {
      const state = this.#state;
      if (state.kind === 'open' && (state.subscribed || !subscribed)) return state.session.transport;
      if (state.kind === 'closed' || this.#closing.signal.aborted) throw closedError();
      if (state.kind === 'waiting') throw notReady(state.error, state.until);
      const left =
        timeoutMs === undefined ? undefined : Math.max(1, Math.ceil(timeoutMs - (performance.now() - begun)));
      const what = `there is no connection to ${this.#options.connection.server}`;
      await waitFor(this.#change.promise, { signal, timeoutMs: left }, what);
    }
  }

  #stands(subscribed: boolean): boolean {
    return this.#state.kind === 'open' && (this.#state.subscribed || !subscribed);
  }

  #set(state: LinkState): void {
    this.#state = state;
    const changed = this.#change;
    this.#change = deferred();
    changed.resolve();
  }
}

function waitFor(change: Promise<void>, limits: Limits, what = 'the client was not ready'): Promise<void> {
  return limited(limits, what, (settle) => {
    change.then(settle.resolve, settle.reject);
    return () => undefined;
  });
}

/** Go's words, and why. */
function notReady(error: CeBrokerError, until: number): CeBrokerError {
  const next = Math.max(0, (until - Date.now()) / 1000).toFixed(1);
  return new CeBrokerError(
    'unavailable',
    `the cloudevents client is not ready: ${error.message} (the next attempt begins in ${next} s)`,
    { cause: error },
  );
}

export function closedError(): CeBrokerError {
  return new CeBrokerError('cancelled', 'the client is closed');
}
