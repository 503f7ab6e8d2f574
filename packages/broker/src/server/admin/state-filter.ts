import { CeBrokerError } from 'ce-broker-proto';
import type { AdminRequest } from './route.js';

/** Which resources, or sessions, are meant. */
export interface StateFilter {
  readonly cluster: string | undefined;
  readonly source: string | undefined;
  readonly type: string | undefined;
}

export const STATE_FILTERS = ['cluster', 'source', 'type'];

export function stateFilterOf({ query }: AdminRequest): StateFilter {
  return { cluster: query('cluster'), source: query('source'), type: query('type') };
}

/** The id that a path cannot do without. Throws `invalid_argument`. */
export function idOf(request: AdminRequest, path: string): string {
  const id = request.query('id');
  if (id === undefined)
    throw new CeBrokerError('invalid_argument', `id is missing: ${path}?id=ID`, { field: 'id' });
  return id;
}

/** A whole number of milliseconds. Throws `invalid_argument`. */
export function millisecondsOf(request: AdminRequest, name: string): number | undefined {
  const text = request.query(name);
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new CeBrokerError('invalid_argument', `${name} is ${text}: it must be a number of milliseconds`, {
    field: name,
  });
}

/** `true` or `false`, the default. Throws `invalid_argument`. */
export function flagOf(request: AdminRequest, name: string): boolean {
  const text = request.query(name);
  if (text === undefined || text === 'false') return false;
  if (text === 'true') return true;
  throw new CeBrokerError('invalid_argument', `${name} is ${text}: it must be true or false`, {
    field: name,
  });
}

/** One of a few words. Throws `invalid_argument`. */
export function choiceOf<T extends string>(
  request: AdminRequest,
  name: string,
  choices: readonly T[],
): T | undefined {
  const text = request.query(name);
  if (text === undefined) return undefined;
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw new CeBrokerError('invalid_argument', `${name} is ${text}: it must be ${choices.join(' or ')}`, {
    field: name,
  });
}
