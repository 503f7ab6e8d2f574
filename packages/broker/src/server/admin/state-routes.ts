import type { AdminRoute } from './route.js';
import type { SessionRows } from './session-rows.js';
import {
  choiceOf,
  flagOf,
  millisecondsOf,
  STATE_FILTERS,
  type StateFilter,
  stateFilterOf,
} from './state-filter.js';
import { RESOURCE_STATES, type StateRows } from './state-rows.js';

/** Who is connected, and what the broker holds. */
export function stateRoutes(rows: StateRows, sessions: SessionRows): readonly AdminRoute[] {
  const list = (path: string, read: (filter: StateFilter) => Iterable<object | undefined>): AdminRoute => ({
    method: 'GET',
    path,
    who: 'trusted',
    query: STATE_FILTERS,
    answer: (request) => ({ rows: read(stateFilterOf(request)) }),
  });
  return [
    list('/sessions', (filter) => sessions.rows(filter)),
    {
      method: 'GET',
      path: '/state',
      who: 'trusted',
      query: [...STATE_FILTERS, 'state', 'outOfSync', 'held', 'olderThanMs'],
      answer: (request) => ({
        rows: rows.resources({
          ...stateFilterOf(request),
          state: choiceOf(request, 'state', RESOURCE_STATES),
          outOfSync: flagOf(request, 'outOfSync'),
          held: flagOf(request, 'held'),
          olderThanMs: millisecondsOf(request, 'olderThanMs'),
        }),
      }),
    },
    list('/state/orphans', (filter) => rows.orphans(filter)),
    list('/state/tombstones', (filter) => rows.tombstones(filter)),
  ];
}
