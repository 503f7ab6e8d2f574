import { STATUS_UNAVAILABLE } from '../status.js';
import { PROTOCOL_ERROR, SETTINGS_TIMEOUT } from './frames/constants.js';
import { H2Error } from './frames/error.js';
import type { H2Limits } from './limits.js';

/** How many pings that came too soon are let pass, as grpc-go does. */
const STRIKES = 2;
/** What a connection that is too old gets to end its calls. */
const AGE_GRACE_MS = 10_000;

/** How long and how often, for all connections of an engine. */
export interface Times {
  readonly limits: H2Limits;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
}

/** The connection, as its clockwork sees it. */
export interface TimedConnection {
  readonly openStreams: number;
  sendPing(): void;
  destroy(): void;
  fail(error: H2Error): void;
  end(code: number, message: string, graceMs: number): void;
}

/**
 * What a connection does by the clock: keepalive pings (RFC 9113 §6.7), the time that a peer has for preface and SETTINGS
 * acknowledgement (§3.4, §6.5.3), the pace of its pings, and its age. Looked at now and then, without a timer of its own.
 */
export class Keepalive {
  readonly #connection: TimedConnection;
  readonly #times: Times;
  readonly #openedAt: number;
  #heardAt: number;
  /** 0: none is on its way. */
  #pingSentAt = 0;
  /** 0: it has not come. */
  #prefaceAt = 0;
  #settingsAcknowledged = false;
  #lastPingAt = 0;
  #strikes = 0;
  #idleSince: number;
  readonly #ageFactor: number;

  constructor(connection: TimedConnection, times: Times, now: number) {
    this.#connection = connection;
    this.#times = times;
    this.#openedAt = now;
    this.#heardAt = now;
    this.#idleSince = now;
    // Spread, so that connections made together do not all come back together.
    this.#ageFactor = 1 + Math.random() / 10;
  }

  heard(now: number): void {
    this.#heardAt = now;
    this.#pingSentAt = 0;
  }

  prefaceCame(now: number): void {
    this.#prefaceAt = now;
  }

  settingsAcknowledged(): void {
    this.#settingsAcknowledged = true;
  }

  /** This side sent a header block or data: the peer may ping to measure (gRPC's bandwidth estimation does). */
  sent(): void {
    this.#strikes = 0;
    this.#lastPingAt = 0;
  }

  /** The peer pings. */
  isPingedTooOften(now: number): boolean {
    const since = now - this.#lastPingAt;
    const first = this.#lastPingAt === 0;
    this.#lastPingAt = now;
    if (first || since >= this.#times.limits.minClientPingIntervalMs) return false;
    this.#strikes += 1;
    return this.#strikes > STRIKES;
  }

  /** @param assemblingSince since when a header block waits for its end */
  tick(now: number, assemblingSince: number): void {
    const connection = this.#connection;
    const { limits } = this.#times;
    if (this.#prefaceAt === 0) {
      if (now - this.#openedAt >= limits.prefaceTimeoutMs) connection.destroy();
      return;
    }
    if (!this.#settingsAcknowledged && now - this.#prefaceAt >= limits.settingsTimeoutMs) {
      connection.fail(
        new H2Error(SETTINGS_TIMEOUT, 'the SETTINGS of this server were not acknowledged in time'),
      );
      return;
    }
    if (now - assemblingSince >= limits.requestIdleMs) {
      const text = `a header block was not ended within ${limits.requestIdleMs} ms (requestIdleMs)`;
      connection.fail(new H2Error(PROTOCOL_ERROR, text));
      return;
    }
    this.#ping(now);
    this.#age(now);
  }

  #ping(now: number): void {
    const connection = this.#connection;
    if (this.#pingSentAt > 0) {
      if (now - this.#pingSentAt >= this.#times.keepaliveTimeoutMs) connection.destroy();
    } else if (now - this.#heardAt >= this.#times.keepaliveTimeMs) {
      this.#pingSentAt = now;
      connection.sendPing();
    }
  }

  #age(now: number): void {
    const connection = this.#connection;
    const { maxConnectionAgeMs, maxConnectionIdleMs } = this.#times.limits;
    if (connection.openStreams > 0) this.#idleSince = now;
    if (maxConnectionAgeMs !== undefined && now - this.#openedAt >= maxConnectionAgeMs * this.#ageFactor) {
      connection.end(STATUS_UNAVAILABLE, 'max_age', AGE_GRACE_MS);
    } else if (maxConnectionIdleMs !== undefined && now - this.#idleSince >= maxConnectionIdleMs) {
      connection.end(STATUS_UNAVAILABLE, 'max_idle', AGE_GRACE_MS);
    }
  }
}
