import { CeBrokerError } from './errors.js';
import type { AttributeValue, Event } from './event.js';
import { parseRfc3339, type Timestamp } from './timestamp.js';

/** The names of the extension attributes that the SDK uses (Go: the `Extension...` constants of `generic/types`). */
export const Extension = Object.freeze({
  resourceId: 'resourceid',
  resourceVersion: 'resourceversion',
  clusterName: 'clustername',
  originalSource: 'originalsource',
  deletionTimestamp: 'deletiontimestamp',
  sequenceId: 'sequenceid',
  statusHash: 'statushash',
  /** A JSON string: the metadata of a ManifestWork. */
  metadata: 'metadata',
  /** A JSON string. */
  logTracing: 'logtracing',
});

/** Anything that carries extensions: an {@link Event}, or only its map. */
export type HasExtensions = Pick<Event, 'extensions'>;

/** The largest number that Go's int64 holds. */
export const INT64_MAX = 9223372036854775807n;
/** The smallest. */
export const INT64_MIN = -9223372036854775808n;

/**
 * An extension that must be a string. Undefined when absent; `invalid_argument` naming the attribute when it is of
 * another kind (Go: `types.ToString`).
 */
export function readStringExtension(event: HasExtensions, name: string): string | undefined {
  const value = event.extensions.get(name);
  if (value === undefined) return undefined;
  if (value.kind === 'string') return value.value;
  throw wrongKind(name, 'a string', value);
}

/** `resourceid`; undefined when absent. */
export function readResourceId(event: HasExtensions): string | undefined {
  return readStringExtension(event, Extension.resourceId);
}

/** `clustername`; undefined when absent, `""` means all clusters in a status resync. */
export function readClusterName(event: HasExtensions): string | undefined {
  return readStringExtension(event, Extension.clusterName);
}

/** `originalsource`; undefined when absent, `""` means all sources. */
export function readOriginalSource(event: HasExtensions): string | undefined {
  return readStringExtension(event, Extension.originalSource);
}

/** `sequenceid`: the order of an agent's status updates; undefined when absent. */
export function readSequenceId(event: HasExtensions): string | undefined {
  return readStringExtension(event, Extension.sequenceId);
}

/** `statushash`: opaque; undefined when absent. */
export function readStatusHash(event: HasExtensions): string | undefined {
  return readStringExtension(event, Extension.statusHash);
}

/** `metadata`, as the JSON text that it is; undefined when absent. */
export function readMetadata(event: HasExtensions): string | undefined {
  return readStringExtension(event, Extension.metadata);
}

/**
 * `resourceversion` in either form: the integer that ManifestBundles and v0.15 write, or the string of other types in
 * v1.3. Undefined when absent; `invalid_argument` when it is neither, or outside int64.
 */
export function readResourceVersion(event: HasExtensions): bigint | undefined {
  const value = event.extensions.get(Extension.resourceVersion);
  if (value === undefined) return undefined;
  if (value.kind === 'integer') return BigInt(value.value);
  if (value.kind !== 'string') throw wrongKind(Extension.resourceVersion, 'an integer or a string', value);
  const version = parseInt64(value.value);
  if (version !== undefined) return version;
  throw new CeBrokerError(
    'invalid_argument',
    `attribute ce-resourceversion is ${JSON.stringify(value.value.slice(0, 100))}; it must be a whole number of 64 bits`,
    { field: 'ce-resourceversion' },
  );
}

/**
 * `deletiontimestamp`: a timestamp, or RFC 3339 text. Undefined when absent; its presence counts, so an empty or
 * malformed one is `invalid_argument` (Go: `types.ToTime`).
 */
export function readDeletionTimestamp(event: HasExtensions): Timestamp | undefined {
  const value = event.extensions.get(Extension.deletionTimestamp);
  if (value === undefined) return undefined;
  if (value.kind === 'timestamp') return value.value;
  if (value.kind !== 'string')
    throw wrongKind(Extension.deletionTimestamp, 'a timestamp or RFC 3339 text', value);
  const time = parseRfc3339(value.value);
  if (time !== undefined) return time;
  throw new CeBrokerError(
    'invalid_argument',
    `attribute ce-deletiontimestamp is ${JSON.stringify(value.value.slice(0, 100))}; it must be an RFC 3339 time such as 2025-03-14T15:09:26Z`,
    { field: 'ce-deletiontimestamp' },
  );
}

/** Reads a decimal int64 as Go's `strconv.ParseInt(text, 10, 64)` does; undefined when it is not one. */
export function parseInt64(text: string): bigint | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
  // Leading zeros are legal at any length, and BigInt takes quadratic time: cut them before looking at the length.
  const digits = text.replace(/^([+-]?)0*(?=[0-9])/, '$1');
  if (digits.length > 20) return undefined;
  const value = BigInt(digits.startsWith('+') ? digits.slice(1) : digits);
  return value >= INT64_MIN && value <= INT64_MAX ? value : undefined;
}

function wrongKind(name: string, wanted: string, value: AttributeValue): CeBrokerError {
  return new CeBrokerError(
    'invalid_argument',
    `attribute ce-${name} is of kind ${value.kind}; it must be ${wanted}`,
    {
      field: `ce-${name}`,
    },
  );
}
