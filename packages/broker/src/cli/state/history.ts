import type { Changes, HistoryRow, VersionRow } from '../../server/admin/history.js';
import type { JsonChange } from '../../server/admin/json-diff.js';
import { ExitCode } from '../exit-codes.js';
import { visible } from '../visible.js';
import { printResources, type StateFlags } from './read.js';
import { formatSize } from './table.js';

/** The last versions of a resource, and what changed from one to the next. */
export async function showHistory(id: string, flags: StateFlags): Promise<number> {
  await printResources<HistoryRow>('/state/history', id, flags, describeHistory);
  return ExitCode.ok;
}

function describeHistory({ cluster, dataType, id, kept, owner, specs, statuses }: HistoryRow): string {
  const owned = owner === null ? 'owned by nobody' : `owned by ${owner}`;
  const bound =
    kept === 1
      ? '  only the newest of each is kept: the store has no history\n'
      : `  up to ${kept} of each are kept\n`;
  return [
    `${visible(`${id} on ${cluster}, ${dataType}, ${owned}`)}\n`,
    bound,
    side('spec', specs),
    side('status', statuses),
  ].join('');
}

function side(name: string, rows: readonly VersionRow[]): string {
  if (rows.length === 0) return `${name}: none\n`;
  const facts = rows.map(factsOf);
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...facts.map((row) => visible(row[column] ?? '').length)),
  );
  const lines = rows.map((row, index) => {
    const cells = (facts[index] ?? []).map((text, column) => visible(text).padEnd(widths[column] ?? 0));
    return `  ${cells.join('  ').trimEnd()}\n${changes(row.changes)}`;
  });
  return `${name}\n${lines.join('')}`;
}

function factsOf(row: VersionRow): readonly string[] {
  if (row.damaged) return ['?', `position ${row.position}: the record is damaged`, '', '', ''];
  return [
    `v${row.version}`,
    row.at ?? 'time unknown',
    row.deletion ? 'deletion' : row.action,
    formatSize(row.bytes),
    `by ${row.by ?? 'an unknown user'}, from ${row.source}`,
  ];
}

function changes(found: Changes | null): string {
  switch (found?.kind) {
    case 'masked':
      return '      (secret)\n';
    case 'bytes':
      return [
        `      - ${formatSize(found.from.bytes)}, sha256 ${found.from.sha256.slice(0, 16)}`,
        `      + ${formatSize(found.to.bytes)}, sha256 ${found.to.sha256.slice(0, 16)}`,
        '',
      ].join('\n');
    case 'json': {
      if (found.changed.length === 0) return '      (the same payload)\n';
      const more = found.more === 0 ? '' : `      and ${found.more} more\n`;
      return `${found.changed.map(change).join('')}${more}`;
    }
    default:
      return '';
  }
}

function change({ from, path, to }: JsonChange): string {
  const name = path === '' ? '(all)' : path;
  if (from === null) return `      + ${visible(`${name}: ${to}`)}\n`;
  if (to === null) return `      - ${visible(`${name}: ${from}`)}\n`;
  return `      ~ ${visible(`${name}: ${from} -> ${to}`)}\n`;
}
