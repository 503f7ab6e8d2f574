import { CeBrokerError } from 'ce-broker-proto';
import type { EventStore } from '../../state/event-store.js';
import type { AdminRoute } from './route.js';

/** A copy of everything that the store has, to keep elsewhere. */
export function backupRoutes(store: EventStore): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/backup',
      who: 'operators',
      query: [],
      answer: () => {
        const bytes = store.backup?.();
        if (bytes !== undefined) return { bytes, contentType: 'application/octet-stream' };
        throw new CeBrokerError(
          'failed_precondition',
          `the broker's store is ${store.name}: there are no files to copy; use "ce-broker export", or start the broker with --store lmdb`,
        );
      },
    },
  ];
}
