import { by, type MetricDefinition, plain } from './metric-definition.js';
import type { BrokerStatus } from './snapshot.js';

/** All are shown from the start: an alert on an increase needs a 0 before it. */
const NO_EVICTIONS: Readonly<Record<string, number>> = Object.freeze({
  frozen: 0,
  'lane-full': 0,
  'all-lanes-full': 0,
});

/** The broker's own metrics; `docs/reference/metrics.md` says how to read them. */
export const OWN_METRICS: readonly MetricDefinition<BrokerStatus>[] = Object.freeze<
  MetricDefinition<BrokerStatus>[]
>([
  plain('gauge', 'draining', '1 while the broker drains before it closes.', ({ state }) =>
    state === 'serving' ? 0 : 1,
  ),
  by('gauge', 'role', 'sessions', 'Open subscriptions.', ({ sessions }) => [
    ['agent', sessions.agents],
    ['source', sessions.sources],
  ]),
  plain(
    'gauge',
    'sessions_blocked',
    'Subscriptions whose connection takes nothing although something waits.',
    ({ sessions }) => sessions.blocked,
  ),
  plain(
    'gauge',
    'dirty_keys',
    'Resources that subscriptions still have to see, added up.',
    ({ sessions }) => sessions.dirtyKeys,
  ),
  plain(
    'gauge',
    'holds',
    'Clusters, sources and resources that are held by an operator.',
    ({ held }) => held.holds,
  ),
  plain(
    'gauge',
    'held_keys',
    'Resources that subscriptions would see but for a hold, added up.',
    ({ held }) => held.heldKeys,
  ),
  plain(
    'gauge',
    'held_deletions',
    'Deletions that were too many and wait for consent.',
    ({ held }) => held.heldDeletions,
  ),
  plain(
    'gauge',
    'lane_bytes',
    'Bytes of events without state that wait for their subscribers.',
    ({ sessions }) => sessions.laneBytes,
  ),
  plain(
    'gauge',
    'oldest_undelivered_seconds',
    'Age of what waits longest for its subscriber; 0: nothing waits.',
    ({ sessions }) => sessions.oldestUndeliveredMs / 1000,
  ),
  plain(
    'gauge',
    'connections',
    'Open connections, those inside the process included.',
    ({ connections }) => connections.open,
  ),
  plain('gauge', 'streams', 'Open subscription streams.', ({ connections }) => connections.streams),
  plain(
    'gauge',
    'stream_buffer_bytes',
    'Unsent output of all streams.',
    ({ connections }) => connections.bufferedBytes,
  ),
  plain('gauge', 'resources', 'Resources that the broker knows.', ({ store }) => store.resources),
  plain(
    'gauge',
    'tombstones',
    'Deletions that wait for their confirmation.',
    ({ store }) => store.tombstones,
  ),
  plain(
    'gauge',
    'graves',
    'Deleted resources that are remembered for late events.',
    ({ store }) => store.graves,
  ),
  plain('gauge', 'orphans', 'Resources that agents listed and no source owns.', ({ store }) => store.orphans),
  plain('gauge', 'partitions', 'Pairs of cluster and data type.', ({ store }) => store.partitions),
  plain('gauge', 'store_bytes', 'Bytes of the events that are kept.', ({ store }) => store.keptBytes),
  plain('gauge', 'store_pending', 'Publishes that wait for the store.', ({ store }) => store.pending),
  plain(
    'gauge',
    'service_calls',
    'Publishes that services have in hand.',
    ({ services }) => services.callsInHand,
  ),
  plain(
    'gauge',
    'service_bytes',
    'Bytes of the events that services have in hand.',
    ({ services }) => services.heldBytes,
  ),
  plain('counter', 'published_total', 'Publishes that came in.', ({ counters }) => counters.published),
  plain(
    'counter',
    'published_bytes_total',
    'Bytes of the Publishes that came in.',
    ({ counters }) => counters.publishedBytes,
  ),
  plain(
    'counter',
    'acknowledged_total',
    'Publishes that the broker itself acknowledged (a service acknowledges its own).',
    ({ counters }) => counters.acknowledged,
  ),
  plain(
    'counter',
    'duplicates_total',
    'Publishes of an event that was seen lately; acknowledged without effect.',
    ({ counters }) => counters.duplicates,
  ),
  plain(
    'counter',
    'stale_total',
    'Publishes older than what is kept; acknowledged without effect.',
    ({ counters }) => counters.stale,
  ),
  plain(
    'counter',
    'relayed_total',
    'Events passed on without being kept.',
    ({ counters }) => counters.relayed,
  ),
  plain(
    'counter',
    'sent_total',
    'Events sent to subscribers, heartbeats left out.',
    ({ counters }) => counters.sent,
  ),
  plain(
    'counter',
    'sent_bytes_total',
    'Bytes of the events sent to subscribers.',
    ({ counters }) => counters.sentBytes,
  ),
  by(
    'counter',
    'reason',
    'handshakes_failed_total',
    'TLS handshakes that failed, by reason.',
    ({ counters }) => Object.entries(counters.handshakesFailed),
  ),
  by(
    'counter',
    'kind',
    'offenders_total',
    'Clients that were shut out over a limit of the RPC engine, by what they did.',
    ({ counters }) => Object.entries(counters.offenders),
  ),
  by(
    'counter',
    'code',
    'refused_total',
    'Publishes and subscriptions that were refused, by error code.',
    ({ counters }) => Object.entries(counters.refused),
  ),
  by('counter', 'reason', 'dropped_total', 'Events that reached nobody, by reason.', ({ counters }) =>
    Object.entries(counters.dropped),
  ),
  by(
    'counter',
    'reason',
    'evictions_total',
    'Subscriptions that the broker ended, by reason.',
    ({ counters }) => Object.entries({ ...NO_EVICTIONS, ...counters.evictions }),
  ),
  plain(
    'counter',
    'spec_resyncs_total',
    'Resyncs that agents asked for.',
    ({ counters }) => counters.specResyncs,
  ),
  plain(
    'counter',
    'status_resyncs_total',
    'Resyncs that sources asked for.',
    ({ counters }) => counters.statusResyncs,
  ),
  plain(
    'counter',
    'lists_to_sources_total',
    'Lists of their own resources sent to sources.',
    ({ counters }) => counters.listsToSources,
  ),
  plain(
    'counter',
    'lists_shared_total',
    'Resyncs that shared a list that was under way.',
    ({ counters }) => counters.listsShared,
  ),
]);
