import { CeBrokerError } from 'ce-broker-proto';
import type { SessionRows } from '../session-rows.js';
import type { StateFilter, StateRows } from '../state-rows.js';
import type { AdminRequest, AdminRoute } from './route.js';

const FILTERS = ['cluster', 'source', 'type'];

/** Who is connected, and what the broker holds. */
export function stateRoutes(rows: StateRows, sessions: SessionRows): readonly AdminRoute[] {
  const list = (path: string, read: (filter: StateFilter) => Iterable<object>): AdminRoute => ({
    method: 'GET',
    path,
    who: 'trusted',
    query: FILTERS,
    answer: (request) => ({ rows: read(filterOf(request)) }),
  });
  return [
    list('/sessions', (filter) => sessions.rows(filter)),
    list('/state', (filter) => rows.resources(filter)),
    list('/state/orphans', (filter) => rows.orphans(filter)),
    list('/state/tombstones', (filter) => rows.tombstones(filter)),
    {
      method: 'GET',
      path: '/state/resource',
      who: 'trusted',
      query: ['id', ...FILTERS],
      answer: (request) => {
        const id = idOf(request, '/state/resource');
        const resources = rows.withId(id, filterOf(request));
        if (resources.length === 0) throw new CeBrokerError('not_found', `no resource with id ${id}`);
        return { json: { resources } };
      },
    },
  ];
}

function idOf(request: AdminRequest, path: string): string {
  const id = request.query('id');
  if (id === undefined)
    throw new CeBrokerError('invalid_argument', `id is missing: ${path}?id=ID`, { field: 'id' });
  return id;
}

function filterOf({ query }: AdminRequest): StateFilter {
  return { cluster: query('cluster'), source: query('source'), type: query('type') };
}
