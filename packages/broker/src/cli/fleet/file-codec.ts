import type { EventCodec } from 'ce-broker-client';
import {
  type AttributeValue,
  CeBrokerError,
  type CloudEventsDataType,
  type CloudEventsType,
  type Event,
  EventAction,
  Extension,
  eventDataBytes,
  readClusterName,
  readDeletionTimestamp,
  readMetadata,
  readOriginalSource,
  readResourceId,
  readResourceVersion,
  readSequenceId,
  readStatusHash,
  splitEventType,
  timestampFromDate,
  timestampToDate,
} from 'ce-broker-proto';
import { buildEvent } from '../events/build.js';
import { contentTypeOf, type FileResource, type Report } from './file-resource.js';
import { reportOf, sequenceAfter, statusFromJson, statusToJson } from './status-json.js';

/**
 * Between a file and its events. A spec holds the bytes of the file as they are, and the file's name in the `metadata` extension, which a
 * broker keeps with a deletion; a status is JSON (`FileStatus`).
 */
export function fileCodec(dataType: CloudEventsDataType): EventCodec<FileResource> {
  return {
    dataType,
    encodeEvent: (source, eventType, resource) =>
      eventType.subResource === 'spec'
        ? encodeSpec(source, eventType, resource)
        : encodeStatus(source, eventType, resource),
    decodeEvent: (event) =>
      splitEventType(event.type).subResource === 'spec' ? decodeSpec(event) : decodeStatus(event),
  };
}

function encodeSpec(source: string, type: CloudEventsType, resource: FileResource): Event {
  const { deletionTimestamp, content } = resource;
  if (deletionTimestamp === undefined && content === undefined) {
    throw new CeBrokerError('internal', `${resource.uid} has no content: its file has not been read`, {
      field: 'content',
    });
  }
  return buildEvent({
    ...head(source, type, resource),
    deletionTimestamp: deletionTimestamp === undefined ? undefined : timestampFromDate(deletionTimestamp),
    contentType: content === undefined ? undefined : (resource.contentType ?? contentTypeOf(resource.name)),
    data: content === undefined ? undefined : { kind: 'binary', value: content },
  });
}

function encodeStatus(source: string, type: CloudEventsType, resource: FileResource): Event {
  const { report } = resource;
  if (report === undefined) {
    throw new CeBrokerError('internal', `${resource.uid} has no status yet`, { field: 'report' });
  }
  const base = head(source, type, resource);
  return buildEvent({
    ...base,
    // The lister of an agent gives what it holds, and that is not always what its status is about.
    resourceVersion: BigInt(report.version),
    originalSource: resource.source,
    contentType: 'application/json',
    data: { kind: 'binary', value: Buffer.from(statusToJson(report.status)) },
    more: [
      ...base.more,
      [Extension.sequenceId, text(sequenceIdOf(report, type))],
      [Extension.statusHash, text(report.hash)],
    ],
  });
}

/**
 * An answer says what holds now, whatever it was that another agent of the cluster, gone by now, said meanwhile: an old sequence id would
 * make it stale.
 */
function sequenceIdOf({ sequenceId }: Report, { action }: CloudEventsType): string {
  return action === EventAction.resyncResponse ? sequenceAfter(sequenceId, Date.now()) : sequenceId;
}

function head(source: string, type: CloudEventsType, resource: FileResource) {
  const more: [string, AttributeValue][] = [
    [Extension.metadata, text(JSON.stringify({ name: resource.name }))],
  ];
  return {
    source,
    dataType: type.dataType.toString(),
    subResource: type.subResource,
    action: type.action,
    cluster: resource.cluster,
    resourceId: resource.uid,
    resourceVersion: BigInt(resource.resourceVersion),
    more,
  };
}

const text = (value: string): AttributeValue => ({ kind: 'string', value });

function decodeSpec(event: Event): FileResource {
  const deletedAt = readDeletionTimestamp(event);
  const base = facts(event, event.source);
  if (deletedAt !== undefined) return { ...base, deletionTimestamp: timestampToDate(deletedAt) };
  return {
    ...base,
    content: eventDataBytes(event) ?? new Uint8Array(0),
    contentType: event.dataContentType,
  };
}

function decodeStatus(event: Event): FileResource {
  const data = eventDataBytes(event);
  const status = statusFromJson(Buffer.from(data ?? []).toString('utf8'));
  const base = facts(event, readOriginalSource(event) ?? '');
  const report = reportOf(status, base.resourceVersion, readSequenceId(event) ?? '');
  return {
    ...base,
    report: { ...report, hash: readStatusHash(event) ?? report.hash },
  };
}

function facts(event: Event, source: string) {
  const uid = readResourceId(event);
  if (uid === undefined || uid === '') throw missing(Extension.resourceId);
  const cluster = readClusterName(event);
  if (cluster === undefined) throw missing(Extension.clusterName);
  const version = readResourceVersion(event) ?? 0n;
  return { uid, cluster, source, resourceVersion: String(version), name: nameOf(event, uid) };
}

/** Events of other programs may have no `metadata`: then the last part of the id is the name. */
function nameOf(event: Event, uid: string): string {
  const metadata = readMetadata(event);
  if (metadata !== undefined) {
    try {
      const json: unknown = JSON.parse(metadata);
      if (typeof json === 'object' && json !== null && 'name' in json && typeof json.name === 'string') {
        return json.name;
      }
    } catch (cause) {
      throw new CeBrokerError('invalid_argument', 'attribute ce-metadata must be JSON: {"name": FILE}', {
        field: 'ce-metadata',
        cause,
      });
    }
  }
  return uid.slice(uid.lastIndexOf('/') + 1);
}

function missing(name: string): CeBrokerError {
  return new CeBrokerError('invalid_argument', `attribute ce-${name} is missing`, { field: `ce-${name}` });
}
