import { cell } from '../visible.js';

/** Columns side by side, two spaces between them; the last is not filled up. */
export function formatTable(head: readonly string[], table: readonly (readonly string[])[]): string {
  const rows = table.map((row) => row.map(cell));
  const widths = head.map((title, column) =>
    rows.reduce((widest, row) => Math.max(widest, (row[column] ?? '').length), title.length),
  );
  return [head, ...rows]
    .map((row) => {
      const cells = row.map((text, column) =>
        column === row.length - 1 ? text : text.padEnd(widths[column] ?? 0),
      );
      return `${cells.join('  ').trimEnd()}\n`;
    })
    .join('');
}

/** An age as a person says it: `4s`, `3m`, `5h`, `12d`. */
export function formatAge(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}
