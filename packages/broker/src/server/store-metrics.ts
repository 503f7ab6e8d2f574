import type { Core } from '../core/index.js';
import type { Distribution } from '../state/distribution.js';
import type { StoreRefusalReason, StoreStats } from '../state/event-store.js';
import { by, type MetricDefinition, plain } from './metric-definition.js';

/** All are shown from the start: an alert on an increase needs a 0 before it. */
const REASONS: readonly StoreRefusalReason[] = Object.freeze(['disk-full', 'disk-error', 'behind'] as const);

/** What the store says of itself at one moment. */
export interface StoreSample {
  readonly view: Readonly<Core>;
  /** Undefined: it keeps everything in memory. */
  readonly stats: StoreStats | undefined;
}

export function sampleStore(view: Readonly<Core>): StoreSample {
  return { view, stats: view.store.stats };
}

/** Those of a store on disk are not shown where there is none. */
export const STORE_METRICS: readonly MetricDefinition<StoreSample>[] = Object.freeze<
  MetricDefinition<StoreSample>[]
>([
  plain(
    'gauge',
    'resources_in_memory',
    'Resources that are in memory; the others are in the store.',
    inMemory,
  ),
  plain('gauge', 'store_refusing', '1 while the store takes nothing.', ({ view }) =>
    view.store.refusal === undefined ? 0 : 1,
  ),
  plain(
    'gauge',
    'store_troubles',
    'What is wrong with the store: damaged places in its file, a last group that was lost.',
    ({ view }) => view.store.troubles.length,
  ),
  by(
    'counter',
    'reason',
    'store_refused_total',
    'Publishes that were refused because the store takes nothing, by reason.',
    ({ view }) => REASONS.map((reason) => [reason, view.counters.refusedByStore.get(reason) ?? 0]),
  ),
  plain(
    'counter',
    'store_damaged_total',
    'Records that were not as they were written: dropped, and asked for again.',
    ({ view }) => view.counters.dropped.get('damaged') ?? 0,
  ),
  by(
    'counter',
    'reason',
    'store_failed_groups_total',
    'Groups that the disk did not take, by reason.',
    ({ stats }) =>
      stats === undefined ? [] : REASONS.map((reason) => [reason, stats.failedGroups.get(reason) ?? 0]),
  ),
  plain(
    'gauge',
    'store_uncommitted_bytes',
    'Bytes that wait for the disk.',
    ({ stats }) => stats?.uncommittedBytes,
  ),
  plain(
    'gauge',
    'store_unsettled_heads',
    'Resources whose newest is in the journal only; they are read again after a crash.',
    ({ stats }) => stats?.unsettledHeads,
  ),
  plain('gauge', 'store_journal_groups', 'Groups in the journal.', ({ stats }) => stats?.journalGroups),
  plain('gauge', 'store_file_bytes', "Size of the store's file.", ({ stats }) => stats?.fileBytes),
  plain(
    'gauge',
    'store_disk_free_bytes',
    "What the disk of the store's file still takes.",
    ({ stats }) => stats?.diskFreeBytes,
  ),
]);

export interface HistogramDefinition {
  readonly name: string;
  readonly help: string;
  read(stats: StoreStats): Distribution;
}

export const STORE_HISTOGRAMS: readonly HistogramDefinition[] = Object.freeze([
  {
    name: 'ce_broker_store_commit_seconds',
    help: 'Time that a group takes to be written and synced.',
    read: ({ commits }: StoreStats) => commits,
  },
  {
    name: 'ce_broker_store_group_events',
    help: 'Events that were committed together.',
    read: ({ groupEvents }: StoreStats) => groupEvents,
  },
]);

function inMemory({ view }: StoreSample): number {
  let hot = 0;
  for (const partition of view.table.all()) hot += partition.hot.size;
  return hot;
}
