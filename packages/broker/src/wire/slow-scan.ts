import {
  CeBrokerError,
  decodeEventParts,
  type Event,
  Extension,
  parseInt64,
  readClusterName,
  readDeletionTimestamp,
  readOriginalSource,
  readResourceId,
  readSequenceId,
  readStatusHash,
  readStringExtension,
  timestampToMillis,
} from 'ce-broker-proto';
import type { Envelope, VersionState } from './envelope.js';
import type { EventTypes } from './event-types.js';

/** The content type that stands for structured mode in an envelope. */
export const STRUCTURED = 'application/cloudevents+json';

/** The envelope by way of the full decoder: for what the fast scan leaves alone, and for every error. */
export function scanSlowly(bytes: Uint8Array, types: EventTypes): Envelope {
  const { event, structured, dataStart, dataEnd } = decodeEventParts(bytes);
  required('id', event.id);
  required('source', event.source);
  const type = types.get(event.type);
  const deletion = readDeletionTimestamp(event);
  const { version, versionState } = readVersion(event);
  readStringExtension(event, Extension.metadata);
  return {
    bytes,
    id: event.id,
    source: event.source,
    type,
    cluster: readClusterName(event),
    originalSource: readOriginalSource(event),
    resourceId: readResourceId(event),
    version,
    versionState,
    deleting: deletion !== undefined,
    deletedAt: deletion === undefined ? 0 : timestampToMillis(deletion),
    time: event.time === undefined ? 0 : timestampToMillis(event.time),
    sequenceId: readSequenceId(event),
    statusHash: readStatusHash(event),
    hasMetadata: event.extensions.has(Extension.metadata),
    contentType: structured ? STRUCTURED : event.dataContentType,
    dataStart,
    dataEnd,
  };
}

function readVersion(event: Event): { version: bigint; versionState: VersionState } {
  const value = event.extensions.get(Extension.resourceVersion);
  if (value === undefined) return { version: 0n, versionState: 'absent' };
  const version =
    value.kind === 'integer'
      ? BigInt(value.value)
      : value.kind === 'string'
        ? parseInt64(value.value)
        : undefined;
  return version === undefined
    ? { version: 0n, versionState: 'invalid' }
    : { version, versionState: 'valid' };
}

function required(field: string, value: string): void {
  if (value.trim() !== '') return;
  throw new CeBrokerError('invalid_argument', `${field} is empty; every event needs one`, { field });
}
