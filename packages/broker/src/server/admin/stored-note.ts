import { CeBrokerError } from 'ce-broker-proto';
import type { EventStore, StoredBytes, StoredNote } from '../../state/event-store.js';

/** What was read from the store; undefined: the record is damaged, and the rest can be shown all the same. */
export function unlessDamaged<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (thrown) {
    if (CeBrokerError.from(thrown).code === 'data_loss') return undefined;
    throw thrown;
  }
}

/** When an event was kept, and by whom; undefined: the store does not say, or its record is damaged. */
export function noteOf(store: EventStore, stored: StoredBytes): StoredNote | undefined {
  return unlessDamaged(() => store.describe(stored));
}
