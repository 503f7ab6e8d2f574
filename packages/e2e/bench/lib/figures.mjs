/** Medians, ratios and tables. */
export function median(values) {
  const sorted = values.filter((value) => Number.isFinite(value)).sort((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median of each number in a list of records. */
export function medians(records) {
  const result = {};
  for (const key of Object.keys(records[0] ?? {})) {
    const values = records.map((record) => record[key]);
    if (values.every((value) => typeof value === 'number' || value === null)) result[key] = median(values);
  }
  return result;
}

/** Above this share of waiting, other programs shaped a measurement too much. */
const NOISY = 0.1;

/** The measurements that other programs disturbed little; the least disturbed half where none is quiet. */
export function quiet(records) {
  const sorted = [...records].sort((a, b) => a.contention - b.contention);
  const calm = sorted.filter((record) => !(record.contention > NOISY));
  return calm.length > 0 ? calm : sorted.slice(0, Math.ceil(sorted.length / 2));
}

/** A line of warning when even the quiet measurements of a part were disturbed. */
export function noiseNote(summaries) {
  const shares = summaries.map((figures) => figures?.contention).filter(Number.isFinite);
  const worst = Math.max(0, ...shares);
  if (worst <= NOISY) return [];
  return [
    `Other programs were busy on this machine: a load waited for its core up to ${Math.round(worst * 100)} % of the time. Trust CPU per event and ratios more than events per second, or run it again.`,
  ];
}

export const times = (value) => (Number.isFinite(value) ? `${value.toFixed(2)}x` : '-');
export const thousands = (value) =>
  !Number.isFinite(value)
    ? '-'
    : value >= 1e6
      ? `${(value / 1e6).toFixed(2)}M`
      : value >= 1e3
        ? `${(value / 1e3).toFixed(1)}k`
        : value.toFixed(0);
export const fixed = (digits) => (value) => (Number.isFinite(value) ? value.toFixed(digits) : '-');
/** Two significant digits, whatever the size. */
export const short = (value) =>
  !Number.isFinite(value)
    ? '-'
    : value >= 100
      ? value.toFixed(0)
      : value >= 10
        ? value.toFixed(1)
        : value.toFixed(2);

/** A Markdown table whose columns line up. */
export function table(head, rows) {
  const cells = [head, ...rows].map((row) => row.map((cell) => String(cell)));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(cells[0]), rule, ...cells.slice(1).map(line)].join('\n');
}
