import { CeBrokerError } from './errors.js';
import { INT64_MAX, INT64_MIN } from './extensions.js';

/** What an agent has of one resource (Go: `payload.ResourceVersion`). */
export interface ResourceVersion {
  readonly resourceId: string;
  readonly resourceVersion: bigint;
}

/** The hash of the status that a source has of one resource (Go: `payload.ResourceStatusHash`). */
export interface ResourceStatusHash {
  readonly resourceId: string;
  readonly statusHash: string;
}

/**
 * Reads the body of a spec resync request as Go does: field names in any case, unknown fields skipped, `null` and `{}`
 * an empty list, which means everything. Exact for every int64. Throws `invalid_argument` with field `data`.
 */
export function decodeSpecResyncBody(data: Uint8Array | undefined): ResourceVersion[] {
  const { list, exact } = readList(data, 'resourceVersions');
  return list.map((entry) => {
    let resourceId = '';
    let resourceVersion = 0n;
    for (const name in entry) {
      const value = entry[name];
      if (isField(name, 'resourceID')) resourceId = readText(value, 'resourceID', exact) ?? resourceId;
      else if (isField(name, 'resourceVersion')) resourceVersion = readInt64(value, exact) ?? resourceVersion;
    }
    return { resourceId, resourceVersion };
  });
}

/** Reads the body of a status resync request; the same rules as {@link decodeSpecResyncBody}. */
export function decodeStatusResyncBody(data: Uint8Array | undefined): ResourceStatusHash[] {
  const { list, exact } = readList(data, 'statusHashes');
  return list.map((entry) => {
    let resourceId = '';
    let statusHash = '';
    for (const name in entry) {
      const value = entry[name];
      if (isField(name, 'resourceID')) resourceId = readText(value, 'resourceID', exact) ?? resourceId;
      else if (isField(name, 'statusHash')) statusHash = readText(value, 'statusHash', exact) ?? statusHash;
    }
    return { resourceId, statusHash };
  });
}

/** Writes the body of a spec resync request. An empty list asks for everything. */
export function encodeSpecResyncBody(list: Iterable<ResourceVersion>): Buffer {
  let json = '';
  for (const { resourceId, resourceVersion } of list) {
    json += `${json === '' ? '' : ','}{"resourceID":${JSON.stringify(resourceId)},"resourceVersion":${resourceVersion}}`;
  }
  return Buffer.from(`{"resourceVersions":[${json}]}`, 'utf8');
}

/** Writes the body of a status resync request. An empty list asks for everything. */
export function encodeStatusResyncBody(list: Iterable<ResourceStatusHash>): Buffer {
  let json = '';
  for (const { resourceId, statusHash } of list) {
    json += `${json === '' ? '' : ','}{"resourceID":${JSON.stringify(resourceId)},"statusHash":${JSON.stringify(statusHash)}}`;
  }
  return Buffer.from(`{"statusHashes":[${json}]}`, 'utf8');
}

type JsonObject = { readonly [name: string]: unknown };

/** How values read when numbers had to keep their digits: strings begin with `s`, numbers are strings beginning with `n`. */
interface Body {
  readonly list: readonly JsonObject[];
  readonly exact: boolean;
}

function readList(data: Uint8Array | undefined, name: string): Body {
  if (data === undefined || data.length === 0) throw wrong('the request holds no data');
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8');
  const parsed = parse(text);
  // A double cannot hold what these would say: 16 digits or more, and the difference of 3 and 3.0.
  const exact = /:\s*-?(?:\d{16}|\d+[.eE])/.test(text);
  const body = exact ? parse(withoutNumbers(text)) : parsed;
  if (body === null) return { list: [], exact };
  if (!isObject(body)) throw wrong(`must be a JSON object with ${name}`);
  let list: readonly unknown[] = [];
  for (const key in body) {
    if (!isField(exact ? key.slice(1) : key, name)) continue;
    const value = body[key];
    if (value !== null && !Array.isArray(value)) throw wrong(`${name} must be a list`);
    list = value ?? [];
  }
  return { list: list.map((entry) => toEntry(entry, name, exact)), exact };
}

function toEntry(entry: unknown, name: string, exact: boolean): JsonObject {
  if (entry === null) return {};
  if (!isObject(entry)) throw wrong(`each entry of ${name} must be an object`);
  if (!exact) return entry;
  return Object.fromEntries(Object.entries(entry).map(([key, value]) => [key.slice(1), value]));
}

/** Rewrites valid JSON so that each number becomes a string, told from the others by its first letter. */
function withoutNumbers(text: string): string {
  return text.replace(
    /"((?:[^"\\]|\\.)*)"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g,
    (token, content: string | undefined) => (content === undefined ? `"n${token}"` : `"s${content}"`),
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CeBrokerError(
      'invalid_argument',
      `data: broken JSON: ${cause instanceof Error ? cause.message : cause}`,
      {
        field: 'data',
        cause,
      },
    );
  }
}

function readText(value: unknown, name: string, exact: boolean): string | undefined {
  if (value === null) return undefined;
  if (typeof value !== 'string' || (exact && !value.startsWith('s'))) throw wrong(`${name} must be a string`);
  const text = exact ? value.slice(1) : value;
  return text.isWellFormed() ? text : text.toWellFormed();
}

function readInt64(value: unknown, exact: boolean): bigint | undefined {
  if (value === null) return undefined;
  if (!exact && typeof value === 'number') return BigInt(value);
  if (exact && typeof value === 'string' && /^n-?\d{1,19}$/.test(value)) {
    const version = BigInt(value.slice(1));
    if (version >= INT64_MIN && version <= INT64_MAX) return version;
  }
  throw wrong('resourceVersion must be a whole number of 64 bits');
}

/** Go takes a field name in any case, with Unicode's folding (the long s and the Kelvin sign). */
function isField(name: string, wanted: string): boolean {
  if (name === wanted) return true;
  if (name.length !== wanted.length) return false;
  return name.replaceAll('\u017f', 's').replaceAll('\u212a', 'k').toLowerCase() === wanted.toLowerCase();
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(what: string): CeBrokerError {
  return new CeBrokerError('invalid_argument', `data of the resync request: ${what}`, { field: 'data' });
}
