import { CeBrokerError } from 'ce-broker-proto';
import type { ResourceObject } from '../generic/resource.js';
import type { ClientConfig } from './client-config.js';

/** Names the first option that is wrong. Throws `invalid_option`. */
export function validateConfig<T extends ResourceObject>(
  config: ClientConfig<T>,
  names: Readonly<Record<string, string>>,
): void {
  for (const [field, value] of Object.entries(names)) {
    if (typeof value !== 'string' || value.trim() === '')
      throw wrong(field, 'must be a name that is not empty');
  }
  if (typeof config.lister?.list !== 'function') throw wrong('lister', 'must have a method list(options)');
  if (typeof config.statusHashGetter !== 'function') throw wrong('statusHashGetter', 'must be a function');
  if (!Array.isArray(config.codecs) || config.codecs.length === 0) {
    throw wrong('codecs', 'must hold at least one codec');
  }
  for (const field of ['publishTimeoutMs', 'connectTimeoutMs', 'maxPendingBytes'] as const) {
    const value = config[field];
    if (value !== undefined && !(value > 0 && Number.isFinite(value))) {
      throw wrong(field, `is ${value}: must be a number above 0`);
    }
  }
  if (config.reconnectDelay !== undefined && typeof config.reconnectDelay !== 'function') {
    throw wrong('reconnectDelay', 'must be a function that gives milliseconds, such as reconnectBackoff()');
  }
}

function wrong(field: string, what: string): CeBrokerError {
  return new CeBrokerError('invalid_option', `${field} ${what}`, { field });
}
