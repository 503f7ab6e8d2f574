import { CeBrokerError } from 'ce-broker-proto';
import type { BrokerOptions } from '../../server/index.js';
import { suggestion } from '../nearest.js';
import { readDuration, wrongValue } from '../values.js';

type MassDeletion = NonNullable<BrokerOptions['massDeletion']>;

const KEYS = ['share', 'within', 'least'];
const MUST =
  'none, 20%, or share=20%,within=10m,least=10 (in a file also {share: 20%, within: 10m, least: 10})';

/** `{share: 20%, within: 10m, least: 10}` in a file, `share=20%,within=10m,least=10` elsewhere; `20%` is the share alone. What is left out has its default. */
export function readMassDeletion(name: string, value: unknown): MassDeletion {
  if (value === false || value === 'none') return false;
  const members = typeof value === 'string' ? fromText(name, value) : value;
  if (typeof members !== 'object' || members === null || Array.isArray(members))
    throw wrongValue(name, value, MUST);
  const read: { share?: number; withinMs?: number; least?: number } = {};
  for (const [key, member] of Object.entries(members)) {
    if (!KEYS.includes(key)) {
      throw new CeBrokerError(
        'invalid_option',
        `${name} has no ${JSON.stringify(key)}${suggestion(key, KEYS)}; it has ${KEYS.join(', ')}`,
        { field: name },
      );
    }
    if (key === 'share') read.share = share(`share of ${name}`, member);
    else if (key === 'within') read.withinMs = readDuration(`within of ${name}`, member);
    else read.least = least(`least of ${name}`, member);
  }
  return read;
}

function fromText(name: string, text: string): Record<string, string> {
  if (/^\d+(\.\d+)?%$/.test(text.trim())) return { share: text };
  const members: Record<string, string> = {};
  for (const part of text.split(',')) {
    const match = /^\s*([a-z]+)\s*=\s*(\S+)\s*$/.exec(part);
    const [, key, value] = match ?? [];
    if (key === undefined || value === undefined) throw wrongValue(name, text, MUST);
    members[key] = value;
  }
  return members;
}

/** `20%`, or 0.2. */
function share(name: string, value: unknown): number {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(String(value).trim());
  const number = Number(match?.[1]) / (match?.[2] === '%' ? 100 : 1);
  if (!(number > 0 && number < 1)) throw wrongValue(name, value, 'above 0% and below 100%, for example 20%');
  return number;
}

function least(name: string, value: unknown): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1) throw wrongValue(name, value, 'a whole number from 1 up');
  return number;
}
