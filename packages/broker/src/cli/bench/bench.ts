import { CeBrokerError } from 'ce-broker-proto';
import { type ConnectionFlags, connectionSettings } from '../client/connection-options.js';
import { ExitCode } from '../exit-codes.js';
import { formatReport, type LoadOptions, runLoad } from '../load/index.js';
import { readBytes, readCount, readNumber } from '../values.js';

export interface BenchFlags extends ConnectionFlags {
  readonly publishers: string;
  readonly subscribers: string;
  readonly subscriptionsPerConnection: string;
  readonly inFlight?: string;
  readonly stream?: boolean;
  readonly batch?: string;
  readonly size: string;
  readonly rate?: string;
  readonly seconds: string;
  readonly warmUp: string;
  readonly events?: string;
  readonly resources: string;
  readonly clusters: string;
  readonly source: string;
  readonly type?: string;
  readonly status?: boolean;
  readonly json?: boolean;
}

/** Loads a server and prints what it did. An early end (Ctrl-C) still gives a report. */
export async function bench(flags: BenchFlags): Promise<number> {
  const stop = new AbortController();
  let endedBy: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    endedBy = signal;
    stop.abort();
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    const report = await runLoad({ ...loadOptions(flags), signal: stop.signal });
    process.stdout.write(flags.json === true ? `${JSON.stringify(report)}\n` : formatReport(report));
    if (endedBy !== undefined) return endedBy === 'SIGINT' ? ExitCode.interrupted : ExitCode.terminated;
    const failures = Object.keys(report.errors).length + report.totals.unanswered;
    return failures > 0 ? ExitCode.failed : ExitCode.ok;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

function loadOptions(flags: BenchFlags): LoadOptions {
  const { tls, token } = connectionSettings(flags);
  const many = Number.MAX_SAFE_INTEGER;
  const count = (name: string, text: string | undefined, least: number) =>
    text === undefined ? undefined : readCount(name, text, least, many);
  const terminal = process.stderr.isTTY === true;
  const publishers = count('--publishers', flags.publishers, 0);
  const subscribers = count('--subscribers', flags.subscribers, 0);
  if (publishers === 0 && subscribers === 0) {
    throw new CeBrokerError(
      'invalid_option',
      '--publishers and --subscribers are both 0: that is no load; give one of them 1 or more',
      { field: '--publishers' },
    );
  }
  const inFlight = count('--in-flight', flags.inFlight, 1);
  const batch = count('--batch', flags.batch, 1);
  if (batch !== undefined && flags.stream !== true) {
    throw new CeBrokerError(
      'invalid_option',
      '--batch is for a stream of publishes: give --stream as well, or leave it out',
      { field: '--batch' },
    );
  }
  if (batch !== undefined && inFlight !== undefined && batch > inFlight) {
    throw new CeBrokerError(
      'invalid_option',
      `--batch ${batch} is more than the ${inFlight} events that may be in flight: raise --in-flight, or lower --batch`,
      { field: '--batch' },
    );
  }
  return {
    server: flags.server,
    tls,
    token,
    publishers,
    subscribers,
    subscriptionsPerConnection: count('--subscriptions-per-connection', flags.subscriptionsPerConnection, 1),
    publish: flags.status === true ? 'status' : 'spec',
    stream: flags.stream,
    batch,
    inFlight,
    rate: flags.rate === undefined ? undefined : readNumber('--rate', flags.rate, 0.001, 10_000_000),
    payloadBytes: readBytes('--size', flags.size),
    resources: count('--resources', flags.resources, 1),
    clusters: count('--clusters', flags.clusters, 1),
    source: flags.source,
    dataType: flags.type,
    seconds: readNumber('--seconds', flags.seconds, 0.01, 86_400),
    warmUpSeconds: readNumber('--warm-up', flags.warmUp, 0, 3_600),
    events: count('--events', flags.events, 1),
    onProgress: ({ seconds, acked, delivered, failed }) => {
      if (terminal)
        process.stderr.write(
          `\r\u001b[K${seconds} s: ${acked} acked, ${delivered} delivered, ${failed} failed`,
        );
    },
    onWindow: (edge) => {
      if (terminal && edge === 'end') process.stderr.write('\r\u001b[K');
    },
  };
}
