import type { Codec } from 'ce-broker-client';
import { type CloudEventsDataType, CloudEventsType, Extension } from 'ce-broker-client';
import { CloudEvent } from 'cloudevents';
import { bodyOf, type WidgetBody } from './event-codec.js';
import { Widget } from './widget.js';

/** Over the class of the `cloudevents` package. Writes the resource version as a string, as the programs over SDK v1.2 and v1.3 do. */
export function widgetClassCodec(dataType: CloudEventsDataType): Codec<Widget> {
  return { dataType, encode, decode };
}

function encode(source: string, eventType: CloudEventsType, widget: Widget): CloudEvent<unknown> {
  const { id, cluster, version, deleting } = widget.fields;
  const isStatus = eventType.subResource === 'status';
  const attributes = {
    source,
    type: eventType.toString(),
    [Extension.resourceId]: id,
    [Extension.resourceVersion]: String(version),
    [Extension.clusterName]: cluster,
    [Extension.originalSource]: isStatus ? widget.fields.source : '',
  };
  if (!isStatus && deleting !== undefined)
    return new CloudEvent<unknown>({ ...attributes, [Extension.deletionTimestamp]: deleting });
  return new CloudEvent<unknown>({
    ...attributes,
    datacontenttype: 'application/json',
    data: bodyOf(eventType, widget),
  });
}

function decode(event: CloudEvent<unknown>): Widget {
  const isStatus = CloudEventsType.parse(event.type).subResource === 'status';
  const deleting = event[Extension.deletionTimestamp];
  const body: WidgetBody = typeof event.data === 'object' && event.data !== null ? event.data : {};
  const version = event[Extension.resourceVersion];
  if (typeof version !== 'string' && typeof version !== 'number')
    throw new Error('resourceversion is neither a string nor a number');
  return new Widget({
    id: text(event, Extension.resourceId),
    cluster: text(event, Extension.clusterName),
    source: isStatus ? text(event, Extension.originalSource) : event.source,
    version: Number(version),
    deleting: deleting === undefined ? undefined : text(event, Extension.deletionTimestamp),
    ...body,
  });
}

function text(event: CloudEvent<unknown>, name: string): string {
  const value = event[name];
  if (typeof value !== 'string') throw new Error(`${name} is missing, or no string`);
  return value;
}
