import {
  CeBrokerError,
  CloudEventsDataType,
  decodeEvent,
  type Event,
  encodeEvent,
  encodeSpecResyncBody,
  encodeStatusResyncBody,
  isHeartbeat,
  type TransportSubscribeRequest,
} from 'ce-broker-proto';
import { type ConnectionFlags, connectionSettings } from '../client/connection-options.js';
import { GrpcClient } from '../client/grpc-client.js';
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
  const client = new GrpcClient(connectionSettings(flags), ANSWER_TIMEOUT_MS);
  try {
    return await follow(client, request, wanted, flags);
  } finally {
    client.close();
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
  client: GrpcClient,
  request: TransportSubscribeRequest,
  wanted: number | undefined,
  flags: SubFlags,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const role = request.clusterName === '' ? `source ${request.source}` : `agent of ${request.clusterName}`;
    let opened = false;
    let printed = 0;
    const done = (code: number) => {
      process.stdout.off('drain', onDrain);
      subscription.cancel();
      resolve(code);
    };
    const onDrain = () => subscription.resume();
    const subscription = client.subscribe(request, {
      onOpen: () => {
        opened = true;
        process.stderr.write(`subscribed to ${flags.server} as ${role}\n`);
        if (wanted === 0) done(ExitCode.ok);
        else if (flags.resync === true) {
          client.publish(encodeEvent(resyncRequest(request))).catch((error: unknown) => {
            subscription.cancel();
            reject(error);
          });
        }
      },
      onEvent: (bytes) => {
        const text = render(bytes, flags);
        if (text === undefined) return;
        // What the reader does not take waits at the server, not here.
        if (!process.stdout.write(text)) subscription.pause();
        printed++;
        if (printed === wanted) done(ExitCode.ok);
      },
      onEnd: (error) => {
        if (opened || error === undefined) {
          const why = error === undefined ? 'it said OK' : describeError(error);
          process.stderr.write(`ce-broker: the server ended the subscription: ${why}\n`);
          done(ExitCode.ended);
        } else reject(error);
      },
    });
    process.stdout.on('drain', onDrain);
  });
}

/** Undefined for a heartbeat, for a resync request that nobody wants to see, and for what is no event: that is told, and the next may be one. */
function render(bytes: Buffer, { pretty, requests }: SubFlags): string | undefined {
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
