import {
  CeBrokerError,
  type CloudEventsDataType,
  CloudEventsType,
  decodeSpecResyncBody,
  type Event,
  EventAction,
  eventDataBytes,
  parseInt64,
  type ResourceVersion,
  readClusterName,
} from 'ce-broker-proto';
import type { AnswerOut } from '../base/answers.js';
import { asItIsNow, listAll } from '../base/listing.js';
import { newEventBuilder } from '../codec/event-builder.js';
import type { EventCodec } from '../generic/codec.js';
import type { Lister, ListOptions } from '../generic/lister.js';
import { isDeleting, type ResourceObject } from '../generic/resource.js';

export interface SpecAnswer<T extends ResourceObject> {
  readonly sourceId: string;
  readonly lister: Lister<T>;
  readonly codec: EventCodec<T>;
  readonly publish: (event: Event, kind: CloudEventsType) => Promise<void>;
}

/**
 * Sends an agent what it lacks: each own resource that is deleting, has version 0, or is newer than listed; then a deletion for each
 * listed id that this source does not hold. A source that holds nothing says nothing: it may only have lost its memory.
 * (Go: `respondResyncSpecRequest`; `originalsource` is not looked at there either.)
 */
export async function answerSpecResync<T extends ResourceObject>(
  request: Event,
  dataType: CloudEventsDataType,
  { sourceId, lister, codec, publish }: SpecAnswer<T>,
  out: AnswerOut,
): Promise<void> {
  const clusterName = readClusterName(request);
  if (clusterName === undefined) {
    throw new CeBrokerError('invalid_argument', 'the resync request has no ce-clustername', {
      field: 'ce-clustername',
    });
  }
  const listed = decodeSpecResyncBody(eventDataBytes(request));
  const versions = new Map(listed.map(({ resourceId, resourceVersion }) => [resourceId, resourceVersion]));
  const options: ListOptions = { clusterName, source: sourceId, dataType };
  const own = await listAll(lister, options);
  if (own.length === 0) return;
  const type = new CloudEventsType(dataType, 'spec', EventAction.resyncResponse);
  const newer = own.filter((resource) => isOwed(resource, versions.get(resource.uid)));
  await out.sendAll(newer, {
    uidOf: ({ uid }) => uid,
    keyOf: (resource) => `${resource.uid} ${resource.resourceVersion} ${isDeleting(resource)}`,
    send: async (listed) => {
      const resource = await asItIsNow(lister, listed, options);
      if (resource !== undefined) await publish(codec.encodeEvent(sourceId, type, resource), type);
    },
  });

  const held = new Set(own.map(({ uid }) => uid));
  const gone = listed.filter(({ resourceId }) => !held.has(resourceId));
  const now = new Date();
  const sendDeletion = async ({ resourceId, resourceVersion }: ResourceVersion) => {
    // Created meanwhile.
    if ((await lister.get?.(resourceId, options)) !== undefined) return;
    const event = newEventBuilder(sourceId, type)
      .withResourceId(resourceId)
      .withResourceVersion(resourceVersion)
      .withClusterName(clusterName)
      .withDeletionTimestamp(now)
      .newEvent();
    await publish(event, type);
  };
  const idOf = ({ resourceId }: ResourceVersion) => resourceId;
  await out.sendAll(gone, { uidOf: idOf, keyOf: idOf, send: sendDeletion });
}

/** An id that is not listed counts as version 0; a version that is no number is never sent. */
function isOwed(resource: ResourceObject, listed: bigint | undefined): boolean {
  if (isDeleting(resource)) return true;
  const version = parseInt64(resource.resourceVersion);
  return version !== undefined && (version === 0n || version > (listed ?? 0n));
}
