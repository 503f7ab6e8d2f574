import {
  encodeSpecResyncBody,
  encodeStatusResyncBody,
  type ResourceStatusHash,
  type ResourceVersion,
} from 'ce-broker-proto';
import { buildEvent } from '../wire/build-event.js';
import type { Core } from './core.js';
import type { ListKind, RequestHead } from './list-plan.js';

/** Room for the attributes around a list, in bytes. In JSON a character takes up to six. */
const ENVELOPE_BYTES = 8 * 1024;

export const VERSIONS: ListKind<ResourceVersion> = {
  encode: encodeSpecResyncBody,
  boundOf: ({ resourceId }) => 64 + 6 * resourceId.length,
  isSame: (one, other) => one.resourceVersion === other.resourceVersion,
};

export const HASHES: ListKind<ResourceStatusHash> = {
  encode: encodeStatusResyncBody,
  boundOf: ({ resourceId, statusHash }) => 40 + 6 * (resourceId.length + statusHash.length),
  isSame: (one, other) => one.statusHash === other.statusHash,
};

/** The bytes that a list may take in one message to a receiver. */
export function roomForList(core: Core): number {
  return core.options.receiverMaxBytes - ENVELOPE_BYTES;
}

/** A list longer than a receiver takes is cut into several; an empty one stays one, and means everything. */
export function* requests<T>(
  core: Core,
  head: RequestHead,
  kind: ListKind<T>,
  list: Iterable<T>,
): Generator<Uint8Array, void> {
  const limit = roomForList(core);
  let part: T[] = [];
  let bytes = 0;
  for (const entry of list) {
    const bound = kind.boundOf(entry);
    if (bytes + bound > limit && part.length > 0) {
      yield request(core, head, kind.encode(part));
      part = [];
      bytes = 0;
    }
    part.push(entry);
    bytes += bound;
  }
  yield request(core, head, kind.encode(part));
}

function request(core: Core, head: RequestHead, data: Uint8Array): Uint8Array {
  return buildEvent({
    id: core.port.newId(),
    source: head.source,
    type: head.type,
    attributes: [
      { name: 'contenttype', kind: 'string', value: 'application/json' },
      { name: 'ce-clustername', kind: 'string', value: head.cluster },
      { name: 'ce-originalsource', kind: 'string', value: head.originalSource },
    ],
    data,
  });
}
