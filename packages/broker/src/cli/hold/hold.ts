import { CeBrokerError } from 'ce-broker-proto';
import type { DiscardedRow, HeldRow } from '../../server/index.js';
import { ExitCode } from '../exit-codes.js';
import { AdminClient, type AdminFlags } from '../state/admin-client.js';
import { formatAge, formatTable } from '../state/table.js';
import { visible } from '../visible.js';

export interface HoldFlags extends AdminFlags {
  readonly cluster?: string;
  readonly source?: string;
  readonly resource?: string;
  readonly type?: string;
  readonly json?: boolean;
}

export interface ReleaseFlags extends HoldFlags {
  readonly deletions?: string;
  readonly all?: boolean;
}

/** Pauses a cluster, a source or one resource. */
export async function hold(flags: HoldFlags & { readonly reason: string }): Promise<number> {
  const { cluster, json, reason, resource, source, type } = flags;
  requireOne(flags, ['--cluster', '--source', '--resource']);
  const body = { cluster, source, resource, type, reason };
  const { held } = (await new AdminClient(flags).change('/holds', body)) as { readonly held: HeldRow };
  if (json === true) process.stdout.write(`${JSON.stringify(held)}\n`);
  else process.stdout.write(`held: ${nameOf(held)}${waiting(held)}\n`);
  return ExitCode.ok;
}

/** Ends holds, or consents to deletions. */
export async function release(flags: ReleaseFlags): Promise<number> {
  const { all, cluster, deletions, json, resource, source, type } = flags;
  requireOne(flags, ['--cluster', '--source', '--resource', '--deletions', '--all']);
  const body = { cluster, source, resource, type, deletions, all };
  const answer = (await new AdminClient(flags).change('/release', body)) as {
    readonly released: readonly HeldRow[];
  };
  if (json === true) {
    for (const row of answer.released) process.stdout.write(`${JSON.stringify(row)}\n`);
    return ExitCode.ok;
  }
  for (const row of answer.released) process.stdout.write(`released: ${nameOf(row)}${waiting(row)}\n`);
  if (answer.released.length === 0) process.stdout.write('nothing was held\n');
  return ExitCode.ok;
}

export interface DiscardFlags extends AdminFlags {
  readonly deletions: string;
  readonly type?: string;
  readonly source?: string;
  readonly reason: string;
  readonly json?: boolean;
}

/** Says no to deletions that wait for consent. */
export async function discard(flags: DiscardFlags): Promise<number> {
  const { deletions, json, reason, source, type } = flags;
  const body = { deletions, type, source, reason };
  const row = (await new AdminClient(flags).change('/discard', body)) as DiscardedRow;
  if (json === true) {
    process.stdout.write(`${JSON.stringify(row)}\n`);
    return ExitCode.ok;
  }
  process.stdout.write(`discarded: ${row.discarded} deletions on cluster ${visible(deletions)}\n`);
  if (row.left > 0) {
    process.stdout.write(
      `${row.left} wait on: what was before them is not known, or agents may have seen them already; release them, or publish those resources again\n`,
    );
  }
  return ExitCode.ok;
}

/** What is held, and what waits for it. */
export async function holds(flags: HoldFlags): Promise<number> {
  const rows: HeldRow[] = [];
  for await (const line of new AdminClient(flags).lines('/holds', {})) {
    if (flags.json === true) process.stdout.write(`${line}\n`);
    else rows.push(JSON.parse(line) as HeldRow);
  }
  if (flags.json === true) return ExitCode.ok;
  if (rows.length === 0) {
    process.stdout.write('nothing\n');
    return ExitCode.ok;
  }
  const head = ['KIND', 'NAME', 'CLUSTER', 'WAITING', 'SINCE', 'BY', 'REASON', 'TYPE'];
  const cells = rows.map((row) => [
    row.kind,
    row.name,
    row.kind === 'cluster' ? row.name : (row.cluster ?? '-'),
    String(row.waiting),
    formatAge(row.ageMs),
    row.by,
    row.reason,
    row.dataType ?? '-',
  ]);
  process.stdout.write(formatTable(head, cells));
  return ExitCode.ok;
}

/** A resource is told apart by cluster and type; everything else stands alone. */
function requireOne(flags: ReleaseFlags, names: readonly string[]): void {
  const { all, deletions, resource, source, type } = flags;
  const cluster = resource === undefined ? flags.cluster : undefined;
  const given = [cluster, source, resource, deletions, all].filter((value) => value !== undefined);
  if (given.length !== 1) {
    throw new CeBrokerError(
      'invalid_option',
      `name one of ${names.join(', ')}; --cluster and --type may stand beside --resource`,
    );
  }
  if (type !== undefined && resource === undefined) {
    throw new CeBrokerError(
      'invalid_option',
      '--type goes with --resource: clusters and sources are held as a whole',
      { field: '--type' },
    );
  }
}

function nameOf({ cluster, dataType, kind, name }: HeldRow): string {
  if (kind === 'deletions') return visible(`deletions of ${dataType} on cluster ${name}`);
  const where = kind === 'resource' ? ` of ${dataType} on ${cluster}` : '';
  return visible(`${kind} ${name}${where}`);
}

function waiting({ waiting: count }: HeldRow): string {
  return count === 0 ? '' : ` (${count} waiting)`;
}
