import type { AuditRow } from '../../server/admin/audit.js';
import type { CellRow, OrphanRow, ResourceDetail, ResourceRow } from '../../server/admin/state-rows.js';
import { ExitCode } from '../exit-codes.js';
import { milliseconds, printList, printResources, type StateFlags } from './read.js';
import { describeResource, detailToJson } from './rows.js';
import { formatAge, formatSize } from './table.js';

export interface ListFlags extends StateFlags {
  readonly state?: string;
  readonly outOfSync?: boolean;
  readonly held?: boolean;
  readonly olderThan?: string;
}

const HEAD = [
  'ID',
  'CLUSTER',
  'OWNER',
  'STATE',
  'SPEC',
  'AGE',
  'STATUS',
  'AGE',
  'SYNC',
  'BY',
  'SIZE',
  'TYPE',
];

/** The resources that the broker holds. */
export async function listResources(flags: ListFlags): Promise<number> {
  const { held, olderThan, outOfSync, state } = flags;
  await printList('/state', flags, HEAD, resourceCells, {
    state,
    outOfSync: outOfSync === true ? 'true' : undefined,
    held: held === true ? 'true' : undefined,
    olderThanMs: milliseconds('--older-than', olderThan),
  });
  return ExitCode.ok;
}

/** The resources whose deletion waits for its confirmation. */
export async function listTombstones(flags: StateFlags): Promise<number> {
  await printList('/state/tombstones', flags, HEAD, resourceCells);
  return ExitCode.ok;
}

/** The resources that agents listed and that no source owns. */
export async function listOrphans(flags: StateFlags): Promise<number> {
  const head = ['ID', 'CLUSTER', 'VERSION', 'SEEN', 'TYPE'];
  await printList('/state/orphans', flags, head, ({ ageMs, cluster, dataType, id, version }: OrphanRow) => [
    id,
    cluster,
    `v${version}`,
    formatAge(ageMs),
    dataType,
  ]);
  return ExitCode.ok;
}

/** Everything about the resources of one id; a secret's payload stays in the broker. */
export async function getResource(id: string, flags: StateFlags): Promise<number> {
  await printResources<ResourceDetail>('/state/resource', id, flags, describeResource, detailToJson);
  return ExitCode.ok;
}

/** Who changed what by hand, oldest first. */
export async function showAudit(flags: StateFlags): Promise<number> {
  await printList('/audit', flags, ['AT', 'BY', 'ACTION', 'ABOUT'], ({ about, action, at, by }: AuditRow) => [
    at,
    by,
    action,
    Object.entries(about)
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
  ]);
  return ExitCode.ok;
}

function resourceCells(row: ResourceRow): readonly string[] {
  const { cluster, dataType, held, id, owner, request, spec, state, status, sync } = row;
  const wanted = spec ?? request;
  return [
    id,
    cluster,
    owner ?? '-',
    held === null ? state : `${state}, held`,
    spec === null && request !== null ? `asks ${version(request)}` : version(spec),
    age(wanted),
    version(status),
    age(status),
    sync === null ? '-' : sync === 'answered' ? 'yes' : 'no',
    newest([spec, status, request])?.by ?? '-',
    formatSize([spec, status, request].reduce((total, cell) => total + (cell?.bytes ?? 0), 0)),
    dataType,
  ];
}

function newest(cells: readonly (CellRow | null)[]): CellRow | undefined {
  let found: CellRow | undefined;
  for (const cell of cells) if (cell !== null && cell.position > (found?.position ?? -1)) found = cell;
  return found;
}

function version(cell: CellRow | null): string {
  return cell === null ? '-' : `v${cell.version}`;
}

function age(cell: CellRow | null): string {
  return cell === null ? '-' : formatAge(cell.ageMs);
}
