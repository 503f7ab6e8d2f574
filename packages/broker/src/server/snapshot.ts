import type { Core } from '../core/index.js';
import type { RpcEngineStats } from '../rpc/index.js';
import { formatAddress, type HostPort } from './address.js';
import type { Clock } from './clock.js';
import { type HeldCounts, heldCounts } from './holds.js';

/** A broker serves from its start, drains once `close` was called, and is closed in the end. */
export type BrokerState = 'serving' | 'draining' | 'closed';

/** The broker at one moment, as plain data: what `status()`, `/status` and the metrics show. Times are in milliseconds, sizes in bytes. */
export interface BrokerStatus {
  /** Of this package. */
  readonly version: string;
  /** Whether it serves. */
  readonly state: BrokerState;
  /** `HOST:PORT` of gRPC; undefined: it does not listen. */
  readonly address: string | undefined;
  /** `HOST:PORT` of the admin port; undefined: there is none. */
  readonly adminAddress: string | undefined;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Since it was started. */
  readonly uptimeMs: number;
  /** Connections, their subscription streams, and what those have not sent yet. */
  readonly connections: { readonly open: number; readonly streams: number; readonly bufferedBytes: number };
  /** Subscriptions. */
  readonly sessions: {
    readonly agents: number;
    readonly sources: number;
    /** Sessions whose connection takes nothing at the moment although something waits. */
    readonly blocked: number;
    /** Resources that some session still has to see. */
    readonly dirtyKeys: number;
    /** What waits in the lanes for events without state. */
    readonly laneBytes: number;
    /** Age of what waits longest for its subscriber; 0: nothing waits. */
    readonly oldestUndeliveredMs: number;
  };
  /** What waits because an operator holds it, or for consent. */
  readonly held: HeldCounts;
  /** What is kept. */
  readonly store: {
    readonly kind: string;
    readonly keptBytes: number;
    readonly resources: number;
    /** Deletions that wait for their confirmation. */
    readonly tombstones: number;
    /** Deleted resources that are remembered for late events. */
    readonly graves: number;
    /** Resources that agents listed and no source owns. */
    readonly orphans: number;
    /** Pairs of cluster and data type. */
    readonly partitions: number;
    readonly position: number;
    /** Publishes that wait for the store. */
    readonly pending: number;
    /** What is wrong with it at present, a sentence each: it takes nothing, or its file is damaged. */
    readonly troubles: readonly string[];
  };
  /** Data types with a service, and what services have in hand. */
  readonly services: {
    readonly registered: readonly string[];
    readonly callsInHand: number;
    readonly heldBytes: number;
  };
  /** Counted since the start. */
  readonly counters: {
    readonly published: number;
    readonly publishedBytes: number;
    readonly acknowledged: number;
    readonly duplicates: number;
    readonly stale: number;
    readonly relayed: number;
    readonly sent: number;
    readonly sentBytes: number;
    readonly specResyncs: number;
    readonly statusResyncs: number;
    readonly listsToSources: number;
    readonly listsShared: number;
    /** TLS handshakes that failed, by reason. */
    readonly handshakesFailed: Readonly<Record<string, number>>;
    /** Clients that the engine `h2` shut out over a limit (`BrokerOptions.http2`), by what they did. */
    readonly offenders: Readonly<Record<string, number>>;
    /** By error code. */
    readonly refused: Readonly<Record<string, number>>;
    /** By reason. */
    readonly dropped: Readonly<Record<string, number>>;
    /** By reason. */
    readonly evictions: Readonly<Record<string, number>>;
  };
}

export interface SnapshotParts {
  readonly view: Readonly<Core>;
  readonly clock: Clock;
  readonly version: string;
  readonly state: BrokerState;
  readonly address: HostPort | undefined;
  readonly adminAddress: HostPort | undefined;
  readonly startedAt: number;
  readonly engines: readonly RpcEngineStats[];
  readonly callsInHand: number;
  readonly serviceBytes: number;
  readonly handshakesFailed: ReadonlyMap<string, number>;
  readonly offenders: ReadonlyMap<string, number>;
}

/** Costs one pass over sessions and over partitions; never over resources. */
export function takeSnapshot(parts: SnapshotParts): BrokerStatus {
  const { view, clock } = parts;
  const now = clock.now();
  const { sessions, sent } = sessionsOf(view, now);
  return {
    version: parts.version,
    state: parts.state,
    address: parts.address === undefined ? undefined : formatAddress(parts.address),
    adminAddress: parts.adminAddress === undefined ? undefined : formatAddress(parts.adminAddress),
    startedAt: new Date(parts.startedAt).toISOString(),
    uptimeMs: Math.round(now - parts.startedAt),
    connections: {
      open: sum(parts.engines, (stats) => stats.connections),
      streams: sum(parts.engines, (stats) => stats.streams),
      bufferedBytes: sum(parts.engines, (stats) => stats.bufferedBytes),
    },
    sessions,
    held: heldCounts(view),
    store: storeOf(view),
    services: {
      registered: [...view.services.keys()],
      callsInHand: parts.callsInHand,
      heldBytes: parts.serviceBytes,
    },
    counters: countersOf(view, sent, parts),
  };
}

function sessionsOf(view: Readonly<Core>, now: number) {
  let [agents, sources, blocked, dirtyKeys] = [0, 0, 0, 0];
  let oldest = now;
  const sent = { events: 0, bytes: 0 };
  for (const session of view.sessions.all()) {
    if (session.about.role === 'agent') agents += 1;
    else sources += 1;
    if (session.blockedSince !== undefined) {
      blocked += 1;
      oldest = Math.min(oldest, session.blockedSince);
    }
    dirtyKeys += session.dirty.size;
    oldest = Math.min(oldest, session.oldestDirty ?? now);
    sent.events += session.sentEvents;
    sent.bytes += session.sentBytes;
  }
  for (const append of view.pending.slice(0, 1)) oldest = Math.min(oldest, append.at);
  const oldestUndeliveredMs = Math.round(now - oldest);
  return {
    sessions: { agents, sources, blocked, dirtyKeys, laneBytes: view.laneBudget.used, oldestUndeliveredMs },
    sent,
  };
}

function storeOf({ options, pending, position, store, table }: Readonly<Core>): BrokerStatus['store'] {
  let [resources, orphans, partitions] = [0, 0, 0];
  for (const partition of table.all()) {
    partitions += 1;
    resources += partition.size;
    orphans += partition.orphans.size;
  }
  return {
    kind: options.keepState ? store.name : 'none',
    keptBytes: store.keptBytes,
    resources,
    tombstones: table.tombstones.size,
    graves: table.graves.size,
    orphans,
    partitions,
    position,
    pending: pending.length,
    troubles: store.troubles,
  };
}

function countersOf(
  view: Readonly<Core>,
  open: { readonly events: number; readonly bytes: number },
  { handshakesFailed, offenders }: SnapshotParts,
): BrokerStatus['counters'] {
  const { counters } = view;
  return {
    published: counters.published,
    publishedBytes: counters.publishedBytes,
    acknowledged: counters.acknowledged,
    duplicates: counters.duplicates,
    stale: counters.stale,
    relayed: counters.relayed,
    sent: counters.sentEvents + open.events,
    sentBytes: counters.sentBytes + open.bytes,
    specResyncs: counters.specResyncs,
    statusResyncs: counters.statusResyncs,
    listsToSources: counters.listsToSources,
    listsShared: counters.listsShared,
    handshakesFailed: Object.fromEntries(handshakesFailed),
    offenders: Object.fromEntries(offenders),
    refused: Object.fromEntries(counters.refused),
    dropped: Object.fromEntries(counters.dropped),
    evictions: Object.fromEntries(counters.evictions),
  };
}

function sum<T>(list: readonly T[], of: (item: T) => number): number {
  return list.reduce((total, item) => total + of(item), 0);
}
