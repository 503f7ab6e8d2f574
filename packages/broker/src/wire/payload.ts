import { decodeEvent, eventDataBytes } from 'ce-broker-proto';
import type { Envelope } from './envelope.js';
import { STRUCTURED } from './slow-scan.js';

/**
 * The data of a scanned event: a view of its bytes, or, in structured mode, the data inside of the JSON. Undefined when
 * there is none (an empty one is not none), or when it is a protobuf message.
 */
export function payloadOf(envelope: Envelope): Uint8Array | undefined {
  if (envelope.contentType === STRUCTURED) return eventDataBytes(decodeEvent(envelope.bytes));
  if (envelope.dataEnd === 0) return undefined;
  return envelope.bytes.subarray(envelope.dataStart, envelope.dataEnd);
}
