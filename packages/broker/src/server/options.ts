import type { Logger } from 'ce-broker-proto';
import type { DataTypePolicy } from '../access/data-type-policy.js';
import type { StaticToken } from '../access/token-table.js';
import type { MassDeletion } from '../core/index.js';
import type { H2LimitOptions, H2Limits } from '../rpc/h2/limits.js';
import type { StoreProvider } from '../state/event-store.js';
import type { HostPort } from './address.js';

/**
 * PEM text, PEM bytes, or the path of a PEM file: a string with `-----BEGIN` in it is the text itself. A file is read again
 * when it changes, and connections that come from then on get the new certificate.
 */
export type PemSource = string | Uint8Array;

/** TLS of the gRPC port. */
export interface TlsOptions {
  /** The server's certificate chain. */
  readonly cert: PemSource;
  /** Its private key. */
  readonly key: PemSource;
  /** With it clients show a certificate that this CA signed; where tokens are known too, a client may show one of the two. */
  readonly clientCa?: PemSource | undefined;
}

/** Settings of a broker. Times are in milliseconds, sizes in bytes; each is checked by {@link validateOptions}. */
export interface BrokerOptions {
  /**
   * Where gRPC is served, `HOST:PORT` (port 0: any free one); `false`: nowhere, for a broker that is only attached or used in
   * the process. Beyond this machine it needs `tls.clientCa`, `tokens`, `tokenFile` or `allowAnonymous`.
   * Default `127.0.0.1:8090`.
   */
  readonly listen?: string | false | undefined;
  /** Where metrics, health and status are served over HTTP, `HOST:PORT`; `false`: nowhere. Default `false`. */
  readonly admin?: string | false | undefined;
  /**
   * `memory`: the newest event of each resource is kept in memory. `none`: everything is relayed. A provider, such as `lmdbStore` of
   * `ce-broker/lmdb`, keeps it: every acknowledged event is on disk before its acknowledgement. Default `memory`.
   */
  readonly store?: 'memory' | 'none' | StoreProvider | undefined;
  /**
   * How many specs, and how many statuses, of a resource are kept: the newest and those before it. 1 to 100. Default 5, in memory 1.
   */
  readonly history?: number | undefined;
  /**
   * What happens when an agent lists resources that no source owns: `withhold` keeps them and shows them, `forward` hands
   * them to every source as an MQTT broker would, and a source deletes what it does not know. Default `withhold`.
   */
  readonly orphans?: 'withhold' | 'forward' | undefined;
  /**
   * The guard against mass deletion: when more than `share` (above 0, below 1; default 0.2) of the resources of one data type on a cluster are
   * deleted within `withinMs` (1,000 to 604,800,000; default 600,000), and no fewer than `least` (at least 1; default 10), further
   * deletions there are kept and acknowledged, but wait for `Broker.release({ deletions })`. What was created within the time does not count.
   * Needs a store. Default `false`; recommended where a source could be wiped.
   */
  readonly massDeletion?: Partial<MassDeletion> | false | undefined;
  /**
   * What carries gRPC on `listen`: `h2` is the broker's own HTTP/2, `grpc-js` is @grpc/grpc-js, which costs several times as much per
   * event and knows none of the limits of `http2`. Default `h2`.
   */
  readonly rpcEngine?: 'h2' | 'grpc-js' | undefined;
  /**
   * What one client of the engine `h2` may cost the others: streams, headers, rates of frames, unread answers, times. One that goes over is
   * shut out, with a line in the log and in `Broker.status().counters.offenders`. Default: each has its own, which honest clients do not meet.
   */
  readonly http2?: H2LimitOptions | undefined;
  /** TLS 1.3 for `listen`. Default: plain text. */
  readonly tls?: TlsOptions | undefined;
  /** Bearer tokens that are known. Default: none. */
  readonly tokens?: readonly StaticToken[] | undefined;
  /**
   * Path of a file of bearer tokens in the static token format of Kubernetes, `token,user,uid,"group1,group2"` a line; read
   * again when it changes. Default: none.
   */
  readonly tokenFile?: string | undefined;
  /** Lets anybody in who can reach `listen`, also from other machines. Default `false`. */
  readonly allowAnonymous?: boolean | undefined;
  /**
   * Users or groups that are sources, and those that are agents. It tells which way their specs go, and a subscription as
   * the other is refused. Default: policy does not say, and the data type decides.
   */
  readonly roles?: { readonly sources?: readonly string[]; readonly agents?: readonly string[] } | undefined;
  /** Policies by data type (`<group>.<version>.<resource>`), over those built in for Open Cluster Management. Default: none. */
  readonly dataTypes?: Readonly<Record<string, Partial<DataTypePolicy>>> | undefined;
  /** Largest message that is taken; a larger one is RESOURCE_EXHAUSTED. 1 KiB to 64 MiB. Default 4 MiB. */
  readonly maxMessageBytes?: number | undefined;
  /**
   * Largest message that subscribers take: lists are cut to it, and a larger event is not handed again to a subscriber that
   * broke its stream over it. Go clients take 4 MiB unless they were told otherwise: raise it together with `maxMessageBytes`
   * only where all subscribers take as much. 64 KiB to 64 MiB. Default 4 MiB.
   */
  readonly receiverMaxBytes?: number | undefined;
  /** Distance between the heartbeats of a subscription; at least 100. Go clients expect 10 s or less. Default 10,000. */
  readonly heartbeatIntervalMs?: number | undefined;
  /** A subscriber that takes nothing for so long although events wait is ended; at least 100. Default 10,000. */
  readonly drainTimeoutMs?: number | undefined;
  /** Every Publish is answered within this time; at least 100. Default 10,000. */
  readonly publishTimeoutMs?: number | undefined;
  /** An idle connection is pinged after so long; at least 1,000. Default 30,000. */
  readonly keepaliveTimeMs?: number | undefined;
  /** A connection that does not answer the ping for so long is closed; at least 1,000. Default 10,000. */
  readonly keepaliveTimeoutMs?: number | undefined;
  /** Unsent output that one subscription may hold; 16 KiB to 64 MiB. Default 256 KiB. */
  readonly streamBufferBytes?: number | undefined;
  /**
   * Unsent output that all subscriptions together may hold, measured a few times per second. Over it one that holds some is
   * written no more than it took lately, so that those who do not read cost no more. 16 KiB to 64 GiB. Default 256 MiB.
   */
  readonly totalStreamBytes?: number | undefined;
  /** What one subscription may hold of events without state (requests, relayed types). Default 16 MiB. */
  readonly laneBytes?: number | undefined;
  /** What all subscriptions together may hold of them. Default 256 MiB. */
  readonly totalLaneBytes?: number | undefined;
  /** What services may hold of events that they have not answered. Default 64 MiB. */
  readonly serviceBytes?: number | undefined;
  /** Open subscriptions of one connection. Default 1,000. */
  readonly maxSubscriptionsPerConnection?: number | undefined;
  /** Serves gRPC health and reflection on `listen`. Default `true`. */
  readonly healthAndReflection?: boolean | undefined;
  /** Where the broker says what it does; a pino logger fits. Default: nowhere. */
  readonly logger?: Logger | undefined;
}

/** {@link BrokerOptions}, complete, checked and frozen; what is not mentioned here has its name and meaning there. */
export interface ResolvedOptions
  extends Omit<
    { readonly [K in keyof BrokerOptions]-?: NonNullable<BrokerOptions[K]> },
    'listen' | 'admin' | 'http2' | 'tls' | 'tokenFile' | 'roles' | 'massDeletion'
  > {
  /** `false`: nowhere. */
  readonly listen: HostPort | false;
  /** `false`: nowhere. */
  readonly admin: HostPort | false;
  /** Complete. */
  readonly http2: H2Limits;
  /** Complete; `false`: nothing is guarded. */
  readonly massDeletion: MassDeletion | false;
  /** Undefined: plain text. */
  readonly tls: TlsOptions | undefined;
  /** Undefined: none. */
  readonly tokenFile: string | undefined;
  /** Empty lists: policy does not say. */
  readonly roles: { readonly sources: readonly string[]; readonly agents: readonly string[] };
}
