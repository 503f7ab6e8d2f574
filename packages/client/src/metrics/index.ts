/**
 * Metrics of the clients for `prom-client`, which is loaded here alone. They count what every client of the process tells on its
 * diagnostics channels.
 *
 * @packageDocumentation
 */
export { registerClientMetrics, resetClientMetrics, unregisterClientMetrics } from './client-metrics.js';
export {
  registerResourceResyncMetrics,
  resetResourceResyncMetricsCollectors,
  unregisterResourceResyncMetrics,
} from './resync-metrics.js';
