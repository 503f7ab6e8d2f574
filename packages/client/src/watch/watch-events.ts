import {
  CeBrokerError,
  CloudEventsType,
  decodeEvent,
  EventAction,
  type Logger,
  type WatchPoint,
} from 'ce-broker-proto';
import { type DelayFn, defaultReconnectBackoff, reconnectBackoff } from '../backoff/reconnect-backoff.js';
import type { ClientStatus } from '../base/client-status.js';
import { CONSOLE_LOGGER } from '../base/console-logger.js';
import { isLasting, Link } from '../base/link.js';
import { safeLogger } from '../base/safe-logger.js';
import { checkWatchOptions, type WatchEventsOptions } from './watch-options.js';
import { type Watched, WatchQueue } from './watch-queue.js';

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_PENDING_BYTES = 16 * 1024 * 1024;
/** What an event costs in memory beside its bytes, while it waits. */
const EVENT_BYTES = 2 * 1024;

type Result = IteratorResult<Watched, undefined>;

interface Ask {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: CeBrokerError) => void;
}

/**
 * A watch, to read with `for await`. It begins when it is made, and connects again after each loss and goes on where it was. Leaving the
 * loop ends it.
 */
export interface EventWatch extends AsyncIterableIterator<Watched>, AsyncDisposable {
  /**
   * Where to resume: everything up to here has been handled, as asking for the next one says. To keep, for `from` of a later watch, also
   * of another process. Undefined: nothing yet, or the broker keeps no events.
   */
  readonly point: WatchPoint | undefined;
  /** Ends it: what waits is not told, and a read that is under way is done. Idempotent. */
  close(): Promise<void>;
}

/**
 * Watches the events for a source or a cluster, narrowed by filters, by the extension service of ce-broker. Of each resource what comes
 * is in order, and after a gap the newest once; some may come twice after a gap. What waits for a slow reader is bounded, and the broker
 * tells it less meanwhile: the newest of each resource.
 *
 * A watch only looks. Questions of the broker's and of others (resync requests) are left out, and nobody answers them.
 *
 * Throws `invalid_option`. A read rejects with what the broker refuses it for, unless waiting mends that: `permission_denied`,
 * `unauthenticated`, `unimplemented` where the server has no extension service; once it has stood it goes on trying.
 */
export function watchEvents(options: WatchEventsOptions): EventWatch {
  return new LinkedWatch(options, checkWatchOptions(options));
}

class LinkedWatch implements EventWatch {
  readonly #link: Link;
  readonly #queue: WatchQueue;
  readonly #logger: Logger;
  readonly #signal: AbortSignal | undefined;
  #asks: Ask[] = [];
  #stood = false;
  #over = false;
  #error: CeBrokerError | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: WatchEventsOptions, dataTypes: readonly string[]) {
    const { connection, from } = options;
    const point = typeof from === 'object' ? from : undefined;
    this.#logger = safeLogger(options.logger ?? CONSOLE_LOGGER);
    this.#signal = options.signal;
    this.#queue = new WatchQueue(
      {
        maxPendingBytes: options.maxPendingBytes ?? DEFAULT_PENDING_BYTES,
        pause: () => this.#link.pause(),
        resume: () => this.#link.resume(),
      },
      point,
    );
    this.#link = new Link(
      {
        connection,
        delay: delayOf(options.reconnectDelay),
        connectTimeoutMs: options.connectTimeoutMs ?? DEFAULT_TIMEOUT_MS,
        watch: {
          wish: {
            dataTypes,
            sources: options.sources,
            clusters: options.clusters,
            everything: from === 'everything',
          },
          reached: (reached) => this.#queue.reached(reached),
          caughtUp: () => this.#push({ kind: 'caught-up' }, 0),
          restarted: (reason) => this.#push({ kind: 'restarted', reason }, 0),
        },
      },
      {
        status: (status) => this.#status(status),
        event: (bytes) => this.#receive(bytes),
        subscribed: () => {
          this.#stood = true;
        },
        reconnected: () => undefined,
      },
    );
    const { clusterName = '', source = '' } = options;
    this.#link.request([{ source, clusterName, dataType: '' }], [point === undefined ? {} : { point }]);
    if (this.#signal?.aborted === true) {
      void this.close();
      return;
    }
    this.#signal?.addEventListener('abort', this.#abort, { once: true });
    this.#link.start();
  }

  get point(): WatchPoint | undefined {
    return this.#queue.point;
  }

  next(): Promise<Result> {
    this.#queue.handled();
    const watched = this.#asks.length === 0 ? this.#queue.take() : undefined;
    if (watched !== undefined) return Promise.resolve({ done: false, value: watched });
    if (this.#over) return this.#last();
    return new Promise((resolve, reject) => this.#asks.push({ resolve, reject }));
  }

  async return(): Promise<Result> {
    await this.close();
    return { done: true, value: undefined };
  }

  close(): Promise<void> {
    this.#queue.clear();
    this.#end(undefined);
    this.#closed ??= this.#link.close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  readonly #abort = (): void => void this.close();

  /** What ended it is told once. */
  #last(): Promise<Result> {
    const error = this.#error;
    this.#error = undefined;
    return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
  }

  #receive(bytes: Uint8Array): void {
    try {
      const event = decodeEvent(bytes);
      if (CloudEventsType.parse(event.type).action === EventAction.resyncRequest) return;
      this.#push({ kind: 'event', event }, bytes.length + EVENT_BYTES);
    } catch (thrown) {
      this.#logger.warn({}, `an event was dropped: ${CeBrokerError.from(thrown).message}`);
    }
  }

  #push(watched: Watched, bytes: number): void {
    if (this.#over) return;
    this.#queue.push(watched, bytes);
    const ask = this.#asks[0];
    if (ask === undefined) return;
    const next = this.#queue.take();
    if (next === undefined) return;
    this.#asks.shift();
    ask.resolve({ done: false, value: next });
  }

  #status(status: ClientStatus): void {
    if (status.type !== 'disconnected') {
      this.#logger.debug({ ...status }, `watch ${status.type}`);
      return;
    }
    const { error, retryInMs } = status;
    if (!this.#stood && isLasting(error)) {
      this.#end(error);
      this.#closed ??= this.#link.close();
      return;
    }
    this.#logger.warn({ code: error.code, retryInMs: Math.round(retryInMs) }, error.message);
  }

  #end(error: CeBrokerError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    this.#signal?.removeEventListener('abort', this.#abort);
    for (const { reject, resolve } of this.#asks.splice(0)) {
      const told = this.#error;
      this.#error = undefined;
      if (told === undefined) resolve({ done: true, value: undefined });
      else reject(told);
    }
  }
}

function delayOf(given: WatchEventsOptions['reconnectDelay']): DelayFn {
  if (typeof given === 'function') return given;
  return given === undefined ? defaultReconnectBackoff() : reconnectBackoff(given);
}
