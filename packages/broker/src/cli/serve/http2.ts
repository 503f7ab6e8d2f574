import { CeBrokerError } from 'ce-broker-proto';
import { LIMIT_NAMES, LIMITS } from '../../rpc/h2/limits.js';
import type { H2LimitOptions, H2Limits } from '../../server/index.js';
import { suggestion } from '../nearest.js';
import { readBytes, readDuration, showBytes, showDuration, wrongValue } from '../values.js';

const MUST =
  'maxConnectionAge=1h,pingsPerSecond=50 or other limits (in a file also {maxConnectionAge: 1h, pingsPerSecond: 50})';

/** Limits by the name that they have here: durations carry their unit, so theirs has none. */
const NAMES: ReadonlyMap<string, keyof H2Limits> = new Map(
  LIMIT_NAMES.map((limit) => [limit.replace(/Ms$/, ''), limit]),
);

/** `{maxConnectionAge: 1h, pingsPerSecond: 50}` in a file, `maxConnectionAge=1h,pingsPerSecond=50` elsewhere. */
export function readHttp2(name: string, value: unknown): H2LimitOptions {
  const members = typeof value === 'string' ? fromText(name, value) : value;
  if (typeof members !== 'object' || members === null || Array.isArray(members))
    throw wrongValue(name, value, MUST);
  const limits: Partial<Record<keyof H2Limits, number>> = {};
  for (const [key, member] of Object.entries(members)) {
    const limit = NAMES.get(key);
    if (limit === undefined) {
      const known = [...NAMES.keys()].sort();
      const message = `${name} has no ${JSON.stringify(key)}${suggestion(key, known)}; it has ${known.join(', ')}`;
      throw new CeBrokerError('invalid_option', message, { field: name });
    }
    limits[limit] = readLimit(limit, `${key} of ${name}`, member);
  }
  return limits;
}

function fromText(name: string, text: string): Record<string, string> {
  const members: Record<string, string> = {};
  for (const part of text.split(',')) {
    const [, key, value] = /^\s*(\w+)\s*=\s*(\S+)\s*$/.exec(part) ?? [];
    if (key === undefined || value === undefined) throw wrongValue(name, text, MUST);
    members[key] = value;
  }
  return members;
}

function readLimit(limit: keyof H2Limits, name: string, value: unknown): number {
  const { least, most } = LIMITS[limit];
  const number = limit.endsWith('Ms')
    ? readDuration(name, value)
    : limit.includes('Bytes')
      ? readBytes(name, value)
      : count(value);
  if (number >= least && number <= most) return number;
  if (limit.endsWith('Ms'))
    throw wrongValue(name, value, `from ${showDuration(least)} to ${showDuration(most)}`);
  if (limit.includes('Bytes'))
    throw wrongValue(name, value, `from ${showBytes(least)} to ${showBytes(most)}`);
  throw wrongValue(name, value, `a whole number from ${least} to ${most}`);
}

/** NaN, which is in no bounds, for what is no whole number. */
function count(value: unknown): number {
  return /^\d+$/.test(String(value)) ? Number(value) : Number.NaN;
}
