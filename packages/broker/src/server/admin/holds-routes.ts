import { CeBrokerError } from 'ce-broker-proto';
import type { BrokerHolds, HeldRow, HoldSubject } from '../holds.js';
import type { ChangeRecord } from './audit.js';
import { readBody } from './body.js';
import type { AdminRoute } from './route.js';

const SUBJECT = ['cluster', 'source', 'resource', 'type'] as const;

/** What is held, and how to hold and to release it. */
export function holdsRoutes(holds: BrokerHolds): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/holds',
      who: 'trusted',
      query: [],
      answer: () => ({ rows: holds.list() }),
    },
    {
      method: 'POST',
      path: '/holds',
      answer: async ({ body, by }) => {
        const { reason, ...named } = readBody(body, [...SUBJECT, 'reason'], ['reason']);
        const row = await holds.hold({ ...subjectOf(named), reason, by });
        return { json: { held: row }, did: record('hold', row) };
      },
    },
    {
      method: 'POST',
      path: '/release',
      answer: async ({ body, by }) => {
        const { all, ...rest } = body;
        if (all !== undefined && typeof all !== 'boolean')
          throw new CeBrokerError('invalid_argument', 'all must be true or false', { field: 'all' });
        const { deletions, ...named } = readBody(rest, [...SUBJECT, 'deletions']);
        const count = (all === true ? 1 : 0) + (deletions === undefined ? 0 : 1) + (isEmpty(named) ? 0 : 1);
        if (count !== 1) {
          throw new CeBrokerError(
            'invalid_argument',
            'name one: cluster, source, resource, deletions (of a cluster), or all',
          );
        }
        const rows =
          all === true
            ? await holds.release({ all, by })
            : deletions !== undefined
              ? await holds.release({ deletions, by })
              : await holds.release({ ...subjectOf(named), by });
        return { json: { released: rows }, did: recordOf(rows, all === true) };
      },
    },
  ];
}

type Named = Readonly<Partial<Record<(typeof SUBJECT)[number], string>>>;

function subjectOf({ cluster, resource, source, type }: Named): HoldSubject {
  if (resource === undefined && type !== undefined) {
    throw new CeBrokerError(
      'invalid_argument',
      'a type goes with a resource: clusters and sources are held as a whole',
      {
        field: 'type',
      },
    );
  }
  // Which of them may stand together is checked where programs are checked, too.
  return { cluster, resource, source, dataType: type } as HoldSubject;
}

function isEmpty(named: Named): boolean {
  return Object.values(named).every((value) => value === undefined);
}

function recordOf(rows: readonly HeldRow[], all: boolean): ChangeRecord | undefined {
  const [first] = rows;
  if (first === undefined) return undefined;
  if (all) return { action: 'release', about: { all, released: rows.length } };
  const waiting = rows.reduce((sum, row) => sum + row.waiting, 0);
  return record('release', { ...first, waiting });
}

function record(action: string, { cluster, dataType, kind, name, reason, waiting }: HeldRow): ChangeRecord {
  const about = { kind, name, cluster: cluster ?? undefined, dataType: dataType ?? undefined };
  return { action, about: action === 'hold' ? { ...about, reason } : { ...about, waiting } };
}
