import {
  type CloudEventsDataType,
  CloudEventsType,
  createEvent,
  type Event,
  EventAction,
  encodeSpecResyncBody,
  encodeStatusResyncBody,
  type ResourceStatusHash,
  type ResourceVersion,
  type SubResource,
} from 'ce-broker-proto';
import { newEventBuilder } from '../codec/event-builder.js';

/** A list of hashes goes out in parts of about this size, well under what any receiver takes. */
const PART_BYTES = 2 * 1024 * 1024;
/** What an entry costs beside its strings. */
const ENTRY_BYTES = 40;

/** An agent asks for the specs that differ from what it holds. One event however long: to a source the list is complete. */
export function specResyncRequest(
  agentId: string,
  dataType: CloudEventsDataType,
  clusterName: string,
  source: string,
  versions: readonly ResourceVersion[],
): Event {
  const builder = newEventBuilder(agentId, resyncRequestType(dataType, 'spec'))
    .withClusterName(clusterName)
    .withOriginalSource(source);
  return withBody(builder.newEvent(), encodeSpecResyncBody(versions));
}

/**
 * A source asks for the statuses that differ from what it holds. A long list is cut, as it may be: an agent answers for
 * the listed alone. An empty list asks for everything, so no part is empty unless the list is.
 */
export function* statusResyncRequests(
  sourceId: string,
  dataType: CloudEventsDataType,
  clusterName: string,
  hashes: readonly ResourceStatusHash[],
): Generator<Event> {
  for (const part of parts(hashes)) {
    const event = newEventBuilder(sourceId, resyncRequestType(dataType, 'status'))
      .withClusterName(clusterName)
      .newEvent();
    yield withBody(event, encodeStatusResyncBody(part));
  }
}

function* parts(hashes: readonly ResourceStatusHash[]): Generator<readonly ResourceStatusHash[]> {
  let begin = 0;
  let bytes = 0;
  for (const [index, { resourceId, statusHash }] of hashes.entries()) {
    const size = Buffer.byteLength(resourceId) + Buffer.byteLength(statusHash) + ENTRY_BYTES;
    if (index > begin && bytes + size > PART_BYTES) {
      yield hashes.slice(begin, index);
      begin = index;
      bytes = 0;
    }
    bytes += size;
  }
  yield hashes.slice(begin);
}

export function resyncRequestType(dataType: CloudEventsDataType, subResource: SubResource): CloudEventsType {
  return new CloudEventsType(dataType, subResource, EventAction.resyncRequest);
}

function withBody(event: Event, body: Uint8Array): Event {
  return createEvent({
    ...event,
    dataContentType: 'application/json',
    data: { kind: 'binary', value: body },
  });
}
