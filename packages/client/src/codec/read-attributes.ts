import {
  CeBrokerError,
  type CloudEventsDataType,
  type Event,
  Extension,
  eventDataBytes,
  parseInt64,
  readClusterName,
  readDeletionTimestamp,
  readMetadata,
  readOriginalSource,
  readResourceId,
  readResourceVersion,
  readSequenceId,
  readStatusHash,
  type SubResource,
  splitEventType,
  timestampToDate,
} from 'ce-broker-proto';

/** What spec and status events of every type carry beside their data. */
export interface ResourceAttributes {
  readonly subResource: SubResource;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly clusterName: string;
  /** Whose resource it is: the event's `source` for a spec, its `originalsource` for a status (empty when it has none). */
  readonly source: string;
  readonly deletionTimestamp: Date | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly sequenceId: string | undefined;
  readonly statusHash: string | undefined;
}

/** Reads them all. Throws `invalid_argument` naming the first that is missing or wrong. */
export function readAttributes(event: Event, dataType: CloudEventsDataType): ResourceAttributes {
  const { dataType: given, subResource } = splitEventType(event.type);
  if (given !== dataType.toString()) throw wrongType(given, dataType);
  const deletion = readDeletionTimestamp(event);
  return {
    subResource,
    uid: need(readResourceId(event), Extension.resourceId),
    resourceVersion: String(need(readResourceVersion(event), Extension.resourceVersion)),
    clusterName: need(readClusterName(event), Extension.clusterName),
    source: subResource === 'spec' ? event.source : (readOriginalSource(event) ?? ''),
    deletionTimestamp: deletion === undefined ? undefined : timestampToDate(deletion),
    metadata: metadataOf(event),
    sequenceId: readSequenceId(event),
    statusHash: readStatusHash(event),
  };
}

/** The data as JSON; undefined when there is none. Throws `invalid_argument`. */
export function readJsonData(event: Event): unknown {
  const bytes = eventDataBytes(event);
  if (bytes === undefined || bytes.length === 0) return undefined;
  return parseJson(
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'),
    'data',
    'the data',
  );
}

/** What is wrong before a resource can be written. */
export function checkResource(
  resource: { readonly uid: string; readonly resourceVersion: string; readonly clusterName: string },
  given: CloudEventsDataType,
  dataType: CloudEventsDataType,
): void {
  if (!given.equals(dataType)) throw wrongType(given.toString(), dataType);
  if (typeof resource.uid !== 'string' || resource.uid === '') throw incomplete('uid', 'is missing');
  const { uid, resourceVersion, clusterName } = resource;
  if (typeof clusterName !== 'string') throw incomplete('clusterName', `of the resource ${uid} is missing`);
  if (typeof resourceVersion !== 'string' || parseInt64(resourceVersion) === undefined) {
    const shown = JSON.stringify(resourceVersion) ?? 'undefined';
    throw incomplete(
      'resourceVersion',
      `of the resource ${uid} is ${shown}; it must be a whole number of 64 bits as a string, "0" when the resource has none`,
    );
  }
}

export function missingData(uid: string): CeBrokerError {
  return new CeBrokerError(
    'invalid_argument',
    `the data is missing: the spec of the resource ${uid}, which is not being deleted, needs some`,
    { field: 'data' },
  );
}

export function incomplete(field: string, what: string): CeBrokerError {
  return new CeBrokerError('invalid_argument', `${field} ${what}`, { field });
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function metadataOf(event: Event): Readonly<Record<string, unknown>> {
  const text = readMetadata(event);
  if (text === undefined) return {};
  const value = parseJson(text, 'ce-metadata', 'attribute ce-metadata');
  if (value === null) return {};
  if (!isObject(value)) {
    throw new CeBrokerError('invalid_argument', 'attribute ce-metadata must be a JSON object', {
      field: 'ce-metadata',
    });
  }
  return value;
}

function parseJson(text: string, field: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CeBrokerError('invalid_argument', `${what} is no JSON: ${why}`, { field, cause });
  }
}

function need<V>(value: V | undefined, name: string): V {
  if (value !== undefined && value !== '') return value;
  const what = value === undefined ? 'missing' : 'empty';
  throw new CeBrokerError('invalid_argument', `attribute ce-${name} is ${what}`, { field: `ce-${name}` });
}

function wrongType(given: string, wanted: CloudEventsDataType): CeBrokerError {
  return new CeBrokerError('invalid_argument', `the data type is ${given}; this codec is for ${wanted}`, {
    field: 'type',
  });
}
