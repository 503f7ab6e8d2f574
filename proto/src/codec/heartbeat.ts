import { HEARTBEAT_TYPE } from '../event-type.js';
import { asBuffer } from './wire-reader.js';
import { WireWriter } from './wire-writer.js';

/** A heartbeat as Go's server sends it: an id, spec_version 1.0 and the type, no source, no attributes. */
export function encodeHeartbeat(id: string): Buffer {
  return new WireWriter(128)
    .stringField(1, id, 'id')
    .stringField(3, '1.0', 'spec_version')
    .stringField(4, HEARTBEAT_TYPE, 'type')
    .finish();
}

/** Whether an encoded event is a heartbeat, looking only at the first fields: cheap enough for every event. */
export function isHeartbeat(event: Uint8Array): boolean {
  const bytes = asBuffer(event);
  let pos = 0;
  while (pos + 1 < bytes.length) {
    const tag = bytes[pos] ?? 0;
    const length = bytes[pos + 1] ?? 0x80;
    if (length >= 0x80) return false;
    const start = pos + 2;
    if (tag === 0x22) {
      return (
        length === HEARTBEAT_TYPE.length && bytes.toString('latin1', start, start + length) === HEARTBEAT_TYPE
      );
    }
    if (tag !== 0x0a && tag !== 0x12 && tag !== 0x1a) return false;
    pos = start + length;
  }
  return false;
}
