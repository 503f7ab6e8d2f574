import { KnownBytes } from './known-bytes.js';

/** The names of the attributes that are read, as bytes. */
export const KEYS = Object.freeze({
  time: known('ce-time'),
  subject: known('ce-subject'),
  metadata: known('ce-metadata'),
  contentType: known('contenttype'),
  sequenceId: known('ce-sequenceid'),
  statusHash: known('ce-statushash'),
  resourceId: known('ce-resourceid'),
  logTracing: known('ce-logtracing'),
  clusterName: known('ce-clustername'),
  originalSource: known('ce-originalsource'),
  resourceVersion: known('ce-resourceversion'),
  deletionTimestamp: known('ce-deletiontimestamp'),
});

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
  ].map(known),
);

/** `ce-` and lower-case letters and digits, and none of CloudEvents' own names. */
export function isOtherExtension(bytes: Uint8Array, key: number, keyLength: number): boolean {
  if (keyLength < 4 || bytes[key] !== 0x63 || bytes[key + 1] !== 0x65 || bytes[key + 2] !== 0x2d)
    return false;
  for (let at = key + 3; at < key + keyLength; at++) {
    const code = bytes[at] ?? 0;
    if (!((code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39))) return false;
  }
  for (const name of SPECIAL) if (name.fill(bytes, key, keyLength)) return false;
  return true;
}

function known(name: string): KnownBytes {
  return new KnownBytes(Buffer.from(name));
}
