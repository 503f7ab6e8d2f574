import { CeBrokerError } from '../errors.js';
import type { AttributeValue, Event, EventData } from '../event.js';
import { parseRfc3339, type Timestamp } from '../timestamp.js';
import { isGoUrl } from './go-rules.js';
import { topLevelMembers } from './json-members.js';
import { malformed } from './wire-reader.js';

const FIELD = 'binary_data';

/** Reads an event in CloudEvents' JSON format, as Go's reader does; the JSON of `data` is kept byte for byte. */
export function decodeStructured(json: Uint8Array): Event {
  const text = decodeUtf8(json);
  const members = topLevelMembers(text, FIELD);
  const take = (name: string): unknown => {
    const raw = members.get(name);
    members.delete(name);
    return raw === undefined ? undefined : JSON.parse(raw);
  };
  const specVersion = take('specversion');
  if (specVersion !== '1.0' && specVersion !== '0.3') {
    throw malformed(`${FIELD}.specversion`, 'must be "1.0" or "0.3"');
  }
  const old = specVersion === '0.3';
  const id = optionalString('id', take('id')) ?? '';
  const source = optionalString('source', take('source')) ?? '';
  if (!isGoUrl(source)) throw malformed(`${FIELD}.source`, 'not a URI reference');
  const type = optionalString('type', take('type')) ?? '';
  const time = readTime(take('time'));
  const subject = nonEmpty(optionalString('subject', take('subject')));
  const schemaName = old ? 'schemaurl' : 'dataschema';
  const dataSchema = nonEmpty(optionalString(schemaName, take(schemaName)));
  const dataContentType = optionalString('datacontenttype', take('datacontenttype'));
  const encoding = old ? take('datacontentencoding') : undefined;
  if (encoding !== undefined && encoding !== 'base64') {
    throw malformed(`${FIELD}.datacontentencoding`, 'must be "base64"');
  }
  const rawData = members.get('data');
  members.delete('data');
  const base64 = old ? undefined : take('data_base64');
  if (rawData !== undefined && base64 !== undefined) throw malformed(`${FIELD}.data_base64`, 'beside data');
  const data =
    base64 !== undefined
      ? fromBase64('data_base64', base64)
      : rawData === undefined
        ? undefined
        : encoding === 'base64'
          ? fromBase64('data', JSON.parse(rawData))
          : fromJson(rawData, dataContentType);
  const extensions = new Map<string, AttributeValue>();
  for (const [name, raw] of members) {
    const value = readExtension(name, JSON.parse(raw));
    if (value === undefined) continue;
    const lower = name.toLowerCase();
    if (extensions.has(lower)) throw malformed(`${FIELD}.${name}`, 'given twice in different spellings');
    extensions.set(lower, value);
  }
  return {
    id,
    source,
    type,
    specVersion,
    time,
    subject,
    dataSchema,
    dataContentType: nonEmpty(dataContentType),
    extensions,
    data,
  };
}

const STANDARD = new Set([
  'id',
  'source',
  'type',
  'specversion',
  'time',
  'subject',
  'datacontenttype',
  'dataschema',
]);

function readExtension(name: string, value: unknown): AttributeValue | undefined {
  const field = `${FIELD}.${name}`;
  if (!/^[A-Za-z0-9]+$/.test(name))
    throw malformed(field, 'attribute names must be letters and digits of ASCII');
  if (STANDARD.has(name.toLowerCase()))
    throw malformed(field, 'names of CloudEvents attributes are written in lower case');
  switch (typeof value) {
    case 'string':
      return { kind: 'string', value: value.toWellFormed() };
    case 'boolean':
      return { kind: 'boolean', value };
    case 'number':
      if (!Number.isInteger(value) || value > 0x7fffffff || value < -0x80000000) {
        throw malformed(field, 'must be a whole number of 32 bits');
      }
      return { kind: 'integer', value: value === 0 ? 0 : value };
    default:
      if (value === null) return undefined;
      throw malformed(field, 'must be a string, a number or a boolean');
  }
}

function optionalString(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw malformed(`${FIELD}.${name}`, 'must be a string');
  return value.toWellFormed();
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

function readTime(value: unknown): Timestamp | undefined {
  const text = optionalString('time', value);
  if (text === undefined) return undefined;
  const time = parseRfc3339(text);
  if (time === undefined) throw malformed(`${FIELD}.time`, 'must be RFC 3339 text');
  return time.seconds === -62_135_596_800 && time.nanos === 0 ? undefined : time;
}

function fromBase64(name: string, value: unknown): EventData {
  if (
    typeof value !== 'string' ||
    !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value)
  ) {
    throw malformed(`${FIELD}.${name}`, 'must be base64');
  }
  return { kind: 'binary', value: Buffer.from(value, 'base64') };
}

/** JSON data stays as it is written; for another media type the JSON string's content is the data. */
function fromJson(raw: string, contentType: string | undefined): EventData {
  const mediaType = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (mediaType === '' || mediaType === 'application/json' || mediaType === 'text/json') {
    return { kind: 'binary', value: Buffer.from(raw, 'utf8') };
  }
  const value: unknown = JSON.parse(raw);
  if (typeof value !== 'string')
    throw malformed(`${FIELD}.data`, `must be a string for media type ${mediaType}`);
  return { kind: 'binary', value: Buffer.from(value.toWellFormed(), 'utf8') };
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new CeBrokerError('invalid_argument', `${FIELD}: the event's JSON is not valid UTF-8`, {
      field: FIELD,
      cause,
    });
  }
}
