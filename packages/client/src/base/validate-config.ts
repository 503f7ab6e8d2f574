import { CeBrokerError } from 'ce-broker-proto';
import type { ReconnectBackoffOptions } from '../backoff/reconnect-backoff.js';
import type { ResourceObject } from '../generic/resource.js';
import type { CloudEventsOptions, EventRateLimit } from '../transports/cloud-events-options.js';
import { checkOptionNames, type OptionNames } from '../transports/known-options.js';
import type { ClientConfig } from './client-config.js';

/** A connection, and the names beside it. */
interface Connected {
  readonly options: {
    readonly cloudEventsOptions: CloudEventsOptions;
    readonly rateLimit?: EventRateLimit | undefined;
  };
}

const CONFIG: OptionNames<ClientConfig<ResourceObject> & Connected> = Object.freeze({
  options: true,
  lister: true,
  statusHashGetter: true,
  codecs: true,
  autoResync: true,
  publishTimeoutMs: true,
  connectTimeoutMs: true,
  reconnectDelay: true,
  maxPendingBytes: true,
  logger: true,
});
/** Beside the names. */
const OPTIONS: OptionNames<Connected['options']> = Object.freeze({
  cloudEventsOptions: true,
  rateLimit: true,
});
const RATE_LIMIT: OptionNames<EventRateLimit> = Object.freeze({ qps: true, burst: true });
const RECONNECT: OptionNames<ReconnectBackoffOptions> = Object.freeze({
  initialMs: true,
  factor: true,
  capMs: true,
  jitter: true,
  startOverAfterMs: true,
  random: true,
  now: true,
});

/** Names the first option that is wrong, types included: programs in JavaScript come here too. Throws `invalid_option`. */
export function validateConfig<T extends ResourceObject>(
  config: ClientConfig<T> & Connected,
  names: readonly string[],
): void {
  if (typeof config !== 'object' || config === null) {
    throw wrong('config', 'is missing: create({ options, lister, statusHashGetter, codecs })');
  }
  checkOptionNames(config, CONFIG);
  const options = connectionOf(config.options, names);
  for (const name of names) {
    const value = options[name];
    if (typeof value !== 'string' || value.trim() === '')
      throw wrong(name, 'must be a name that is not empty');
  }
  checkOptionNames(
    options,
    { ...OPTIONS, ...Object.fromEntries(names.map((name) => [name, true])) },
    'options',
  );
  checkOptionNames(options['rateLimit'], RATE_LIMIT, 'rateLimit');
  if (typeof config.options.cloudEventsOptions?.connect !== 'function') {
    throw wrong('cloudEventsOptions', 'must say how to connect, such as grpcOptions({ url })');
  }
  if (typeof config.lister?.list !== 'function') throw wrong('lister', 'must have a method list(options)');
  if (typeof config.statusHashGetter !== 'function') throw wrong('statusHashGetter', 'must be a function');
  if (!Array.isArray(config.codecs) || config.codecs.length === 0) {
    throw wrong('codecs', 'must hold at least one codec');
  }
  for (const [index, codec] of config.codecs.entries()) checkCodec(codec, `codecs[${index}]`);
  for (const field of ['publishTimeoutMs', 'connectTimeoutMs'] as const) {
    const value = config[field];
    if (value !== undefined && !(typeof value === 'number' && value > 0)) {
      throw wrong(field, `is ${value}: must be a number above 0, or Infinity for no limit`);
    }
  }
  const { maxPendingBytes: bytes } = config;
  if (bytes !== undefined && !(bytes > 0 && Number.isFinite(bytes))) {
    throw wrong('maxPendingBytes', `is ${bytes}: must be a number above 0`);
  }
  checkReconnectDelay(config.reconnectDelay);
}

/** Options at all, and those of the client that they are given to. */
function connectionOf(given: unknown, names: readonly string[]): Readonly<Record<string, unknown>> {
  const isSource = names.includes('sourceId');
  const kind = isSource ? 'Source' : 'Agent';
  const makers = `grpc${kind}Options(...), buildCloudEvents${kind}Options(...) or transport${kind}Options(...)`;
  if (given === undefined || given === null) throw wrong('options', `is missing: use ${makers}`);
  const options: Readonly<Record<string, unknown>> = { ...given };
  const has = (name: string): boolean => options[name] !== undefined;
  if (names.some(has)) return options;
  if ((isSource ? ['agentId', 'clusterName'] : ['sourceId']).some(has)) {
    const [theirs, ours] = isSource ? ['an agent', 'a source'] : ['a source', 'an agent'];
    throw wrong('options', `are for ${theirs}; ${ours} client needs ${makers}`);
  }
  if (!has('cloudEventsOptions')) throw wrong('options', `do not say who connects to what: use ${makers}`);
  return options;
}

function checkReconnectDelay(given: unknown): void {
  if (given === undefined || typeof given === 'function') return;
  if (typeof given !== 'object' || given === null) {
    throw wrong(
      'reconnectDelay',
      'must be a function that gives milliseconds, or what it is made of: { initialMs: 500, capMs: 10_000 }',
    );
  }
  checkOptionNames(given, RECONNECT, 'reconnectDelay');
}

/** What one call is given: it waits for as long, or for ever. Throws `invalid_argument`. */
export function checkTimeout(timeoutMs: number | undefined): void {
  if (timeoutMs === undefined || (typeof timeoutMs === 'number' && !Number.isNaN(timeoutMs))) return;
  throw new CeBrokerError('invalid_argument', `timeoutMs is ${timeoutMs}: must be a number of milliseconds`, {
    field: 'timeoutMs',
  });
}

function checkCodec(codec: object, field: string): void {
  const has = (name: string): boolean => typeof Reflect.get(codec, name) === 'function';
  if (!(has('encodeEvent') && has('decodeEvent')) && !(has('encode') && has('decode'))) {
    throw wrong(field, 'must have encodeEvent and decodeEvent, or encode and decode');
  }
  const dataType: unknown = Reflect.get(codec, 'dataType');
  if (typeof dataType !== 'object' || dataType === null || !('resource' in dataType)) {
    throw wrong(field, "needs a dataType, such as CloudEventsDataType.parse('example.com.v1.widgets')");
  }
}

function wrong(field: string, what: string): CeBrokerError {
  return new CeBrokerError('invalid_option', `${field} ${what}`, { field });
}
