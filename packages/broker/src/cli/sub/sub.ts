import {
  CeBrokerError,
  CloudEventsDataType,
  type CloudEventTransport,
  decodeEvent,
  type Event,
  encodeEvent,
  encodeSpecResyncBody,
  encodeStatusResyncBody,
  isHeartbeat,
  type TransportSubscribeRequest,
  type TransportSubscription,
} from 'ce-broker-proto';
import { connect } from '../client/connect.js';
import type { ConnectionFlags } from '../client/connection-options.js';
import { buildEvent } from '../events/build.js';
import { eventToLine } from '../events/line.js';
import { ExitCode } from '../exit-codes.js';
import { describeError } from '../report-error.js';
import { readCount } from '../values.js';
import { prettyEvent } from './pretty.js';

export interface SubFlags extends ConnectionFlags {
  readonly source?: string;
  readonly cluster?: string;
  readonly type?: string;
  readonly count?: string;
  readonly resync?: boolean;
  readonly requests?: boolean;
  readonly pretty?: boolean;
}

/** How long the server may take for the first word, and for the answer to a resync request. */
const ANSWER_TIMEOUT_MS = 15_000;

/** Prints the events of one subscription until it has enough of them or the stream ends. */
export async function sub(flags: SubFlags): Promise<number> {
  const request = subscriptionOf(flags);
  const wanted =
    flags.count === undefined ? undefined : readCount('--count', flags.count, 0, Number.MAX_SAFE_INTEGER);
  const transport = await connect(flags);
  try {
    return await follow(transport, request, wanted, flags);
  } finally {
    await transport.close();
  }
}

/** Checks who is asking for what. Throws `invalid_option`. */
export function subscriptionOf({ source, cluster, type, resync }: SubFlags): TransportSubscribeRequest {
  if ((source ?? '') === '' && (cluster ?? '') === '') {
    throw new CeBrokerError(
      'invalid_option',
      'give --cluster NAME to receive as the agent of a cluster, or --source ID to receive as a source',
      { field: '--cluster' },
    );
  }
  if (source !== undefined && cluster !== undefined) {
    throw new CeBrokerError(
      'invalid_option',
      '--source and --cluster exclude each other: a cluster makes the subscriber an agent',
      { field: '--source' },
    );
  }
  if (type !== undefined) checkDataType(type);
  if (resync === true && type === undefined) {
    throw new CeBrokerError('invalid_option', '--type is missing: a resync request asks for one data type', {
      field: '--type',
    });
  }
  return { source: source ?? '', clusterName: cluster ?? '', dataType: type ?? '' };
}

function checkDataType(type: string): void {
  const before = type.split('.').at(-2);
  if (before === 'spec' || before === 'status') {
    throw new CeBrokerError(
      'invalid_option',
      `--type is ${JSON.stringify(type)}: a subscription takes GROUP.VERSION.RESOURCE, without ".${before}" and the action`,
      { field: '--type' },
    );
  }
  try {
    CloudEventsDataType.parse(type);
  } catch (error) {
    throw new CeBrokerError('invalid_option', `--type: ${CeBrokerError.from(error).message}`, {
      field: '--type',
    });
  }
}

function follow(
  transport: CloudEventTransport,
  request: TransportSubscribeRequest,
  wanted: number | undefined,
  flags: SubFlags,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const role = request.clusterName === '' ? `source ${request.source}` : `agent of ${request.clusterName}`;
    let subscription: TransportSubscription | undefined;
    let over = false;
    let full = false;
    let printed = 0;
    const end = (finish: () => void): void => {
      if (over) return;
      over = true;
      process.stdout.off('drain', onDrain);
      finish();
    };
    const onDrain = (): void => {
      full = false;
      subscription?.resume();
    };
    const opened = (open: TransportSubscription): void => {
      subscription = open;
      // The first events may be here already.
      if (full) open.pause();
      process.stderr.write(`subscribed to ${flags.server} as ${role}\n`);
      if (wanted === 0) end(() => resolve(ExitCode.ok));
      else if (flags.resync === true) {
        const asked = transport.publish(encodeEvent(resyncRequest(request)), {
          timeoutMs: ANSWER_TIMEOUT_MS,
        });
        asked.catch((error: unknown) => end(() => reject(error)));
      }
    };
    process.stdout.on('drain', onDrain);
    const listener = {
      event: (bytes: Uint8Array): void => {
        const text = over ? undefined : render(bytes, flags);
        if (text === undefined) return;
        // What the reader does not take waits at the server, not here.
        if (!process.stdout.write(text)) {
          full = true;
          subscription?.pause();
        }
        printed++;
        if (printed === wanted) end(() => resolve(ExitCode.ok));
      },
      closed: (error: CeBrokerError | undefined): void =>
        end(() => {
          const why = error === undefined ? 'it said OK' : describeError(error);
          process.stderr.write(`ce-broker: the server ended the subscription: ${why}\n`);
          resolve(ExitCode.ended);
        }),
    };
    transport
      .subscribe(request, listener, { timeoutMs: ANSWER_TIMEOUT_MS })
      .then(opened, (error: unknown) => end(() => reject(error)));
  });
}

/** Undefined for a heartbeat, for a resync request that nobody wants to see, and for what is no event: that is told, and the next may be one. */
function render(bytes: Uint8Array, { pretty, requests }: SubFlags): string | undefined {
  if (isHeartbeat(bytes)) return undefined;
  let event: Event;
  try {
    event = decodeEvent(bytes);
  } catch (error) {
    process.stderr.write(
      `ce-broker: an event of ${bytes.length} bytes cannot be read: ${CeBrokerError.from(error).message}\n`,
    );
    return undefined;
  }
  if (requests !== true && event.type.endsWith('.resync_request')) return undefined;
  return pretty === true ? prettyEvent(event, process.stdout.isTTY === true) : `${eventToLine(event)}\n`;
}

/** The list is empty, and so everything is sent. */
function resyncRequest({ source, clusterName, dataType }: TransportSubscribeRequest) {
  const agent = clusterName !== '';
  const body = agent ? encodeSpecResyncBody([]) : encodeStatusResyncBody([]);
  return buildEvent({
    source: agent ? `${clusterName}-agent` : source,
    dataType,
    subResource: agent ? 'spec' : 'status',
    action: 'resync_request',
    // "" is every cluster to a source, and every source to an agent.
    cluster: clusterName,
    originalSource: agent ? '' : source,
    contentType: 'application/json',
    data: { kind: 'binary', value: Buffer.from(body) },
  });
}
