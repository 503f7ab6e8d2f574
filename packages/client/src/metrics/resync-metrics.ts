import { register as defaultRegister, type Registry } from 'prom-client';
import { DiagnosticsChannel, type ResyncMessage } from '../base/diagnostics.js';
import { FollowingHistogram, refuseTwice, removeAll, resetAll } from './followers.js';

const BUCKETS = [0.1, 0.2, 0.5, 1, 2, 10, 30];

const METRICS = Object.freeze({
  spec: 'resources_spec_resync_duration_seconds',
  status: 'resources_status_resync_duration_seconds',
});
const NAMES = Object.values(METRICS);

/**
 * Measures how long the clients of this process take to answer resync requests (Go: `generic.RegisterResourceResyncMetrics`): the
 * histograms `resources_spec_resync_duration_seconds` (by sources) and `resources_status_resync_duration_seconds` (by agents), with the labels
 * `source`, `cluster` and `type`. Throws `already_exists` when they are in that registry.
 *
 * @param register default: the default registry of `prom-client`
 */
export function registerResourceResyncMetrics(register: Registry = defaultRegister): void {
  refuseTwice(register, NAMES, 'unregisterResourceResyncMetrics');
  for (const kind of ['spec', 'status'] as const) {
    new FollowingHistogram<'source' | 'cluster' | 'type', ResyncMessage>(
      register,
      DiagnosticsChannel.resync,
      {
        name: METRICS[kind],
        help: `The duration of the resource ${kind} resync in seconds.`,
        labelNames: ['source', 'cluster', 'type'],
        buckets: BUCKETS,
      },
      (histogram, { kind: told, source, cluster, dataType, seconds }) => {
        if (told === kind) histogram.observe({ source, cluster, type: dataType }, seconds);
      },
    );
  }
}

/** Removes both of them (Go: `generic.UnregisterResourceResyncMetrics`, which leaves the spec one). Not registered: nothing happens. */
export function unregisterResourceResyncMetrics(register: Registry = defaultRegister): void {
  removeAll(register, NAMES);
}

/** Forgets what they have measured (Go: `generic.ResetResourceResyncMetricsCollectors`). */
export function resetResourceResyncMetricsCollectors(register: Registry = defaultRegister): void {
  resetAll(register, NAMES);
}
