import { CeBrokerError } from 'ce-broker-proto';
import type { CustodyAction, CustodySubject } from '../../core/index.js';
import type { BrokerCustody, CustodyRow } from '../custody.js';
import type { ChangeRecord } from './audit.js';
import { readBody } from './body.js';
import type { AdminRoute, ChangeAnswer, ChangeRequest } from './route.js';

const SUBJECT = ['resource', 'source', 'cluster', 'type', 'only'] as const;
type Named = Readonly<Partial<Record<(typeof SUBJECT)[number], string>>>;

/** What is done by hand to what nobody looks after any more. */
export function custodyRoutes(custody: BrokerCustody): readonly AdminRoute[] {
  return [
    { method: 'POST', path: '/forget', answer: (change) => forget(custody, change) },
    { method: 'POST', path: '/discard', answer: (change) => discard(custody, change) },
    { method: 'POST', path: '/adopt', answer: (change) => adopt(custody, change) },
    {
      method: 'GET',
      path: '/reconciling',
      who: 'trusted',
      query: [],
      answer: () => ({ json: custody.reconciling() }),
    },
    {
      method: 'POST',
      path: '/reconciled',
      answer: ({ body }) => {
        const { reason, source } = readBody(body, ['source', 'reason'], ['reason']);
        const row = custody.reconciled(source);
        return { json: row, did: { action: 'reconciled', about: { source: source ?? 'all', reason } } };
      },
    },
  ];
}

async function forget(custody: BrokerCustody, { body, by }: ChangeRequest): Promise<ChangeAnswer> {
  const { delete: deletes, yes, ...rest } = body;
  const { reason, ...named } = readBody(rest, [...SUBJECT, 'reason'], ['reason']);
  const action: CustodyAction = { kind: flag(deletes, 'delete') ? 'delete' : 'forget' };
  const row = await custody.run(subjectOf(named), action, by, flag(yes, 'yes'));
  return { json: row, did: recordOf(row, named, { reason }) };
}

async function discard(custody: BrokerCustody, { body, by }: ChangeRequest): Promise<ChangeAnswer> {
  const named = readBody(body, ['deletions', 'type', 'source', 'reason'], ['deletions', 'reason']);
  const { deletions, reason, source, type } = named;
  const row = await custody.discard({ deletions, dataType: type, source, by });
  const { discarded, left } = row;
  return {
    json: row,
    did: { action: 'discard', about: { deletions, type, source, reason, discarded, left } },
  };
}

async function adopt(custody: BrokerCustody, { body, by }: ChangeRequest): Promise<ChangeAnswer> {
  const { yes, ...rest } = body;
  const { reason, to, ...named } = readBody(rest, [...SUBJECT, 'to', 'reason'], ['to', 'reason']);
  const row = await custody.run(subjectOf(named), { kind: 'adopt', to }, by, flag(yes, 'yes'));
  return { json: row, did: recordOf(row, named, { to, reason }) };
}

function subjectOf({ cluster, only, resource, source, type }: Named): CustodySubject {
  if (only !== undefined && only !== 'orphans' && only !== 'tombstones')
    throw new CeBrokerError('invalid_argument', `only is ${only}: it must be orphans or tombstones`, {
      field: 'only',
    });
  return { id: resource, source, cluster, dataType: type, only };
}

function flag(value: unknown, name: string): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value === 'boolean') return value;
  throw new CeBrokerError('invalid_argument', `${name} must be true or false`, { field: name });
}

function recordOf(
  row: CustodyRow,
  named: Named,
  more: Readonly<Record<string, string>>,
): ChangeRecord | undefined {
  if (row.dryRun) return undefined;
  const { action, orphans, resources, tombstones } = row;
  return { action, about: { ...named, ...more, resources, tombstones, orphans } };
}
