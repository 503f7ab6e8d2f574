import type { Core } from '../core/index.js';
import { Distribution } from '../state/distribution.js';
import { DURATION_BUCKETS, type Tally, type Traffic } from './traffic.js';

type Labels = Readonly<Record<string, string>>;
export interface TrafficSamples {
  readonly subscribers: (readonly [Labels, number])[];
  readonly called: (readonly [Labels, number])[];
  readonly sent: (readonly [Labels, number])[];
  readonly processed: (readonly [Labels, number])[];
  readonly durations: (readonly [Labels, Distribution])[];
}

/** Names of the gRPC status codes, as Go writes them. */
const CODE_NAMES: readonly string[] = Object.freeze([
  ...['OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists'],
  ...[
    'PermissionDenied',
    'ResourceExhausted',
    'FailedPrecondition',
    'Aborted',
    'OutOfRange',
    'Unimplemented',
  ],
  ...['Internal', 'Unavailable', 'DataLoss', 'Unauthenticated'],
]);

/** The server metrics of the Go SDK (`pkg/cloudevents/server/grpc/metrics`), from what was counted. */
export function readTraffic(traffic: Traffic, view: Readonly<Core>): TrafficSamples {
  const samples: TrafficSamples = { subscribers: [], called: [], sent: [], processed: [], durations: [] };
  const open = openSessions(traffic, view);
  for (const tally of traffic.all()) {
    const about = { consumer: tally.consumer, data_type: tally.dataType };
    const now = open.get(tally);
    if (tally.subscriptions > 0) samples.subscribers.push([about, now?.count ?? 0]);
    publishSamples(samples, tally, { ...about, method: 'Publish' }, tally === traffic.unknown);
    subscribeSamples(samples, tally, { ...about, method: 'Subscribe' }, now?.sent ?? 0);
  }
  samples.durations.push(...durationsOf(traffic));
  return samples;
}

/** Distribution by labels; those that are shown under the same labels are added up. */
function durationsOf(traffic: Traffic): Iterable<readonly [Labels, Distribution]> {
  const all = new Map<string, readonly [Labels, Distribution]>();
  for (const { answered, shownAs } of traffic.all()) {
    const { consumer, dataType } = shownAs;
    for (const [code, durations] of answered) {
      const key = `${code} ${dataType} ${consumer}`;
      let entry = all.get(key);
      if (entry === undefined) {
        const grpc_code = CODE_NAMES[code] ?? 'Unknown';
        entry = [
          { consumer, data_type: dataType, method: 'Publish', grpc_code },
          new Distribution(DURATION_BUCKETS),
        ];
        all.set(key, entry);
      }
      entry[1].addAll(durations);
    }
  }
  return all.values();
}

function publishSamples(samples: TrafficSamples, tally: Tally, labels: Labels, unreadable: boolean): void {
  let answered = 0;
  for (const [code, durations] of tally.answered) {
    const coded = { ...labels, grpc_code: CODE_NAMES[code] ?? 'Unknown' };
    answered += durations.count;
    samples.processed.push([coded, durations.count]);
  }
  if (unreadable || tally.published === 0) return;
  samples.called.push([labels, tally.published]);
  samples.sent.push([labels, answered]);
}

function subscribeSamples(samples: TrafficSamples, tally: Tally, labels: Labels, sentByOpen: number): void {
  for (const [code, count] of tally.ended) {
    samples.processed.push([{ ...labels, grpc_code: CODE_NAMES[code] ?? 'Unknown' }, count]);
  }
  if (tally.subscriptions === 0) return;
  samples.called.push([labels, tally.subscriptions]);
  samples.sent.push([labels, tally.sentToClosed + sentByOpen]);
}

function openSessions(traffic: Traffic, view: Readonly<Core>): Map<Tally, { count: number; sent: number }> {
  const open = new Map<Tally, { count: number; sent: number }>();
  for (const { about, sentEvents } of view.sessions.all()) {
    const tally = traffic.of(about.role === 'agent' ? about.name : '', about.dataType);
    const entry = open.get(tally) ?? { count: 0, sent: 0 };
    entry.count += 1;
    entry.sent += sentEvents;
    open.set(tally, entry);
  }
  return open;
}
