import { TableEntry } from './table-entry.js';

const FIELDS: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
];

/** RFC 7541 Appendix A. The entry of index 1 is the first, index 0 does not exist (§6.1). */
export const STATIC_TABLE: readonly TableEntry[] = FIELDS.map(([name, value]) => new TableEntry(name, value));

/** How many entries the static table has: the dynamic table's indices follow it (§2.3.3). */
export const STATIC_ENTRIES = STATIC_TABLE.length;

interface StaticName {
  /** Index of the first entry with this name. */
  readonly index: number;
  /** Index by value. */
  readonly values: ReadonlyMap<string, number>;
}

function byName(): ReadonlyMap<string, StaticName> {
  const names = new Map<string, { index: number; values: Map<string, number> }>();
  FIELDS.forEach(([name, value], position) => {
    const known = names.get(name) ?? { index: position + 1, values: new Map<string, number>() };
    names.set(name, known);
    known.values.set(value, position + 1);
  });
  return names;
}

/** Where a name stands in the static table, for the encoder. */
export const STATIC_NAMES: ReadonlyMap<string, StaticName> = byName();
