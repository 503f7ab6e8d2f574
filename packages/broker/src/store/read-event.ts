import { CeBrokerError } from 'ce-broker-proto';
import type { Databases } from './databases.js';
import { decodeEvent, type EventRecord, numberKey, unseal } from './layout.js';

/**
 * The event of a position. Throws `data_loss` when it is not what was written there.
 * @param unwritten its record, where the transaction that writes it is not committed yet
 */
export function readEvent(
  { events }: Databases,
  directory: string,
  position: number,
  unwritten?: Buffer,
): EventRecord {
  const key = numberKey(position);
  const sealed = unwritten ?? events.get(key);
  const record = sealed === undefined ? undefined : unseal(key, sealed);
  if (record !== undefined) return decodeEvent(record);
  const state = sealed === undefined ? 'missing' : 'damaged';
  throw new CeBrokerError(
    'data_loss',
    `the event at position ${position} in ${directory} is ${state}: it is not handed out, and asked for again`,
  );
}
