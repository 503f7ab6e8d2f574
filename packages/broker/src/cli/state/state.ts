import { ExitCode } from '../exit-codes.js';
import { AdminClient, type AdminFlags } from './admin-client.js';
import {
  type Cell,
  type Detail,
  describeResource,
  detailToJson,
  type Orphan,
  type Resource,
} from './rows.js';
import { formatAge, formatTable } from './table.js';

export interface StateFlags extends AdminFlags {
  readonly cluster?: string;
  readonly source?: string;
  readonly type?: string;
  readonly json?: boolean;
}

/** The resources that the broker holds, or only those whose deletion waits for its confirmation. */
export function listResources(path: '/state' | '/state/tombstones', flags: StateFlags): Promise<number> {
  const head = ['ID', 'CLUSTER', 'OWNER', 'STATE', 'SPEC', 'STATUS', 'AGE', 'TYPE'];
  return list(path, flags, head, (row: Resource) => [
    row.id,
    row.cluster,
    row.owner ?? '-',
    row.state,
    row.spec === null && row.request !== null ? `asks ${version(row.request)}` : version(row.spec),
    version(row.status),
    formatAge(
      Math.min(...[row.spec, row.status, row.request].map((cell) => cell?.ageMs ?? Number.POSITIVE_INFINITY)),
    ),
    row.dataType,
  ]);
}

/** The resources that agents listed and that no source owns. */
export function listOrphans(flags: StateFlags): Promise<number> {
  const head = ['ID', 'CLUSTER', 'VERSION', 'SEEN', 'TYPE'];
  return list('/state/orphans', flags, head, (row: Orphan) => [
    row.id,
    row.cluster,
    `v${row.version}`,
    formatAge(row.ageMs),
    row.dataType,
  ]);
}

/** Everything about the resources of one id; a secret's payload stays in the broker. */
export async function getResource(id: string, flags: StateFlags): Promise<number> {
  const { cluster, source, type } = flags;
  const answer = await new AdminClient(flags).json('/state/resource', { id, cluster, source, type });
  const { resources } = answer as { resources: readonly Detail[] };
  if (flags.json === true) {
    for (const resource of resources) process.stdout.write(`${detailToJson(resource)}\n`);
  } else process.stdout.write(resources.map(describeResource).join('\n'));
  return ExitCode.ok;
}

async function list<Row>(
  path: string,
  flags: StateFlags,
  head: readonly string[],
  cells: (row: Row) => readonly string[],
): Promise<number> {
  const { cluster, source, type } = flags;
  const rows: (readonly string[])[] = [];
  for await (const line of new AdminClient(flags).lines(path, { cluster, source, type })) {
    if (flags.json === true) process.stdout.write(`${line}\n`);
    else rows.push(cells(JSON.parse(line) as Row));
  }
  if (flags.json !== true) {
    process.stdout.write(rows.length === 0 ? 'nothing\n' : formatTable(head, rows));
  }
  return ExitCode.ok;
}

function version(cell: Cell | null): string {
  return cell === null ? '-' : `v${cell.version}`;
}
