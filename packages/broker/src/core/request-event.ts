import {
  encodeSpecResyncBody,
  encodeStatusResyncBody,
  type ResourceStatusHash,
  type ResourceVersion,
} from 'ce-broker-proto';
import { buildEvent } from '../wire/build-event.js';
import type { Core } from './core.js';

/** Room for the attributes around a list, in bytes. In JSON a character takes up to six. */
const ENVELOPE_BYTES = 8 * 1024;

/** What a resync request says beside its list. */
export interface RequestHead {
  readonly type: string;
  /** Who asks, as the receiver sees it. */
  readonly source: string;
  readonly cluster: string;
  readonly originalSource: string;
}

export function specRequest(
  core: Core,
  head: RequestHead,
  versions: readonly ResourceVersion[],
): readonly Uint8Array[] {
  return requests(core, head, versions, encodeSpecResyncBody, (entry) => 64 + 6 * entry.resourceId.length);
}

export function statusRequest(
  core: Core,
  head: RequestHead,
  hashes: readonly ResourceStatusHash[],
): readonly Uint8Array[] {
  const size = (entry: ResourceStatusHash) => 40 + 6 * (entry.resourceId.length + entry.statusHash.length);
  return requests(core, head, hashes, encodeStatusResyncBody, size);
}

/** A list longer than a receiver takes is cut into several; an empty one stays one, and means everything. */
function requests<T>(
  core: Core,
  head: RequestHead,
  list: readonly T[],
  encode: (part: readonly T[]) => Uint8Array,
  boundOf: (entry: T) => number,
): readonly Uint8Array[] {
  const limit = core.options.receiverMaxBytes - ENVELOPE_BYTES;
  const result: Uint8Array[] = [];
  let start = 0;
  let bytes = 0;
  for (const [index, entry] of list.entries()) {
    const bound = boundOf(entry);
    if (bytes + bound > limit && index > start) {
      result.push(request(core, head, encode(list.slice(start, index))));
      start = index;
      bytes = 0;
    }
    bytes += bound;
  }
  result.push(request(core, head, encode(start === 0 ? list : list.slice(start))));
  return result;
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
