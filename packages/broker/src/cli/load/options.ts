import { CeBrokerError } from 'ce-broker-proto';
import type { RawTls } from './dial.js';

/** What to load, with what, for how long. Everything but `server` has a default. */
export interface LoadOptions {
  /** `HOST:PORT` of any CloudEvents gRPC server; an IPv6 address in brackets. */
  readonly server: string;
  /** TLS; plain text without it. */
  readonly tls?: RawTls | undefined;
  /** Bearer token sent with every call. */
  readonly token?: string | undefined;
  /** Publishing connections. 0: only subscribe. Default 1. */
  readonly publishers?: number | undefined;
  /** Subscriptions. 0: only publish. Default 1. */
  readonly subscribers?: number | undefined;
  /** Subscriptions that share one connection. Default 1. */
  readonly subscriptionsPerConnection?: number | undefined;
  /** `spec`: publish as a source, subscribe as agents; `status`: publish as agents, subscribe as the source. Default `spec`. */
  readonly publish?: 'spec' | 'status' | undefined;
  /**
   * Each publisher publishes over one `ce_broker.v1.Broker/PublishStream` of ce-broker's extension service, whose acknowledgements
   * are cumulative, in place of a Publish call for each event. Default false.
   */
  readonly stream?: boolean | undefined;
  /** With `stream`: events in each message; at most `inFlight`. Default 1. */
  readonly batch?: number | undefined;
  /** Calls, or events of a stream, in flight per publisher; with `rate`, the most that may be. Default 16, with `rate` or `stream` 1,024. */
  readonly inFlight?: number | undefined;
  /**
   * A call is in flight until its event has also arrived at every subscriber: a server that acknowledges first and delivers
   * later is then held to what it can do in the long run. Not for brokers that skip what was overtaken, with so few
   * `resources` that one is in flight twice. Default false.
   */
  readonly untilDelivered?: boolean | undefined;
  /** Events per second of all publishers (open loop: latency counts from the scheduled time). Default: as fast as answers come. */
  readonly rate?: number | undefined;
  /** Bytes of data per event, at least 64. Default 1,024. */
  readonly payloadBytes?: number | undefined;
  /** Distinct resources; their versions grow by one with each event. Default 10,000. */
  readonly resources?: number | undefined;
  /**
   * The resources come in a scattered order, in which neighbours are far apart, and begin at this one of it: so a short run touches a
   * sample of all. Default: in their own order, from the first on.
   */
  readonly scatteredFrom?: number | undefined;
  /** Clusters that the resources and the agents are spread over. Default 1. */
  readonly clusters?: number | undefined;
  /** The source that owns the resources. Default `bench`. */
  readonly source?: string | undefined;
  /** Default `io.open-cluster-management.works.v1alpha1.manifestbundles`. */
  readonly dataType?: string | undefined;
  /** First 24 characters of the resource ids, to go on with the resources of an earlier run. Default: new ones each run. */
  readonly resourcePrefix?: string | undefined;
  /** Version to begin with. Default 1, which is a create_request. */
  readonly firstVersion?: number | undefined;
  /** Measured time. Default 10. */
  readonly seconds?: number | undefined;
  /** Load before the measured time. Default 2. */
  readonly warmUpSeconds?: number | undefined;
  /** Stop after this many events (warm-up included), if that comes before the time is over. Default: no such limit. */
  readonly events?: number | undefined;
  /** How long connecting and subscribing may take. Default 5,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long answers and deliveries may still come when the time is over. Default 5,000. */
  readonly drainTimeoutMs?: number | undefined;
  /** Stops the run early; the report covers what was done. */
  readonly signal?: AbortSignal | undefined;
  /** Called once a second. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /**
   * Called when the measured time begins and ends, and when everything sent has been answered and delivered (or the drain
   * time is over): the place to read a server's CPU clock.
   */
  readonly onWindow?: ((edge: 'start' | 'end' | 'drained') => void) | undefined;
}

export interface LoadProgress {
  /** Seconds since the load began. */
  readonly seconds: number;
  readonly acked: number;
  readonly delivered: number;
  readonly failed: number;
}

/** Latencies in milliseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface LoadReport {
  readonly server: string;
  /** Seconds that were measured. */
  readonly seconds: number;
  readonly publishers: number;
  readonly subscribers: number;
  readonly inFlight: number;
  /** Bytes of one event as it lies on the wire, without gRPC and HTTP/2 framing. */
  readonly eventBytes: number;
  readonly ackedPerSecond: number;
  readonly deliveredPerSecond: number;
  /** Events from the start of the measured time to the last answer or delivery of the run: half for the answer, half for the deliveries. */
  readonly handledEvents: number;
  /**
   * `handledEvents` by the time that they took. A server that acknowledges faster than it delivers has to catch up after
   * the load has ended, and this counts: compare servers by it.
   */
  readonly handledPerSecond: number;
  /** From a call's start (or its scheduled time) to its OK; calls answered in the measured time. */
  readonly ackLatency: LatencySummary;
  /** From the same moment to the event's arrival at a subscriber. */
  readonly deliveryLatency: LatencySummary;
  /** The whole run, warm-up and drain included. */
  readonly totals: {
    readonly sent: number;
    readonly acked: number;
    /** Events of this run that came to subscribers. A broker of desired state may skip versions that were overtaken. */
    readonly delivered: number;
    /** Heartbeats, and events of others. */
    readonly otherMessages: number;
    readonly bytesSent: number;
    readonly bytesReceived: number;
    /** Calls that were never answered within the drain time. */
    readonly unanswered: number;
    readonly reconnects: number;
  };
  /** Failed calls and ended subscriptions by gRPC status, with the first message of each. */
  readonly errors: Readonly<Record<string, { readonly count: number; readonly firstMessage: string }>>;
}

export interface ResolvedLoadOptions {
  readonly server: string;
  readonly host: string;
  readonly port: number;
  readonly tls: RawTls | undefined;
  readonly token: string | undefined;
  readonly publishers: number;
  readonly subscribers: number;
  readonly subscriptionsPerConnection: number;
  readonly publish: 'spec' | 'status';
  readonly stream: boolean;
  readonly batch: number;
  readonly inFlight: number;
  readonly untilDelivered: boolean;
  readonly rate: number | undefined;
  readonly payloadBytes: number;
  readonly resources: number;
  readonly scatteredFrom: number | undefined;
  readonly clusters: number;
  readonly source: string;
  readonly dataType: string;
  readonly resourcePrefix: string | undefined;
  readonly firstVersion: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly events: number;
  readonly connectTimeoutMs: number;
  readonly drainTimeoutMs: number;
}

const MANIFEST_BUNDLES = 'io.open-cluster-management.works.v1alpha1.manifestbundles';
const PREFIX_LENGTH = 24;

/** Fills in the defaults. Throws a CeBrokerError `invalid_option` that names the option when a value makes no sense. */
export function resolveLoadOptions(options: LoadOptions): ResolvedLoadOptions {
  const { host, port } = parseServer(options.server);
  const { rate, resourcePrefix, scatteredFrom, stream = false, batch = 1 } = options;
  const inFlight = options.inFlight ?? (rate === undefined && !stream ? 16 : 1_024);
  if (batch > 1 && !stream) throw wrong('batch', 'is for a stream: set stream as well, or leave it out');
  if (rate !== undefined) between('rate', rate, 0.001, 10_000_000);
  if (resourcePrefix !== undefined && !/^[\x21-\x7e]{24}$/.test(resourcePrefix)) {
    throw wrong('resourcePrefix', `must be ${PREFIX_LENGTH} printable ASCII characters`);
  }
  return {
    server: options.server,
    host,
    port,
    tls: options.tls,
    token: options.token,
    publishers: whole('publishers', options.publishers ?? 1, 0, 10_000),
    subscribers: whole('subscribers', options.subscribers ?? 1, 0, 100_000),
    subscriptionsPerConnection: whole(
      'subscriptionsPerConnection',
      options.subscriptionsPerConnection ?? 1,
      1,
      100_000,
    ),
    publish: options.publish ?? 'spec',
    stream,
    inFlight: whole('inFlight', inFlight, 1, 100_000),
    batch: whole('batch', batch, 1, inFlight),
    untilDelivered: options.untilDelivered ?? false,
    rate,
    payloadBytes: whole('payloadBytes', options.payloadBytes ?? 1_024, 64, 64 * 1024 * 1024),
    resources: whole('resources', options.resources ?? 10_000, 1, 10_000_000),
    scatteredFrom:
      scatteredFrom === undefined ? undefined : whole('scatteredFrom', scatteredFrom, 0, 10_000_000),
    clusters: whole('clusters', options.clusters ?? 1, 1, 99_999),
    source: options.source ?? 'bench',
    dataType: options.dataType ?? MANIFEST_BUNDLES,
    resourcePrefix,
    firstVersion: whole('firstVersion', options.firstVersion ?? 1, 1, 2 ** 31 - 1),
    seconds: between('seconds', options.seconds ?? 10, 0.01, 86_400),
    warmUpSeconds: between('warmUpSeconds', options.warmUpSeconds ?? 2, 0, 3_600),
    events:
      options.events === undefined ? Number.POSITIVE_INFINITY : whole('events', options.events, 1, 2 ** 40),
    connectTimeoutMs: between('connectTimeoutMs', options.connectTimeoutMs ?? 5_000, 1, 600_000),
    drainTimeoutMs: between('drainTimeoutMs', options.drainTimeoutMs ?? 5_000, 0, 600_000),
  };
}

/** Splits `HOST:PORT` or `[IPV6]:PORT`. */
function parseServer(server: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(server);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65_535) {
    throw wrong('server', `must be HOST:PORT (an IPv6 address in brackets), not "${server}"`);
  }
  return { host: match[1] ?? match[2] ?? '', port };
}

function whole(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value)) throw wrong(name, `must be a whole number, not ${value}`);
  return between(name, value, least, most);
}

function between(name: string, value: number, least: number, most: number): number {
  if (!(value >= least && value <= most)) throw wrong(name, `must be ${least} to ${most}, not ${value}`);
  return value;
}

function wrong(name: string, what: string): CeBrokerError {
  return new CeBrokerError('invalid_option', `${name} ${what}`, { field: name });
}
