import { CeBrokerError } from 'ce-broker-proto';
import type { Core } from '../../core/index.js';
import type { Resource } from '../../state/resource.js';
import { historyOf } from './history.js';
import type { AdminRequest, AdminRoute } from './route.js';
import { idOf, millisecondsOf, STATE_FILTERS, stateFilterOf } from './state-filter.js';
import type { StateRows } from './state-rows.js';
import { DEFAULT_STUCK_MS, type StuckRows } from './stuck-rows.js';
import { traceOf } from './trace-rows.js';

/** What became of a resource, what it was, and what does not move. */
export function explainRoutes(
  core: Readonly<Core>,
  rows: StateRows,
  stuck: StuckRows,
): readonly AdminRoute[] {
  const ofResource = (
    path: string,
    read: (found: Resource, request: AdminRequest) => object | Promise<object>,
  ): AdminRoute => ({
    method: 'GET',
    path,
    who: 'trusted',
    query: ['id', ...STATE_FILTERS],
    answer: async (request) => {
      const id = idOf(request, path);
      const resources: object[] = [];
      for (const found of await rows.found(id, stateFilterOf(request)))
        resources.push(await read(found, request));
      if (resources.length === 0) throw new CeBrokerError('not_found', `no resource with id ${id}`);
      return { json: { resources } };
    },
  });
  return [
    ofResource('/state/resource', (found) => rows.detail(found)),
    ofResource('/state/history', (found) => historyOf(core, found)),
    ofResource('/state/trace', (found) => traceOf(core, rows, found)),
    {
      method: 'GET',
      path: '/state/stuck',
      who: 'trusted',
      query: [...STATE_FILTERS, 'olderThanMs'],
      answer: (request) => ({
        rows: stuck.rows({
          ...stateFilterOf(request),
          olderThanMs: millisecondsOf(request, 'olderThanMs') ?? DEFAULT_STUCK_MS,
        }),
      }),
    },
  ];
}
