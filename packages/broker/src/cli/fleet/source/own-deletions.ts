import type { CloudEventsOptions } from 'ce-broker-client';
import {
  decodeEvent,
  EventAction,
  readDeletionTimestamp,
  readResourceId,
  splitEventType,
} from 'ce-broker-proto';
import { filteredOptions } from '../filtered-options.js';

/**
 * A connection that lets only those deletions out that its source means. Asked by a resync, a source client deletes every id that it does
 * not hold, which is right for a database and wrong for a folder: a source that was started in another folder, or whose state file is
 * lost, would delete its fleet.
 * @param isMeant whether the source has seen that file go
 * @param kept told of each deletion that was held back
 */
export function ownDeletions(
  options: CloudEventsOptions,
  isMeant: (uid: string) => boolean,
  kept: (uid: string) => void,
): CloudEventsOptions {
  return filteredOptions(options, (event) => {
    const uid = deletedInAnswer(event);
    if (uid === undefined || isMeant(uid)) return true;
    kept(uid);
    return false;
  });
}

/** The id that the answer to a resync deletes; undefined for every other event. */
function deletedInAnswer(bytes: Uint8Array): string | undefined {
  // Few events are such answers: the others are not decoded.
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(EventAction.resyncResponse)) {
    return undefined;
  }
  const event = decodeEvent(bytes);
  const { subResource, action } = splitEventType(event.type);
  if (subResource !== 'spec' || action !== EventAction.resyncResponse) return undefined;
  return readDeletionTimestamp(event) === undefined ? undefined : (readResourceId(event) ?? '');
}
