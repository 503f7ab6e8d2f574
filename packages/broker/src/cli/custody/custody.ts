import { CeBrokerError } from 'ce-broker-proto';
import type { CustodyRow, ReconcilingRow } from '../../server/custody.js';
import { ExitCode } from '../exit-codes.js';
import { AdminClient, type AdminFlags } from '../state/admin-client.js';
import { write } from '../state/read.js';
import { visible } from '../visible.js';

export interface CustodyFlags extends AdminFlags {
  readonly cluster?: string;
  readonly source?: string;
  readonly type?: string;
  readonly orphans?: boolean;
  readonly tombstones?: boolean;
  readonly delete?: boolean;
  readonly to?: string;
  readonly reason: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Retires a resource, or everything of a source or a cluster. */
export async function forget(id: string | undefined, flags: CustodyFlags): Promise<number> {
  return change('/forget', id, flags, { delete: flags.delete });
}

/** Gives a resource, or everything of a source, to another source. */
export async function adopt(id: string | undefined, flags: CustodyFlags): Promise<number> {
  return change('/adopt', id, flags, { to: flags.to });
}

/** Shows how far a restored broker is. */
export async function showReconciling(flags: AdminFlags & { readonly json?: boolean }): Promise<number> {
  const row = (await new AdminClient(flags).json('/reconciling', {})) as ReconcilingRow;
  await write(flags.json === true ? `${JSON.stringify(row)}\n` : describe(row));
  return ExitCode.ok;
}

/** What a restored broker has counts, though its sources have not confirmed it. */
export async function reconciled(
  flags: AdminFlags & { readonly json?: boolean; readonly source?: string; readonly reason: string },
): Promise<number> {
  const { json, reason, source } = flags;
  const row = (await new AdminClient(flags).change('/reconciled', { source, reason })) as ReconcilingRow;
  await write(json === true ? `${JSON.stringify(row)}\n` : describe(row));
  return ExitCode.ok;
}

async function change(
  path: string,
  id: string | undefined,
  flags: CustodyFlags,
  more: object,
): Promise<number> {
  const { cluster, json, orphans, reason, source, tombstones, type, yes } = flags;
  if (id === undefined && source === undefined && cluster === undefined)
    throw new CeBrokerError('invalid_option', 'say what is meant: an ID, --source or --cluster');
  if (orphans === true && tombstones === true)
    throw new CeBrokerError('invalid_option', 'give one of --orphans and --tombstones', {
      field: '--orphans',
    });
  const only = orphans === true ? 'orphans' : tombstones === true ? 'tombstones' : undefined;
  const body = { resource: id, cluster, source, type, only, reason, yes, ...more };
  const row = (await new AdminClient(flags).change(path, body)) as CustodyRow;
  await write(json === true ? `${JSON.stringify(row)}\n` : describeChange(row));
  return ExitCode.ok;
}

const DONE = { forget: 'forgotten', delete: 'deleted', adopt: 'adopted' };

function describeChange(row: CustodyRow): string {
  const { action, clusters, dryRun, orphans, owners, resources, tombstones, unchanged } = row;
  const counts = [
    some(resources, 'resource'),
    some(tombstones, 'deletion without confirmation', 'deletions without confirmation'),
    some(orphans, 'orphan'),
  ].filter((text) => text !== '');
  const of = owners.length === 0 ? '' : ` of ${owners.join(', ')}`;
  const same = unchanged === 0 ? '' : ` (${unchanged} of them need no change)`;
  const what = visible(`${counts.join(', ')}${of} on ${some(clusters, 'cluster')}${same}`);
  return dryRun ? `would be ${DONE[action]}: ${what}\nadd --yes to do it\n` : `${DONE[action]}: ${what}\n`;
}

function some(count: number, one: string, many = `${one}s`): string {
  return count === 0 ? '' : `${count} ${count === 1 ? one : many}`;
}

function describe({ clusters, reconciling, restoredAt, sources }: ReconcilingRow): string {
  if (!reconciling) return 'reconciled: what the broker has counts, and it answers by itself\n';
  const lines = [`reconciling: the store was restored at ${restoredAt}`];
  for (const { places, source } of sources)
    lines.push(`  source ${source} has not confirmed what it owns in ${some(places, 'place')}`);
  if (clusters.length > 0) {
    const shown = clusters.slice(0, 10).join(', ');
    const more = clusters.length > 10 ? ` and ${clusters.length - 10} more` : '';
    lines.push(`  agents have not confirmed their statuses on ${shown}${more}`);
  }
  return `${lines.map(visible).join('\n')}\n`;
}
