import { CeBrokerError } from 'ce-broker-proto';
import type { EventStore, StoredBytes, StoredNote } from '../../state/event-store.js';

/** When an event was kept, and by whom; undefined: the store does not say, or its record is damaged. */
export function noteOf(store: EventStore, stored: StoredBytes): StoredNote | undefined {
  try {
    return store.describe(stored);
  } catch (thrown) {
    if (CeBrokerError.from(thrown).code === 'data_loss') return undefined;
    throw thrown;
  }
}
