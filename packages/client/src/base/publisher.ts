import { setMaxListeners } from 'node:events';
import {
  CeBrokerError,
  type CloudEventTransport,
  type Event,
  encodeEvent,
  type Limits,
} from 'ce-broker-proto';
import type { RateLimiter } from '../limiter/rate-limiter.js';
import { type ClientRole, type EventKind, tellSent } from './diagnostics.js';
import type { Link } from './link.js';
import { checkTimeout } from './validate-config.js';

/** How long a caller waits for a publish. */
export interface PublishOptions {
  /** Gives up: the event may have been taken all the same. */
  readonly signal?: AbortSignal | undefined;
  /** How long to wait for the connection and the answer, the rate limit not counted, in milliseconds; `Infinity`: no limit. Default: the client's `publishTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

/** The way of an event out: the rate limit, the connection, the answer. */
export class Publisher {
  readonly #role: ClientRole;
  readonly #link: Link;
  readonly #limiter: RateLimiter;
  readonly #timeoutMs: number;
  /** Those who wait for the connection, in the order in which they go out: who comes later does not overtake them. */
  #line: Promise<void> | undefined;

  constructor(role: ClientRole, link: Link, limiter: RateLimiter, timeoutMs: number) {
    this.#role = role;
    this.#link = link;
    this.#limiter = limiter;
    this.#timeoutMs = timeoutMs;
  }

  async publish(event: Event, kind: EventKind, options: PublishOptions): Promise<void> {
    checkEvent(event, kind);
    checkTimeout(options.timeoutMs);
    const bytes = encodeEvent(event);
    const { signal } = options;
    // One signal may end any number of publishes; Node would take that for a leak.
    if (signal !== undefined) setMaxListeners(0, signal);
    if (!this.#limiter.tryTake()) await this.#limiter.wait({ signal });
    await this.#deliver(bytes, options);
    tellSent(this.#role, event, kind);
  }

  /** As {@link publish}, for who has had a turn of the rate limit. */
  async publishNow(event: Event, kind: EventKind): Promise<void> {
    checkEvent(event, kind);
    await this.#deliver(encodeEvent(event), {});
    tellSent(this.#role, event, kind);
  }

  async #deliver(bytes: Uint8Array, options: PublishOptions): Promise<void> {
    const { signal, timeoutMs = this.#timeoutMs } = options;
    const transport = this.#link.transport({ signal, timeoutMs });
    if (this.#line === undefined && !(transport instanceof Promise)) {
      await this.#send(transport, bytes, { signal, timeoutMs });
      return;
    }
    const begun = performance.now();
    const before = this.#line;
    let answered: Promise<void> | undefined;
    const turn = async (): Promise<void> => {
      const opened = await transport;
      await before;
      const left = Math.max(1, timeoutMs - (performance.now() - begun));
      answered = this.#send(opened, bytes, { signal, timeoutMs: left });
      answered.catch(() => undefined);
    };
    const sent = turn();
    const line = sent.catch(() => undefined);
    this.#line = line;
    void line.then(() => {
      if (this.#line === line) this.#line = undefined;
    });
    await sent;
    await answered;
  }

  async #send(transport: CloudEventTransport, bytes: Uint8Array, limits: Limits): Promise<void> {
    try {
      await transport.publish(bytes, limits);
    } catch (thrown) {
      const error = CeBrokerError.from(thrown);
      // The connection was let go of, and neither by the caller nor by `close`.
      if (error.code === 'cancelled' && limits.signal?.aborted !== true && !this.#link.closing) {
        throw new CeBrokerError(
          'unavailable',
          `the connection was lost before the answer: ${error.message}; the event may have been taken all the same`,
          { cause: error },
        );
      }
      throw error;
    }
  }
}

/**
 * What Go's clients check of each event that they send or receive; of one that a codec gave for `kind`, that it is an event at all.
 * Throws `invalid_argument`.
 */
export function checkEvent(event: Event, kind?: EventKind): void {
  if (kind !== undefined && !isEvent(event)) {
    throw new CeBrokerError(
      'invalid_argument',
      `the codec of the data type ${kind.dataType} gave no event: encodeEvent must give what createEvent of ce-broker-proto makes (a codec that makes a CloudEvent has encode and decode instead)`,
      { field: 'codecs' },
    );
  }
  for (const field of ['id', 'source', 'type'] as const) {
    if (event[field].trim() === '') {
      throw new CeBrokerError('invalid_argument', `the ${field} of the event is blank`, { field });
    }
  }
}

/** Programs in JavaScript have codecs that give anything. */
function isEvent(event: Event | null | undefined): boolean {
  return (
    typeof event === 'object' &&
    event !== null &&
    typeof event.id === 'string' &&
    typeof event.source === 'string' &&
    typeof event.type === 'string' &&
    event.extensions instanceof Map
  );
}
