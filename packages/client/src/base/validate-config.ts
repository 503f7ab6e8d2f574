import { CeBrokerError } from 'ce-broker-proto';
import type { ResourceObject } from '../generic/resource.js';
import type { CloudEventsOptions } from '../transports/cloud-events-options.js';
import type { ClientConfig } from './client-config.js';

/** A connection, and the names beside it. */
interface Connected {
  readonly options: { readonly cloudEventsOptions: CloudEventsOptions };
}

/** Names the first option that is wrong, types included: programs in JavaScript come here too. Throws `invalid_option`. */
export function validateConfig<T extends ResourceObject>(
  config: ClientConfig<T> & Connected,
  names: readonly string[],
): void {
  const options: Readonly<Record<string, unknown>> = { ...config.options };
  for (const name of names) {
    const value = options[name];
    if (typeof value !== 'string' || value.trim() === '')
      throw wrong(name, 'must be a name that is not empty');
  }
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
  if (config.reconnectDelay !== undefined && typeof config.reconnectDelay !== 'function') {
    throw wrong('reconnectDelay', 'must be a function that gives milliseconds, such as reconnectBackoff()');
  }
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
