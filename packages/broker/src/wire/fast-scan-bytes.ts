import { isAscii, latin1, same } from './interned-strings.js';

/** The names of the attributes that are read, as bytes. */
export const KEYS = Object.freeze({
  time: Buffer.from('ce-time'),
  subject: Buffer.from('ce-subject'),
  metadata: Buffer.from('ce-metadata'),
  contentType: Buffer.from('contenttype'),
  sequenceId: Buffer.from('ce-sequenceid'),
  statusHash: Buffer.from('ce-statushash'),
  resourceId: Buffer.from('ce-resourceid'),
  logTracing: Buffer.from('ce-logtracing'),
  clusterName: Buffer.from('ce-clustername'),
  originalSource: Buffer.from('ce-originalsource'),
  resourceVersion: Buffer.from('ce-resourceversion'),
  deletionTimestamp: Buffer.from('ce-deletiontimestamp'),
});

/** The position behind a length of up to four bytes, or -1. */
export function readLength(bytes: Uint8Array, at: number, end: number): number {
  if (at < end && (bytes[at] ?? 0x80) < 0x80) return at + 1;
  for (let index = 0; index < 4; index++) {
    const byte = at + index < end ? (bytes[at + index] ?? 0x80) : 0x80;
    if (byte < 0x80) return at + index + 1;
  }
  return -1;
}

/** The length itself, once `readLength` has found its end. */
export function lengthAt(bytes: Uint8Array, at: number): number {
  let byte = bytes[at] ?? 0;
  if (byte < 0x80) return byte;
  let length = byte & 0x7f;
  for (let shift = 7; byte >= 0x80; shift += 7) {
    byte = bytes[++at] ?? 0;
    length |= (byte & 0x7f) << shift;
  }
  return length;
}

/** A string that will hardly come again; undefined when it is not ASCII. */
export function uniqueString(bytes: Buffer, start: number, end: number): string | undefined {
  return isAscii(bytes, start, end) ? latin1(bytes, start, end) : undefined;
}

/** Not empty, and without space at the ends that Go would cut off; the text is ASCII. */
export function isTrimmed(text: string): boolean {
  return text !== '' && text.charCodeAt(0) > 0x20 && text.charCodeAt(text.length - 1) > 0x20;
}

/** A source of letters, digits and `-_.~/` is a URI reference without looking further. */
export function isPlainSource(source: string): boolean {
  if (source === '') return false;
  for (let at = 0; at < source.length; at++) {
    const code = source.charCodeAt(at);
    const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
    const other = (code >= 0x2d && code <= 0x39) || code === 0x5f || code === 0x7e;
    if (!letter && !other) return false;
  }
  return true;
}

/** Names that mean something to the decoder, beside those handled above, and therefore go there. */
const SPECIAL = Object.freeze(
  [
    'ce-id',
    'ce-source',
    'ce-type',
    'ce-specversion',
    'ce-dataschema',
    'ce-datacontenttype',
    'ce-schemaurl',
  ].map((name) => Buffer.from(name)),
);

/** `ce-` and lower-case letters and digits, and none of CloudEvents' own names. */
export function isOtherExtension(bytes: Uint8Array, key: number, keyLength: number): boolean {
  if (keyLength < 4 || bytes[key] !== 0x63 || bytes[key + 1] !== 0x65 || bytes[key + 2] !== 0x2d)
    return false;
  for (let at = key + 3; at < key + keyLength; at++) {
    const code = bytes[at] ?? 0;
    if (!((code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39))) return false;
  }
  for (const name of SPECIAL) if (same(name, bytes, key, keyLength)) return false;
  return true;
}
