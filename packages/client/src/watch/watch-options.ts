import { CeBrokerError, CloudEventsDataType, type Logger, type WatchPoint } from 'ce-broker-proto';
import type { DelayFn, ReconnectBackoffOptions } from '../backoff/reconnect-backoff.js';
import type { CloudEventsOptions } from '../transports/cloud-events-options.js';
import { checkOptionNames, type OptionNames } from '../transports/known-options.js';

/** What is watched, from where on, and over which connection. Exactly one of `source` and `clusterName` is given. */
export interface WatchEventsOptions {
  /** How the broker is reached: `grpcOptions({ url })`, `transportOptions(() => broker.inProcessTransport())`. */
  readonly connection: CloudEventsOptions;
  /** Watches what is reported to this source: statuses, and what agents ask for. */
  readonly source?: string | undefined;
  /** Watches what is wanted on this cluster: specs and their deletions. */
  readonly clusterName?: string | undefined;
  /** Only these, as `<group>.<version>.<resource>` or as objects. Default: every data type. */
  readonly dataTypes?: readonly (string | CloudEventsDataType)[] | undefined;
  /** With `clusterName`: only resources of these sources. Default: of every one. */
  readonly sources?: readonly string[] | undefined;
  /** With `source`: only resources on these clusters. Default: on every one. */
  readonly clusters?: readonly string[] | undefined;
  /**
   * Where to begin. `now`: with what is published from now on. `everything`: with the newest event of each resource. A point: with the
   * newest event of each resource that changed after it; it is one that an earlier watch of the same subscriber and filters had reached
   * (`EventWatch.point`). Default `now`.
   */
  readonly from?: 'now' | 'everything' | WatchPoint | undefined;
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
  /** Received bytes, and 2 KiB for each event, that wait for the reader before the broker is asked to pause. Default 16 MiB. */
  readonly maxPendingBytes?: number | undefined;
  /** How long one attempt to connect, or to subscribe, may take, in milliseconds; `Infinity`: no limit. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long to wait before the next attempt: as of the clients. Default: 1 to 2 s, doubling to at most 15 to 30 s. */
  readonly reconnectDelay?: DelayFn | ReconnectBackoffOptions | undefined;
  /** Default: warnings and errors go to stderr. `SILENT` says nothing. */
  readonly logger?: Logger | undefined;
}

const NAMES: OptionNames<WatchEventsOptions> = Object.freeze({
  connection: true,
  source: true,
  clusterName: true,
  dataTypes: true,
  sources: true,
  clusters: true,
  from: true,
  signal: true,
  maxPendingBytes: true,
  connectTimeoutMs: true,
  reconnectDelay: true,
  logger: true,
});

/** The data types as they go over the wire. Names the first option that is wrong. Throws `invalid_option`. */
export function checkWatchOptions(options: WatchEventsOptions): readonly string[] {
  checkOptionNames(options, NAMES);
  const { clusterName, clusters, connection, from, source, sources } = options;
  if (typeof connection?.connect !== 'function')
    throw wrong('connection', 'must say how to connect, such as grpcOptions({ url })');
  if ((source === undefined) === (clusterName === undefined))
    throw wrong('source', 'or clusterName must be given, and not both: who watches is one of the two');
  if (source !== undefined) checkName(source, 'source');
  if (clusterName !== undefined) checkName(clusterName, 'clusterName');
  checkNames(sources, 'sources');
  checkNames(clusters, 'clusters');
  if (source !== undefined && sources !== undefined)
    throw wrong('sources', 'go with clusterName: a source hears of its own resources only');
  if (clusterName !== undefined && clusters !== undefined)
    throw wrong('clusters', 'go with source: an agent hears of its own cluster only');
  if (from !== undefined && from !== 'now' && from !== 'everything' && !isPoint(from))
    throw wrong('from', "must be 'now', 'everything', or a point: { epoch, position }");
  const { connectTimeoutMs, maxPendingBytes } = options;
  if (connectTimeoutMs !== undefined && !(connectTimeoutMs > 0))
    throw wrong(
      'connectTimeoutMs',
      `is ${connectTimeoutMs}: must be a number above 0, or Infinity for no limit`,
    );
  if (maxPendingBytes !== undefined && !(maxPendingBytes > 0 && Number.isFinite(maxPendingBytes)))
    throw wrong('maxPendingBytes', `is ${maxPendingBytes}: must be a number above 0`);
  return dataTypesOf(options.dataTypes);
}

function dataTypesOf(given: WatchEventsOptions['dataTypes'] = []): readonly string[] {
  if (!Array.isArray(given)) throw wrong('dataTypes', 'must be an array');
  return given.map((dataType: string | CloudEventsDataType, index) => {
    try {
      return (typeof dataType === 'string' ? CloudEventsDataType.parse(dataType) : dataType).toString();
    } catch (thrown) {
      throw wrong(`dataTypes[${index}]`, `is no data type: ${CeBrokerError.from(thrown).message}`);
    }
  });
}

function checkNames(names: readonly string[] | undefined, field: string): void {
  if (names === undefined) return;
  if (!Array.isArray(names) || names.length === 0)
    throw wrong(field, 'must hold at least one name; leave it out for all');
  for (const [index, name] of names.entries()) checkName(name, `${field}[${index}]`);
}

function checkName(name: unknown, field: string): void {
  if (typeof name !== 'string' || name.trim() === '') throw wrong(field, 'must be a name that is not empty');
}

function isPoint(from: unknown): from is WatchPoint {
  if (typeof from !== 'object' || from === null) return false;
  const { epoch, position } = from as Partial<WatchPoint>;
  return (
    typeof epoch === 'string' &&
    typeof position === 'number' &&
    Number.isSafeInteger(position) &&
    position >= 0
  );
}

function wrong(field: string, what: string): CeBrokerError {
  return new CeBrokerError('invalid_option', `${field} ${what}`, { field });
}
