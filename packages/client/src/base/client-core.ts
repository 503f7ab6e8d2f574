import { createHash } from 'node:crypto';
import {
  CeBrokerError,
  type CeBrokerErrorCode,
  CloudEventsType,
  decodeEvent,
  type Event,
  EventAction,
  eventDataBytes,
  type Logger,
  readClusterName,
  readDeletionTimestamp,
  readOriginalSource,
  readResourceId,
  type SubResource,
} from 'ce-broker-proto';
import {
  type DelayFn,
  defaultReconnectBackoff,
  type ReconnectBackoffOptions,
  reconnectBackoff,
} from '../backoff/reconnect-backoff.js';
import type { ResourceHandler, ResourceObject } from '../generic/resource.js';
import { RateLimiter } from '../limiter/rate-limiter.js';
import type { CloudEventsOptions, EventRateLimit } from '../transports/cloud-events-options.js';
import { Answers } from './answers.js';
import { Broadcast } from './broadcast.js';
import type { ClientConfig } from './client-config.js';
import type { ClientStatus } from './client-status.js';
import type { CodecSet } from './codec-set.js';
import { CONSOLE_LOGGER } from './console-logger.js';
import { type EventKind, tellReceived, tellReconnected, tellResync } from './diagnostics.js';
import { Link } from './link.js';
import { checkEvent, Publisher, type PublishOptions } from './publisher.js';
import { ReceiveQueue } from './receive-queue.js';
import type { Delivery, Role } from './role.js';
import { safeLogger } from './safe-logger.js';
import { sleep } from './sleep.js';

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_PENDING_BYTES = 16 * 1024 * 1024;
/** What waits for a reader of `status()` that does not read. */
const STATUS_LIMIT = 256;
/** What an event costs in memory beside its bytes, while it waits. */
const EVENT_BYTES = 2 * 1024;
/** Long waits for the rate limit are told at most this often. */
const WAITS_TOLD_MS = 10_000;
/** Between the parts of a lane's name: no name holds it. */
const SEPARATOR = '\0';
/** What asking again does not mend. */
const REFUSED: ReadonlySet<CeBrokerErrorCode> = new Set<CeBrokerErrorCode>([
  'invalid_argument',
  'permission_denied',
  'resource_exhausted',
  'unauthenticated',
  'unimplemented',
]);
const RESYNC_RETRY_MS = 1_000;
const RESYNC_RETRY_MAX_MS = 30_000;

export interface CoreOptions<T extends ResourceObject> {
  readonly connection: CloudEventsOptions;
  readonly rateLimit: EventRateLimit | undefined;
  readonly config: ClientConfig<T>;
  readonly codecs: CodecSet<T>;
  readonly role: Role<T>;
}

/** What a source and an agent have in common: events out, events in, and one connection that comes back. */
export class ClientCore<T extends ResourceObject> {
  readonly #role: Role<T>;
  readonly #codecs: CodecSet<T>;
  readonly #logger: Logger;
  readonly #link: Link;
  readonly #limiter: RateLimiter;
  readonly #publisher: Publisher;
  readonly #answers: Answers;
  readonly #queue: ReceiveQueue<Delivery<T>>;
  readonly #statuses = new Broadcast<ClientStatus>(STATUS_LIMIT);
  readonly #reconnections = new Broadcast<void>(1);
  readonly #closing = new AbortController();
  readonly #autoResync: boolean;
  readonly #publishTimeoutMs: number;
  #handlers: readonly ResourceHandler<T>[] | undefined;
  /** Counts subscriptions, so that work for an earlier one ends. */
  #subscription = 0;
  #toldOfWait = Number.NEGATIVE_INFINITY;
  #closed: Promise<void> | undefined;

  constructor({ connection, rateLimit, config, codecs, role }: CoreOptions<T>) {
    const connectTimeoutMs = config.connectTimeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#role = role;
    this.#codecs = codecs;
    this.#logger = safeLogger(config.logger ?? CONSOLE_LOGGER);
    this.#autoResync = config.autoResync ?? true;
    this.#publishTimeoutMs = config.publishTimeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#limiter = new RateLimiter({ ...rateLimit, onLongWait: (ms) => this.#waitedLong(ms) });
    this.#link = new Link(
      { connection, delay: delayOf(config.reconnectDelay), connectTimeoutMs },
      {
        status: (status) => this.#status(status),
        event: (bytes) => this.#receive(bytes),
        subscribed: () => this.#subscribed(),
        reconnected: () => this.#reconnected(),
      },
    );
    this.#publisher = new Publisher(role.kind, this.#link, this.#limiter, this.#publishTimeoutMs);
    this.#answers = new Answers(() => (this.#limiter.tryTake() ? undefined : this.#limiter.wait()));
    this.#queue = new ReceiveQueue({
      handle: (delivery) => this.#handle(delivery),
      maxPendingBytes: config.maxPendingBytes ?? DEFAULT_PENDING_BYTES,
      pause: (oldest, pendingBytes) => this.#pause(oldest, pendingBytes),
      resume: () => this.#resume(),
    });
  }

  start(): void {
    this.#link.start();
  }

  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  publish(event: Event, kind: EventKind, options: PublishOptions): Promise<void> {
    return this.#publisher.publish(event, kind, options);
  }

  /** Publishes an event of the caller's about a resource; answers under way that hold an older one of it give way. */
  async publishResource(
    uid: string,
    event: Event,
    type: CloudEventsType,
    options: PublishOptions,
  ): Promise<void> {
    if (this.#answers.idle) return await this.#publisher.publish(event, type, options);
    checkEvent(event);
    const takeBack = this.#answers.overtake(type.dataType.toString(), readClusterName(event) ?? '', uid);
    try {
      await this.#publisher.publish(event, type, options);
    } catch (thrown) {
      takeBack();
      throw thrown;
    }
  }

  /** Publishes an answer, which has had its turn. */
  publishAnswer(event: Event, kind: EventKind): Promise<void> {
    return this.#publisher.publishNow(event, kind);
  }

  /** Resolves when answers to what is asked now will arrive; rejects while there is no connection. */
  standing(options: PublishOptions): Promise<void> {
    return this.#link.standing({
      signal: options.signal,
      timeoutMs: options.timeoutMs ?? this.#publishTimeoutMs,
    });
  }

  ready(signal: AbortSignal | undefined): Promise<void> {
    return this.#link.ready(signal);
  }

  subscribe(handlers: readonly ResourceHandler<T>[]): Promise<void> {
    const subscribed = this.#subscribeOnce(handlers);
    // Whoever does not wait for it must not be ended by it.
    subscribed.catch(() => undefined);
    return subscribed;
  }

  get subscribes(): boolean {
    return this.#handlers !== undefined;
  }

  statuses(): AsyncIterableIterator<ClientStatus> {
    return this.#statuses.values();
  }

  reconnections(): AsyncIterableIterator<void> {
    return this.#reconnections.values();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    this.#queue.close();
    this.#limiter.close();
    await this.#link.close();
    this.#status({ type: 'closed' });
    this.#statuses.end();
    this.#reconnections.end();
  }

  async #subscribeOnce(handlers: readonly ResourceHandler<T>[]): Promise<void> {
    if (this.#handlers !== undefined) {
      throw new CeBrokerError(
        'failed_precondition',
        'this client is subscribed already: give all handlers to one subscribe(...)',
      );
    }
    if (handlers.length === 0) {
      throw new CeBrokerError('invalid_argument', 'subscribe needs at least one handler', {
        field: 'handlers',
      });
    }
    if (handlers.some((handler) => typeof handler !== 'function')) {
      throw new CeBrokerError('invalid_argument', 'subscribe takes functions: (action, resource, context)', {
        field: 'handlers',
      });
    }
    this.#handlers = handlers;
    this.#link.request(this.#codecs.dataTypes.map((dataType) => this.#role.subscription(dataType)));
    await this.#link.firstSubscription();
  }

  #receive(bytes: Uint8Array): void {
    let eventType = '';
    try {
      const event = decodeEvent(bytes);
      eventType = event.type;
      checkEvent(event);
      const type = CloudEventsType.parse(event.type);
      tellReceived(this.#role.kind, event, type);
      this.#queue.push(this.#sort(event, type, bytes.length + EVENT_BYTES));
    } catch (thrown) {
      this.#status({ type: 'event-dropped', error: CeBrokerError.from(thrown), eventType });
    }
  }

  /** Who is to get this event. Throws what is wrong with it. */
  #sort(event: Event, type: CloudEventsType, bytes: number): Delivery<T> {
    const { dataType, subResource, action } = type;
    const cluster = readClusterName(event);
    if (action === EventAction.resyncRequest) {
      if (subResource !== this.#role.answers) throw unexpected(this.#role.name, event.type);
      // Who asks is answered one question after the other.
      const key = ['?', dataType, cluster, event.source].join(SEPARATOR);
      return {
        key,
        bytes,
        replaceable: false,
        supersedes: questionOf(event, subResource),
        event,
        type,
        codec: undefined,
      };
    }
    if (subResource !== this.#role.receives) throw unexpected(this.#role.name, event.type);
    const codec = this.#codecs.need(dataType);
    const key = [dataType, cluster, readResourceId(event)].join(SEPARATOR);
    const replaceable = readDeletionTimestamp(event) === undefined;
    return { key, bytes, replaceable, event, type, codec };
  }

  async #handle(delivery: Delivery<T>): Promise<void> {
    const { event, type, codec } = delivery;
    if (codec === undefined) {
      await this.#answer(event, type);
      return;
    }
    let resource: T;
    let action: Awaited<ReturnType<Role<T>['action']>>;
    try {
      resource = codec.decodeEvent(event);
      action = await this.#role.action(resource, event, type.dataType);
    } catch (thrown) {
      this.#status({ type: 'event-dropped', error: CeBrokerError.from(thrown), eventType: event.type });
      return;
    }
    if (action === undefined) return;
    for (const handler of this.#handlers ?? []) {
      if (this.#closing.signal.aborted) return;
      try {
        await handler(action, resource, { event, signal: this.#closing.signal });
      } catch (thrown) {
        const { uid: resourceId, resourceVersion } = resource;
        const error = CeBrokerError.from(thrown);
        this.#status({ type: 'handler-failed', error, resourceId }, { action, resourceVersion });
      }
    }
    this.#role.handled?.(resource, event);
  }

  async #answer(event: Event, { dataType }: CloudEventsType): Promise<void> {
    const begun = performance.now();
    const { signal } = this.#closing;
    const { source, cluster } = this.#role.parties(event);
    const context = {
      dataType: dataType.toString(),
      cluster,
      signal,
      ready: () => this.#link.ready(signal),
      failed: (error: CeBrokerError) => this.#status({ type: 'resync-failed', error }),
    };
    await this.#answers.run(context, (out) => this.#role.answer(event, dataType, out));
    tellResync(this.#role.answers, source, cluster, dataType, (performance.now() - begun) / 1000);
  }

  #reconnected(): void {
    tellReconnected(this.#role.id);
    this.#reconnections.send();
  }

  #subscribed(): void {
    this.#subscription += 1;
    if (this.#autoResync) void this.#resyncUntilDone(this.#subscription);
  }

  /** A list that cannot be had now may be had later; a connection that is gone brings a subscription of its own. */
  async #resyncUntilDone(subscription: number): Promise<void> {
    for (let wait = RESYNC_RETRY_MS; ; wait = Math.min(wait * 2, RESYNC_RETRY_MAX_MS)) {
      try {
        await this.#role.resync();
        return;
      } catch (thrown) {
        if (this.#closing.signal.aborted || subscription !== this.#subscription) return;
        const error = CeBrokerError.from(thrown);
        // Without a connection there is another subscription to come, and a resync with it.
        if (error.code === 'unavailable') return;
        this.#status({ type: 'resync-failed', error });
        if (REFUSED.has(error.code)) return;
      }
      await sleep(wait, this.#closing.signal);
      if (this.#closing.signal.aborted || subscription !== this.#subscription) return;
    }
  }

  #pause(oldest: Delivery<T> | undefined, pendingBytes: number): void {
    this.#link.pause();
    const resourceId = oldest?.codec === undefined ? '' : (readResourceId(oldest.event) ?? '');
    this.#status({ type: 'paused', pendingBytes, resourceId });
  }

  #resume(): void {
    this.#link.resume();
    this.#status({ type: 'resumed' });
  }

  #waitedLong(ms: number): void {
    const now = performance.now();
    if (now - this.#toldOfWait < WAITS_TOLD_MS) return;
    this.#toldOfWait = now;
    const text = 'publishes wait for the rate limit (rateLimit.qps, rateLimit.burst)';
    this.#logger.warn({ client: this.#role.name, waitedMs: Math.round(ms) }, text);
  }

  /** @param details for the log alone */
  #status(status: ClientStatus, details: object = {}): void {
    this.#statuses.send(status);
    const client = this.#role.name;
    if (status.type === 'disconnected') {
      const { error, retryInMs } = status;
      this.#logger.warn({ client, code: error.code, retryInMs: Math.round(retryInMs) }, error.message);
    } else if (status.type === 'paused') {
      const { pendingBytes, resourceId } = status;
      const text = 'handlers are behind: the server is asked to pause (maxPendingBytes)';
      this.#logger.warn({ client, pendingBytes, oldest: resourceId }, text);
    } else if (status.type === 'event-dropped') {
      const { error, eventType } = status;
      this.#logger.warn({ client, eventType }, `an event was dropped: ${error.message}`);
    } else if (status.type === 'handler-failed') {
      const { error, resourceId } = status;
      this.#logger.error(
        { client, resourceId, ...details, err: error },
        `a handler failed: ${error.message}`,
      );
    } else if (status.type === 'resync-failed') {
      this.#logger.warn({ client }, `a resync failed: ${status.error.message}`);
    } else this.#logger.debug({ client, ...status }, `client ${status.type}`);
  }
}

/** A list of versions is complete, so a newer one makes it pointless; hashes come in parts, each of its own. */
function questionOf(event: Event, subResource: SubResource): string {
  const asked = readOriginalSource(event) ?? '';
  if (subResource === 'spec') return asked;
  const hash = createHash('sha256').update(eventDataBytes(event) ?? '');
  return `${asked} ${hash.digest('base64')}`;
}

function delayOf(given: DelayFn | ReconnectBackoffOptions | undefined): DelayFn {
  if (typeof given === 'function') return given;
  return given === undefined ? defaultReconnectBackoff() : reconnectBackoff(given);
}

function unexpected(name: string, eventType: string): CeBrokerError {
  return new CeBrokerError('invalid_argument', `${name} expects no event of type ${eventType}`, {
    field: 'type',
  });
}
