import { randomUUID } from 'node:crypto';
import type { Codec, EventCodec, Lister, ListOptions, ResourceObject } from 'ce-broker-client';
import {
  type AttributeValue,
  CloudEventsDataType,
  CloudEventsType,
  createEvent,
  type Event,
  Extension,
  eventDataBytes,
  formatRfc3339,
  parseRfc3339,
  readClusterName,
  readDeletionTimestamp,
  readOriginalSource,
  readResourceId,
  timestampFromMillis,
} from 'ce-broker-proto';
import { CloudEvent } from 'cloudevents';

export const PARTS = CloudEventsDataType.parse('io.ce-broker.behaviour.v1.parts');
export const TOOLS = CloudEventsDataType.parse('io.ce-broker.behaviour.v1.tools');
export const DELETED_AT = '2026-01-02T03:04:05Z';

/** The resource of the behaviour suite: plain data, so that any of it can be wrong on purpose. */
export interface Part extends ResourceObject {
  readonly cluster: string;
  readonly source: string;
  readonly spec?: unknown;
  readonly status?: unknown;
}

export function part(uid: string, version: number | string, more: Partial<Part> = {}): Part {
  return { uid, resourceVersion: String(version), cluster: 'c1', source: 'hub', spec: { uid }, ...more };
}

export function deleting(uid: string, version: number | string, more: Partial<Part> = {}): Part {
  return part(uid, version, { deletionTimestamp: DELETED_AT, ...more });
}

/** Over the exact event. The version is written as it is, a number or not. */
export function eventCodec(dataType = PARTS): EventCodec<Part> {
  return { dataType, encodeEvent: encodePart, decodeEvent: decodePart };
}

export function encodePart(source: string, eventType: CloudEventsType, resource: Part): Event {
  const isSpec = eventType.subResource === 'spec';
  const extensions: [string, AttributeValue][] = [
    [Extension.resourceId, { kind: 'string', value: resource.uid }],
    [Extension.resourceVersion, { kind: 'string', value: resource.resourceVersion }],
    [Extension.clusterName, { kind: 'string', value: resource.cluster }],
    [Extension.originalSource, { kind: 'string', value: isSpec ? '' : resource.source }],
  ];
  const at = resource.deletionTimestamp;
  if (isSpec && typeof at === 'string') {
    const value = parseRfc3339(at);
    if (value !== undefined) extensions.push([Extension.deletionTimestamp, { kind: 'timestamp', value }]);
  }
  const { spec, status } = resource;
  return createEvent({
    id: randomUUID(),
    source,
    type: eventType.toString(),
    time: timestampFromMillis(Date.now()),
    extensions,
    dataContentType: 'application/json',
    data: { kind: 'binary', value: Buffer.from(JSON.stringify(isSpec ? { spec } : { status })) },
  });
}

export function decodePart(event: Event): Part {
  const isStatus = CloudEventsType.parse(event.type).subResource === 'status';
  const version = event.extensions.get(Extension.resourceVersion);
  const at = readDeletionTimestamp(event);
  const bytes = eventDataBytes(event);
  const body: object =
    bytes === undefined || bytes.length === 0 ? {} : JSON.parse(Buffer.from(bytes).toString());
  return {
    uid: readResourceId(event) ?? '',
    resourceVersion: version?.kind === 'string' || version?.kind === 'integer' ? String(version.value) : '',
    cluster: readClusterName(event) ?? '',
    source: (isStatus ? readOriginalSource(event) : event.source) ?? '',
    ...(at === undefined ? {} : { deletionTimestamp: formatRfc3339(at) }),
    ...body,
  };
}

/** Over the class of the `cloudevents` package. */
export function classCodec(dataType = PARTS): Codec<Part> {
  return {
    dataType,
    encode: (source, eventType, resource) => {
      const { uid, resourceVersion, cluster, spec, status, deletionTimestamp: at } = resource;
      const isSpec = eventType.subResource === 'spec';
      return new CloudEvent<unknown>({
        source,
        type: eventType.toString(),
        resourceid: uid,
        resourceversion: resourceVersion,
        clustername: cluster,
        originalsource: isSpec ? '' : resource.source,
        ...(isSpec && typeof at === 'string' ? { deletiontimestamp: at } : {}),
        datacontenttype: 'application/json',
        data: isSpec ? { spec } : { status },
      });
    },
    decode: (event) => {
      const isStatus = CloudEventsType.parse(event.type).subResource === 'status';
      const at = event['deletiontimestamp'];
      return {
        uid: String(event['resourceid']),
        resourceVersion: String(event['resourceversion']),
        cluster: String(event['clustername']),
        source: isStatus ? String(event['originalsource']) : event.source,
        ...(at === undefined ? {} : { deletionTimestamp: String(at) }),
        ...(typeof event.data === 'object' ? event.data : {}),
      };
    },
  };
}

export function statusHashOf({ status }: Part): string {
  return `hash of ${JSON.stringify(status)}`;
}

/** Lists parts, and counts what it is asked. Without `get`: see {@link PartStore}. */
export class PartList implements Lister<Part> {
  readonly parts = new Map<string, Part>();
  readonly asked: ListOptions[] = [];
  lists = 0;
  /** How many parts all lists together gave. */
  listed = 0;

  constructor(parts: Iterable<Part> = []) {
    for (const each of parts) this.put(each);
  }

  put(resource: Part): void {
    this.parts.set(resource.uid, resource);
  }

  *list(options: ListOptions): Iterable<Part> {
    this.lists += 1;
    this.asked.push(options);
    for (const each of this.parts.values()) {
      if (!matches(each, options)) continue;
      this.listed += 1;
      yield each;
    }
  }
}

/** Finds single ones too. */
export class PartStore extends PartList {
  gets = 0;

  get(uid: string, options: ListOptions): Part | undefined {
    this.gets += 1;
    const found = this.parts.get(uid);
    return found !== undefined && matches(found, options) ? found : undefined;
  }
}

function matches({ cluster, source }: Part, options: ListOptions): boolean {
  return (
    (options.clusterName === '' || options.clusterName === cluster) &&
    (options.source === '' || options.source === source)
  );
}

/** An event type of {@link PARTS}, or of another data type. */
export function typeOf(
  subResource: 'spec' | 'status',
  action = 'update_request',
  dataType = PARTS,
): CloudEventsType {
  return new CloudEventsType(dataType, subResource, action);
}
