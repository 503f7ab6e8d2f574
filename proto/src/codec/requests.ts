import type { TransportSubscribeRequest } from '../transport.js';
import { asBuffer, malformed, WireReader } from './wire-reader.js';
import { varintSize, WireWriter } from './wire-writer.js';

/** Wraps an encoded event into a PublishRequest. */
export function encodePublishRequest(event: Uint8Array): Buffer {
  return new WireWriter(1 + varintSize(event.length) + event.length).bytesField(1, event).finish();
}

/** The event of a PublishRequest, as a view of its bytes. Without an event, or with two, `invalid_argument` on `event`. */
export function decodePublishRequest(request: Uint8Array): Buffer {
  const reader = new WireReader(asBuffer(request), 0, request.length, 'request');
  let event: Buffer | undefined;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag >>> 3 !== 1) {
      reader.skip(tag);
      continue;
    }
    if (event !== undefined) throw malformed('event', 'the request holds more than one event');
    event = reader.view(tag, 'event');
  }
  if (event === undefined) throw malformed('event', 'the request holds no event');
  return event;
}

/** The bytes of a SubscriptionRequest. */
export function encodeSubscriptionRequest(request: TransportSubscribeRequest): Buffer {
  const writer = new WireWriter(128);
  if (request.source !== '') writer.stringField(1, request.source, 'source');
  if (request.clusterName !== '') writer.stringField(2, request.clusterName, 'cluster_name');
  if (request.dataType !== '') writer.stringField(3, request.dataType, 'data_type');
  return writer.finish();
}

/** Reads a SubscriptionRequest; what is absent is `""`. Throws `invalid_argument` naming the field. */
export function decodeSubscriptionRequest(bytes: Uint8Array): TransportSubscribeRequest {
  const reader = new WireReader(asBuffer(bytes), 0, bytes.length, 'request');
  let [source, clusterName, dataType] = ['', '', ''];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) source = reader.string(tag, 'source');
    else if (tag >>> 3 === 2) clusterName = reader.string(tag, 'cluster_name');
    else if (tag >>> 3 === 3) dataType = reader.string(tag, 'data_type');
    else reader.skip(tag);
  }
  return { source, clusterName, dataType };
}
