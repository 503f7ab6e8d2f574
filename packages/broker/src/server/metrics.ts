import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Registry } from 'prom-client';
import type { Core } from '../core/index.js';
import type { Clock } from './clock.js';
import { LAG_METRICS, type LagSample } from './lag-metrics.js';
import type { MetricDefinition, Sample } from './metric-definition.js';
import { OWN_METRICS } from './metric-list.js';
import { ReadHistogram } from './read-histogram.js';
import type { BrokerStatus } from './snapshot.js';
import { STORE_HISTOGRAMS, STORE_METRICS, type StoreSample, sampleStore } from './store-metrics.js';
import type { StuckWalk } from './stuck-walk.js';
import type { Traffic } from './traffic.js';
import { DURATION_BUCKETS, PUBLISH_BUCKETS, RESYNC_BUCKETS } from './traffic.js';
import { readTraffic, type TrafficSamples } from './traffic-metrics.js';

const COMMON = ['consumer', 'data_type'];
const WITH_METHOD = [...COMMON, 'method'];
const WITH_CODE = [...WITH_METHOD, 'grpc_code'];
const DELAY_RESOLUTION_MS = 10;

export interface MetricsParts {
  readonly status: () => BrokerStatus;
  readonly view: Readonly<Core>;
  readonly traffic: Traffic;
  readonly clock: Clock;
  readonly walk: StuckWalk;
}

/**
 * The metrics in a registry of their own. Nothing is counted here: each scrape takes one snapshot and reads it, so that the hot path
 * only ever adds numbers.
 */
export class Metrics {
  readonly #parts: MetricsParts;
  readonly #registry = new Registry();
  readonly #delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  #status: BrokerStatus;
  #traffic: TrafficSamples;
  #store: StoreSample;
  #lag: LagSample;

  constructor(parts: MetricsParts) {
    this.#parts = parts;
    this.#status = parts.status();
    this.#traffic = readTraffic(parts.traffic, parts.view);
    this.#store = sampleStore(parts.view);
    this.#lag = { view: parts.view, now: parts.clock.now(), walk: undefined };
    this.#addAll(OWN_METRICS, () => this.#status);
    this.#addAll(LAG_METRICS, () => this.#lag);
    this.#addAll(STORE_METRICS, () => this.#store);
    this.#addTraffic();
    this.#addHistograms();
    this.#addProcess();
    this.#delay.enable();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text that Prometheus reads. */
  async render(): Promise<string> {
    this.#status = this.#parts.status();
    this.#traffic = readTraffic(this.#parts.traffic, this.#parts.view);
    this.#store = sampleStore(this.#parts.view);
    this.#lag = {
      view: this.#parts.view,
      now: this.#parts.clock.now(),
      walk: this.#parts.walk.look(),
    };
    const text = await this.#registry.metrics();
    this.#delay.reset();
    return text;
  }

  close(): void {
    this.#delay.disable();
    this.#parts.walk.close();
    this.#registry.clear();
  }

  /** Names and meanings are those of sdk-go v1.3. */
  #addTraffic(): void {
    const name = (suffix: string) => `grpc_server_ce_${suffix}`;
    const called = 'for cloudevents called on the grpc server';
    this.#add(
      'gauge',
      name('subscribers'),
      'Number of registered subscribers for cloudevents on the grpc server.',
      COMMON,
      () => this.#traffic.subscribers,
    );
    this.#add(
      'counter',
      name('called_total'),
      `Total number of RPC requests ${called}.`,
      WITH_METHOD,
      () => this.#traffic.called,
    );
    this.#add(
      'counter',
      name('msg_received_total'),
      'Total number of messages for cloudevents received on the gRPC server.',
      WITH_METHOD,
      () => this.#traffic.called,
    );
    this.#add(
      'counter',
      name('msg_sent_total'),
      'Total number of messages for cloudevents sent by the gRPC server, heartbeats left out.',
      WITH_METHOD,
      () => this.#traffic.sent,
    );
    this.#add(
      'counter',
      name('processed_total'),
      'Total number of RPC requests for cloudevents processed on the server, regardless of success or failure.',
      WITH_CODE,
      () => this.#traffic.processed,
    );
    this.#registry.registerMetric(
      new ReadHistogram(
        name('processing_duration_seconds'),
        'Histogram of the duration of RPC requests for cloudevents processed on the server.',
        WITH_CODE,
        DURATION_BUCKETS,
        () => this.#traffic.durations,
      ),
    );
  }

  #addHistograms(): void {
    const { traffic } = this.#parts;
    this.#registry.registerMetric(
      new ReadHistogram(
        'ce_broker_publish_duration_seconds',
        'Time from a Publish to its answer.',
        [],
        PUBLISH_BUCKETS,
        () => [[{}, traffic.publishes]],
      ),
    );
    this.#registry.registerMetric(
      new ReadHistogram(
        'ce_broker_resync_seconds',
        "From a resync's request to the last byte of the broker's answer, by the role of who asks.",
        ['role'],
        RESYNC_BUCKETS,
        () => [
          [{ role: 'agent' }, traffic.resyncs.agent],
          [{ role: 'source' }, traffic.resyncs.source],
        ],
      ),
    );
    for (const { name, help, read } of STORE_HISTOGRAMS) {
      const samples = () => (this.#store.stats === undefined ? [] : [[{}, read(this.#store.stats)] as const]);
      this.#registry.registerMetric(new ReadHistogram(name, help, [], [], samples));
    }
  }

  #addAll<From>(definitions: readonly MetricDefinition<From>[], from: () => From): void {
    for (const { help, labels, name, read, type } of definitions)
      this.#add(type, name, help, labels, () => read(from()));
  }

  #addProcess(): void {
    this.#add(
      'gauge',
      'ce_broker_event_loop_delay_seconds',
      'How late the event loop was since the last scrape: median, 99th percentile, maximum.',
      ['quantile'],
      () => [
        [{ quantile: '0.5' }, late(this.#delay.percentile(50))],
        [{ quantile: '0.99' }, late(this.#delay.percentile(99))],
        [{ quantile: '1' }, late(this.#delay.max)],
      ],
    );
    this.#add('counter', 'process_cpu_seconds_total', 'CPU time of the process.', [], () => {
      const { user, system } = process.cpuUsage();
      return [[{}, (user + system) / 1e6]];
    });
    this.#add('gauge', 'process_resident_memory_bytes', 'Resident memory of the process.', [], () => [
      [{}, process.memoryUsage.rss()],
    ]);
    this.#add(
      'gauge',
      'process_start_time_seconds',
      'When the process started, in seconds since 1970.',
      [],
      () => [[{}, performance.timeOrigin / 1000]],
    );
    this.#add('gauge', 'nodejs_heap_size_used_bytes', 'JavaScript heap in use.', [], () => [
      [{}, process.memoryUsage().heapUsed],
    ]);
  }

  #add(
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    labelNames: readonly string[],
    read: () => readonly Sample[],
  ): void {
    const registers = [this.#registry];
    if (type === 'gauge') {
      new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect() {
          this.reset();
          const samples = read();
          // Without labels there is a 0 after a reset, although there is nothing to say.
          if (samples.length === 0 && labelNames.length === 0) this.remove();
          for (const [labels, value] of samples) this.set(labels, value);
        },
      });
      return;
    }
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    });
  }
}

/** Node measures the distance between two looks, in nanoseconds; what is beyond the intended distance is delay. */
function late(nanos: number): number {
  return Math.max(0, nanos / 1e9 - DELAY_RESOLUTION_MS / 1000);
}
