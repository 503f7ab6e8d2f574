import {
  type CloudEventsDataType,
  CloudEventsType,
  decodeStatusResyncBody,
  type Event,
  EventAction,
  eventDataBytes,
  type ResourceStatusHash,
} from 'ce-broker-proto';
import type { AnswerOut } from '../base/answers.js';
import { inSlices } from '../base/in-slices.js';
import { asItIsNow, findOne, listAll } from '../base/listing.js';
import type { EventCodec } from '../generic/codec.js';
import type { Lister, ListOptions, StatusHashGetter } from '../generic/lister.js';
import type { ResourceObject } from '../generic/resource.js';

export interface StatusAnswer<T extends ResourceObject> {
  readonly agentId: string;
  readonly clusterName: string;
  readonly lister: Lister<T>;
  readonly statusHashGetter: StatusHashGetter<T>;
  readonly codec: EventCodec<T>;
  readonly publish: (event: Event, kind: CloudEventsType) => Promise<void>;
}

/**
 * Sends a source the statuses that it lacks: of each listed resource whose hash differs, or of all when it lists none (Go:
 * `respondResyncStatusRequest`).
 */
export async function answerStatusResync<T extends ResourceObject>(
  request: Event,
  dataType: CloudEventsDataType,
  answer: StatusAnswer<T>,
  out: AnswerOut,
): Promise<void> {
  const { agentId, clusterName, lister, statusHashGetter, codec, publish } = answer;
  const options: ListOptions = { clusterName, source: request.source, dataType };
  const asked = decodeStatusResyncBody(eventDataBytes(request));
  const all = asked.length === 0;
  const differing: T[] = all ? [...(await listAll(lister, options))] : [];
  if (!all) {
    await inSlices(await askedFor(asked, lister, options), ({ resource, statusHash }) => {
      if (differs(resource, statusHash, statusHashGetter)) differing.push(resource);
    });
  }
  const type = new CloudEventsType(dataType, 'status', EventAction.resyncResponse);
  await out.sendAll(differing, {
    uidOf: ({ uid }) => uid,
    keyOf: ({ uid }) => uid,
    send: async (listed) => {
      const resource = await asItIsNow(lister, listed, options);
      if (resource !== undefined) await publish(codec.encodeEvent(agentId, type, resource), type);
    },
  });
}

interface Asked<T> {
  readonly resource: T;
  readonly statusHash: string;
}

/** One look-up each where the lister has them, and otherwise one list with an index. */
async function askedFor<T extends ResourceObject>(
  asked: readonly ResourceStatusHash[],
  lister: Lister<T>,
  options: ListOptions,
): Promise<Asked<T>[]> {
  const found: Asked<T>[] = [];
  if (lister.get === undefined) {
    const hashes = new Map(asked.map(({ resourceId, statusHash }) => [resourceId, statusHash]));
    for (const resource of await listAll(lister, options)) {
      const statusHash = hashes.get(resource.uid);
      if (statusHash !== undefined) found.push({ resource, statusHash });
    }
    return found;
  }
  for (const { resourceId, statusHash } of asked) {
    const resource = await findOne(lister, resourceId, options);
    if (resource !== undefined) found.push({ resource, statusHash });
  }
  return found;
}

/** A status without a hash is left out, as in Go. */
function differs<T extends ResourceObject>(resource: T, hash: string, hashOf: StatusHashGetter<T>): boolean {
  try {
    return hashOf(resource) !== hash;
  } catch {
    return false;
  }
}
