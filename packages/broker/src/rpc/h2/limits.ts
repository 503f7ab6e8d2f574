import { CeBrokerError } from 'ce-broker-proto';

const KIB = 1024;
const MIB = 1024 * KIB;
const DAY_MS = 24 * 3_600_000;

/**
 * What one peer of the h2 engine may cost the others. Times are in milliseconds, sizes in bytes, all numbers whole. Who goes over a
 * rate is closed with ENHANCE_YOUR_CALM; over what else, is said at each.
 */
export interface H2Limits {
  /** Calls and streams that a connection may have open at once; one more is reset with REFUSED_STREAM. Default 10,000. */
  readonly maxStreamsPerConnection: number;
  /**
   * Headers of a request, as RFC 9113 §6.5.2 counts them: names, values and 32 for each. More is answered RESOURCE_EXHAUSTED.
   * 1 KiB to 1 MiB. Default 32 KiB.
   */
  readonly maxHeaderListBytes: number;
  /** How many headers a request may have; more is answered RESOURCE_EXHAUSTED. Default 128. */
  readonly maxHeaderFields: number;
  /** CONTINUATION frames that one header block may be spread over. Default 8. */
  readonly maxContinuationFrames: number;
  /**
   * Streams that a client may reset within a second of opening them, per second; five seconds' worth may come at once. A stream that has
   * lived longer is not counted. Default 200.
   */
  readonly resetsPerSecond: number;
  /** Streams that a client may make us reset by what it sends, per second; two seconds' worth may come at once. Default 100. */
  readonly provokedResetsPerSecond: number;
  /** SETTINGS frames per second; ten seconds' worth may come at once. Default 10. */
  readonly settingsPerSecond: number;
  /**
   * PING frames per second, beside one for each frame that we sent, from which honest clients measure the line; ten seconds' worth may
   * come at once. Default 100.
   */
  readonly pingsPerSecond: number;
  /**
   * WINDOW_UPDATE frames per second, beside four for each frame that we sent; ten seconds' worth may come at once. Default 500.
   */
  readonly windowUpdatesPerSecond: number;
  /** DATA frames per second that carry nothing and end nothing; ten seconds' worth may come at once. Default 100. */
  readonly emptyDataPerSecond: number;
  /** CONTINUATION frames per second, beside four for each request; ten seconds' worth may come at once. Default 100. */
  readonly continuationsPerSecond: number;
  /** PRIORITY frames per second, and as many of kinds that we do not know; ten seconds' worth may come at once. Default 200. */
  readonly ignoredFramesPerSecond: number;
  /**
   * Answers and control frames that a connection may leave unread; one that leaves more is closed. What its streams send has its own bound
   * (`streamBufferBytes`). 64 KiB to 1 GiB. Default 4 MiB.
   */
  readonly maxUnreadBytesPerConnection: number;
  /** The same of all connections together; over it those that leave most are closed, until it is less. 64 KiB to 64 GiB. Default 256 MiB. */
  readonly maxUnreadBytes: number;
  /** A connection says its HTTP/2 preface within this time, or is closed; at least 100. Default 10,000. */
  readonly prefaceTimeoutMs: number;
  /** Our SETTINGS are acknowledged within this time, or the connection is closed; at least 100. Default 10,000. */
  readonly settingsTimeoutMs: number;
  /** Open connections of one address (IPv6: of one /64); one more is closed at once. Default 10,000. */
  readonly maxConnectionsPerAddress: number;
  /** A request of which so far only a part came, and nothing more for so long, is answered DEADLINE_EXCEEDED; at least 100. Default 10,000. */
  readonly requestIdleMs: number;
  /** A request has come whole within this time, or is answered DEADLINE_EXCEEDED; at least 100. Streams on which the client sends are exempt. Default 60,000. */
  readonly requestTimeoutMs: number;
  /**
   * What calls may hold over all connections: headers, and messages that have come and were not handed over. Over it, calls on a connection that
   * holds more than a sixteenth of it are answered RESOURCE_EXHAUSTED (at twice as much, all are), and within a second those that hold most are
   * closed, until it is less. Default 256 MiB.
   */
  readonly maxArrivingBytes: number;
  /**
   * Compressed messages that may be inflating at once, over all connections; others wait, and the connections take turns. Each may
   * become `maxMessageBytes`. Default 64.
   */
  readonly maxInflatingMessages: number;
  /**
   * How far apart the pings of a client are on which nothing else goes; one that pings more often is sent GOAWAY `too_many_pings`, as
   * gRPC servers do. At least 0 (0: as often as it likes). Default 5,000.
   */
  readonly minClientPingIntervalMs: number;
  /**
   * A connection is ended in order, and its client dials again, after so long and up to a tenth more; at least 1,000. It spreads
   * clients over brokers that came later. Default: never.
   */
  readonly maxConnectionAgeMs: number | undefined;
  /** A connection without any call is ended in order after so long; at least 1,000. Default: never. */
  readonly maxConnectionIdleMs: number | undefined;
}

/** From where to where a limit may be, and its default. */
export interface LimitBounds {
  readonly least: number;
  readonly most: number;
  /** Undefined: off. */
  readonly fallback: number | undefined;
}

const RATE_MOST = 1_000_000;

/** Bounds and default of every limit. */
export const LIMITS: Readonly<Record<keyof H2Limits, LimitBounds>> = Object.freeze({
  maxStreamsPerConnection: { least: 1, most: 1_000_000, fallback: 10_000 },
  maxHeaderListBytes: { least: KIB, most: MIB, fallback: 32 * KIB },
  maxHeaderFields: { least: 16, most: 10_000, fallback: 128 },
  maxContinuationFrames: { least: 1, most: 1_000, fallback: 8 },
  resetsPerSecond: { least: 1, most: RATE_MOST, fallback: 200 },
  provokedResetsPerSecond: { least: 1, most: RATE_MOST, fallback: 100 },
  settingsPerSecond: { least: 1, most: RATE_MOST, fallback: 10 },
  pingsPerSecond: { least: 1, most: RATE_MOST, fallback: 100 },
  windowUpdatesPerSecond: { least: 1, most: RATE_MOST, fallback: 500 },
  emptyDataPerSecond: { least: 1, most: RATE_MOST, fallback: 100 },
  continuationsPerSecond: { least: 1, most: RATE_MOST, fallback: 100 },
  ignoredFramesPerSecond: { least: 1, most: RATE_MOST, fallback: 200 },
  maxUnreadBytesPerConnection: { least: 64 * KIB, most: 1024 * MIB, fallback: 4 * MIB },
  maxUnreadBytes: { least: 64 * KIB, most: 64 * 1024 * MIB, fallback: 256 * MIB },
  prefaceTimeoutMs: { least: 100, most: DAY_MS, fallback: 10_000 },
  settingsTimeoutMs: { least: 100, most: DAY_MS, fallback: 10_000 },
  maxConnectionsPerAddress: { least: 1, most: 10_000_000, fallback: 10_000 },
  requestIdleMs: { least: 100, most: DAY_MS, fallback: 10_000 },
  requestTimeoutMs: { least: 100, most: DAY_MS, fallback: 60_000 },
  maxArrivingBytes: { least: 64 * KIB, most: 64 * 1024 * MIB, fallback: 256 * MIB },
  maxInflatingMessages: { least: 1, most: 100_000, fallback: 64 },
  minClientPingIntervalMs: { least: 0, most: DAY_MS, fallback: 5_000 },
  maxConnectionAgeMs: { least: 1_000, most: 365 * DAY_MS, fallback: undefined },
  maxConnectionIdleMs: { least: 1_000, most: 365 * DAY_MS, fallback: undefined },
});

/** Any of {@link H2Limits}; the others keep their defaults. */
export type H2LimitOptions = { readonly [K in keyof H2Limits]?: H2Limits[K] | undefined };

/** The names of all limits. */
export const LIMIT_NAMES: readonly (keyof H2Limits)[] = Object.freeze(
  Object.keys(LIMITS) as (keyof H2Limits)[],
);

/**
 * Checks the limits and fills in the defaults. Throws CeBrokerError `invalid_option`, whose `field` is the option with `field` before it,
 * such as `http2.pingsPerSecond`.
 */
export function resolveLimits(options: H2LimitOptions | undefined, field = 'http2'): H2Limits {
  if (options !== undefined && (typeof options !== 'object' || options === null || Array.isArray(options)))
    throw invalid(field, `${field} must be an object`);
  for (const name of Object.keys(options ?? {})) {
    if (!Object.hasOwn(LIMITS, name))
      throw invalid(
        `${field}.${name}`,
        `${field} has no option ${name}; its options are ${[...LIMIT_NAMES].sort().join(', ')}`,
      );
  }
  const resolved: Partial<Record<keyof H2Limits, number | undefined>> = {};
  for (const name of LIMIT_NAMES) resolved[name] = limit(name, options?.[name], `${field}.${name}`);
  return Object.freeze(resolved as H2Limits);
}

function limit(name: keyof H2Limits, value: unknown, field: string): number | undefined {
  const { least, most, fallback } = LIMITS[name];
  if (value === undefined) return fallback;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most)
    return value;
  const unit = name.endsWith('Ms') ? ' milliseconds' : name.includes('Bytes') ? ' bytes' : '';
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value);
  throw invalid(field, `${field} is ${shown}: it must be a whole number from ${least} to ${most}${unit}`);
}

function invalid(field: string, message: string): CeBrokerError {
  return new CeBrokerError('invalid_option', message, { field });
}
