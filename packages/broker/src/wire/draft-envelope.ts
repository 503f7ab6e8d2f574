import type { Envelope, EventType } from './envelope.js';

/** An envelope under construction: the scan fills it as it meets the attributes, and gives it away as it is. */
export type DraftEnvelope = { -readonly [Name in keyof Envelope]: Envelope[Name] };

/** Stands in a draft until the type is known. */
export const UNREAD_TYPE: EventType = Object.freeze({
  name: '',
  dataType: '',
  subResource: 'spec',
  action: '',
});

/** An envelope without any attribute. */
export function draftEnvelope(bytes: Uint8Array): DraftEnvelope {
  return {
    bytes,
    id: '',
    source: '',
    type: UNREAD_TYPE,
    cluster: undefined,
    originalSource: undefined,
    resourceId: undefined,
    version: 0n,
    versionState: 'absent',
    deleting: false,
    deletedAt: 0,
    time: 0,
    sequenceId: undefined,
    statusHash: undefined,
    hasMetadata: false,
    contentType: undefined,
    dataStart: 0,
    dataEnd: 0,
  };
}
