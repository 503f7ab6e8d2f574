import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  createEvent,
  type Event,
  Extension,
  encodeEvent,
  encodeSpecResyncBody,
  encodeStatusResyncBody,
  eventDataBytes,
  MANIFEST_BUNDLES,
  type ResourceStatusHash,
  type ResourceVersion,
  timestampFromMillis,
} from 'ce-broker-proto';

/** The data type of the scenarios, unless they need another. */
export const WIDGETS = 'io.ce-broker.faults.v1.widgets';

export interface SpecFields {
  readonly source: string;
  readonly dataType: string;
  /** `create_request`, `update_request`, `delete_request` or `resync_response`. */
  readonly action: string;
  readonly cluster: string;
  readonly id: string;
  readonly version: number;
  /** Which life of the id this is; it travels in the data, for checkers. */
  readonly life: number;
  readonly deleting: boolean;
  /** Size of the data in bytes, about. Default: as small as it gets. */
  readonly bytes?: number | undefined;
  /** When the source wrote it. Default: now. */
  readonly time?: number | undefined;
  readonly eventId?: string | undefined;
}

/** A spec as a Go source writes it. */
export function specEvent(fields: SpecFields): Buffer {
  const at = fields.time ?? Date.now();
  const extensions: [string, AttributeValue][] = [
    [Extension.resourceId, text(fields.id)],
    [Extension.resourceVersion, versionValue(fields.dataType, fields.version)],
    [Extension.clusterName, text(fields.cluster)],
    [Extension.originalSource, text('')],
  ];
  if (fields.deleting)
    extensions.push([Extension.deletionTimestamp, { kind: 'timestamp', value: timestampFromMillis(at) }]);
  const data = { life: fields.life, version: fields.version, pad: 'x'.repeat(fields.bytes ?? 0) };
  return encode(fields.source, `${fields.dataType}.spec.${fields.action}`, extensions, {
    time: at,
    data: fields.deleting ? undefined : JSON.stringify(data),
    eventId: fields.eventId,
  });
}

export interface StatusFields {
  readonly agent: string;
  readonly dataType: string;
  readonly action: string;
  readonly cluster: string;
  readonly originalSource: string;
  readonly id: string;
  readonly version: number;
  readonly sequence: number;
  /** Says that the resource is gone (for ManifestBundles: the condition Deleted). */
  readonly gone: boolean;
}

/** A status as a Go agent writes it. */
export function statusEvent(fields: StatusFields): Buffer {
  const extensions: [string, AttributeValue][] = [
    [Extension.resourceId, text(fields.id)],
    [Extension.resourceVersion, versionValue(fields.dataType, fields.version)],
    [Extension.clusterName, text(fields.cluster)],
    [Extension.originalSource, text(fields.originalSource)],
    [Extension.sequenceId, text(String(fields.sequence))],
    [Extension.statusHash, text(hashOf(fields.sequence))],
  ];
  const data = {
    conditions: [{ type: fields.gone ? 'Deleted' : 'Applied', status: 'True' }],
    resourceStatus: [],
    sequence: fields.sequence,
  };
  return encode(fields.agent, `${fields.dataType}.status.${fields.action}`, extensions, {
    data: JSON.stringify(data),
  });
}

/** The hash of the status with this number. */
export function hashOf(sequence: number): string {
  return `hash-${sequence}`;
}

/** An agent says what it holds, and asks for the rest. */
export function specResyncEvent(
  agent: string,
  dataType: string,
  cluster: string,
  list: Iterable<ResourceVersion>,
  source = '',
): Buffer {
  return encode(agent, `${dataType}.spec.resync_request`, addressed(cluster, source), {
    data: encodeSpecResyncBody(list),
  });
}

/** A source says which statuses it knows, and asks for the rest. */
export function statusResyncEvent(
  source: string,
  dataType: string,
  list: Iterable<ResourceStatusHash>,
  cluster = '',
): Buffer {
  return encode(source, `${dataType}.status.resync_request`, addressed(cluster, ''), {
    data: encodeStatusResyncBody(list),
  });
}

/** Life and version that the data of a spec tells; 0 when it tells none. */
export function tellsOf(event: Event): { readonly life: number; readonly version: number } {
  const bytes = eventDataBytes(event);
  if (bytes === undefined || bytes.length === 0) return { life: 0, version: 0 };
  const data: { life?: number; version?: number } = JSON.parse(Buffer.from(bytes).toString('utf8'));
  return { life: data.life ?? 0, version: data.version ?? 0 };
}

function encode(
  source: string,
  type: string,
  extensions: readonly (readonly [string, AttributeValue])[],
  more: { time?: number; data?: string | Buffer | undefined; eventId?: string | undefined },
): Buffer {
  const { data } = more;
  return encodeEvent(
    createEvent({
      id: more.eventId ?? randomUUID(),
      source,
      type,
      time: timestampFromMillis(more.time ?? Date.now()),
      dataContentType: data === undefined ? undefined : 'application/json',
      extensions,
      data: data === undefined ? undefined : { kind: 'binary', value: Buffer.from(data) },
    }),
  );
}

function addressed(cluster: string, originalSource: string): [string, AttributeValue][] {
  return [
    [Extension.clusterName, text(cluster)],
    [Extension.originalSource, text(originalSource)],
  ];
}

/** ManifestBundles carry the generation as an integer, other types a string (v1.3). */
function versionValue(dataType: string, version: number): AttributeValue {
  return dataType === MANIFEST_BUNDLES
    ? { kind: 'integer', value: version }
    : { kind: 'string', value: String(version) };
}

function text(value: string): AttributeValue {
  return { kind: 'string', value };
}
