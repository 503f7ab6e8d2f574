import {
  type CloudEventsDataType,
  CloudEventsType,
  type Event,
  type EventCodec,
  Extension,
  eventDataBytes,
  newEventBuilder,
  readClusterName,
  readDeletionTimestamp,
  readOriginalSource,
  readResourceId,
  readResourceVersion,
} from 'ce-broker-client';
import { formatRfc3339 } from 'ce-broker-proto';
import { Widget } from './widget.js';

/** What a codec writes as the data of an event. */
export interface WidgetBody {
  readonly spec?: unknown;
  readonly status?: unknown;
  readonly deleted?: boolean | undefined;
}

/** Over the exact event. Writes the resource version as an integer, as the programs over SDK v0.15 to v1.1 do. */
export function widgetEventCodec(dataType: CloudEventsDataType): EventCodec<Widget> {
  return { dataType, encodeEvent, decodeEvent };
}

function encodeEvent(source: string, eventType: CloudEventsType, widget: Widget): Event {
  const { id, cluster, version, deleting } = widget.fields;
  const builder = newEventBuilder(source, eventType)
    .withResourceId(id)
    .withResourceVersion(version, 'integer')
    .withClusterName(cluster);
  if (eventType.subResource === 'status') builder.withOriginalSource(widget.fields.source);
  else if (deleting !== undefined) return builder.withDeletionTimestamp(deleting).newEvent();
  return builder.withJsonData(bodyOf(eventType, widget)).newEvent();
}

export function bodyOf(eventType: CloudEventsType, widget: Widget): WidgetBody {
  const { spec, status, deleted } = widget.fields;
  return eventType.subResource === 'spec' ? { spec } : { status, deleted: deleted || undefined };
}

function decodeEvent(event: Event): Widget {
  const isStatus = CloudEventsType.parse(event.type).subResource === 'status';
  const deleting = readDeletionTimestamp(event);
  const bytes = eventDataBytes(event);
  const body: WidgetBody =
    bytes === undefined || bytes.length === 0 ? {} : JSON.parse(Buffer.from(bytes).toString('utf8'));
  return new Widget({
    id: given(Extension.resourceId, readResourceId(event)),
    cluster: given(Extension.clusterName, readClusterName(event)),
    source: isStatus ? given(Extension.originalSource, readOriginalSource(event)) : event.source,
    version: Number(given(Extension.resourceVersion, readResourceVersion(event))),
    deleting: deleting === undefined ? undefined : formatRfc3339(deleting),
    ...body,
  });
}

function given<V>(name: string, value: V | undefined): V {
  if (value === undefined) throw new Error(`${name} is missing`);
  return value;
}
