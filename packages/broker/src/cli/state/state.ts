import type { AuditRow } from '../../server/admin/audit.js';
import type { CellRow, OrphanRow, ResourceDetail, ResourceRow } from '../../server/admin/state-rows.js';
import { ExitCode } from '../exit-codes.js';
import { readChoice } from '../values.js';
import type { Query } from './admin-client.js';
import { milliseconds, printList, printResources, type StateFlags } from './read.js';
import { describeResource, detailToJson } from './rows.js';
import { formatAge, formatSize } from './table.js';

export interface ListFlags extends StateFlags {
  readonly state?: string;
  readonly outOfSync?: boolean;
  readonly held?: boolean;
  readonly olderThan?: string;
}

interface Column {
  readonly title: string;
  readonly text: (row: ResourceRow) => string;
  /** Where this flag is given every row has the same here: the column is left out. */
  readonly flag?: 'cluster' | 'source' | 'type';
}

const COLUMNS: readonly Column[] = [
  { title: 'ID', text: ({ id }) => id },
  { title: 'CLUSTER', text: ({ cluster }) => cluster, flag: 'cluster' },
  { title: 'OWNER', text: ({ owner }) => owner ?? '-', flag: 'source' },
  { title: 'STATE', text: ({ held, state }) => (held === null ? state : `${state}, held`) },
  { title: 'SPEC', text: wanted },
  { title: 'AGE', text: ({ request, spec }) => age(spec ?? request) },
  { title: 'STATUS', text: ({ status }) => version(status) },
  { title: 'AGE', text: ({ status }) => age(status) },
  { title: 'SYNC', text: ({ sync }) => (sync === null ? '-' : sync === 'answered' ? 'yes' : 'no') },
  { title: 'BY', text: (row) => newest(row)?.by ?? '-' },
  { title: 'SIZE', text: size },
  { title: 'TYPE', text: ({ dataType }) => dataType, flag: 'type' },
];

const STATES = Object.freeze(['live', 'deleting', 'deleted', 'requested'] as const);

/** The resources that the broker holds. */
export async function listResources(flags: ListFlags): Promise<number> {
  const { held, olderThan, outOfSync, state } = flags;
  await printTable('/state', flags, {
    state: state === undefined ? undefined : readChoice('--state', state, STATES),
    outOfSync: outOfSync === true ? 'true' : undefined,
    held: held === true ? 'true' : undefined,
    olderThanMs: milliseconds('--older-than', olderThan),
  });
  return ExitCode.ok;
}

/** The resources whose deletion waits for its confirmation. */
export async function listTombstones(flags: StateFlags): Promise<number> {
  await printTable('/state/tombstones', flags);
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
  const cells = ({ about, action, at, by }: AuditRow) => [
    at,
    by,
    action,
    Object.entries(about)
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
  ];
  // What it was about stands last, and a reason may be long.
  await printList('/audit', flags, ['AT', 'BY', 'ACTION', 'ABOUT'], cells, {}, 'wrapped');
  return ExitCode.ok;
}

function printTable(path: string, flags: StateFlags, more: Query = {}): Promise<void> {
  const columns = COLUMNS.filter(({ flag }) => flag === undefined || flags[flag] === undefined);
  const head = columns.map(({ title }) => title);
  return printList(path, flags, head, (row: ResourceRow) => columns.map(({ text }) => text(row)), more);
}

function wanted({ request, spec }: ResourceRow): string {
  return spec === null && request !== null ? `asks ${version(request)}` : version(spec);
}

function newest({ request, spec, status }: ResourceRow): CellRow | undefined {
  let found: CellRow | undefined;
  for (const cell of [spec, status, request]) {
    if (cell !== null && cell.position > (found?.position ?? -1)) found = cell;
  }
  return found;
}

function size({ request, spec, status }: ResourceRow): string {
  return formatSize((spec?.bytes ?? 0) + (status?.bytes ?? 0) + (request?.bytes ?? 0));
}

function version(cell: CellRow | null): string {
  return cell === null ? '-' : `v${cell.version}`;
}

function age(cell: CellRow | null): string {
  return cell === null ? '-' : formatAge(cell.ageMs);
}
