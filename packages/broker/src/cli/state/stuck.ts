import type { StuckRow } from '../../server/admin/stuck-rows.js';
import { ExitCode } from '../exit-codes.js';
import { readCount } from '../values.js';
import { visible } from '../visible.js';
import { linesOf, milliseconds, type StateFlags, write } from './read.js';
import { formatAge, formatTable } from './table.js';
import { wrap } from './wrap.js';

export interface StuckFlags extends StateFlags {
  readonly olderThan?: string;
  readonly limit: string;
}

const HEAD = ['AGE', 'WHAT', 'ID', 'CLUSTER', 'OWNER', 'SPEC', 'STATUS', 'TYPE'];

/** What does not move, oldest first, each with the reason. */
export async function showStuck(flags: StuckFlags): Promise<number> {
  const limit = readCount('--limit', flags.limit, 1, 100_000);
  const lines = linesOf('/state/stuck', flags, {
    olderThanMs: milliseconds('--older-than', flags.olderThan),
  });
  const oldest = new Oldest(limit);
  for await (const line of lines) {
    if (flags.json === true) await write(`${line}\n`);
    else oldest.add(JSON.parse(line) as StuckRow);
  }
  if (flags.json !== true) await write(describe(oldest, limit));
  return ExitCode.ok;
}

function describe(oldest: Oldest, limit: number): string {
  const rows = oldest.rows();
  if (rows.length === 0) return 'nothing\n';
  const [head = '', ...lines] = formatTable(HEAD, rows.map(cells)).split('\n');
  const text = rows.map(({ why }, index) => `${lines[index]}\n${reasons(why)}`);
  const left = oldest.count - rows.length;
  const more = left === 0 ? '' : `and ${left} younger ones: --limit ${limit + left} shows them too\n`;
  return `${head}\n${text.join('')}${more}`;
}

function cells({ ageMs, cluster, dataType, id, kind, owner, spec, status }: StuckRow): readonly string[] {
  return [
    formatAge(ageMs),
    kind,
    id ?? '-',
    cluster ?? '-',
    owner ?? '-',
    spec === null ? '-' : `v${spec}`,
    status === null ? '-' : `v${status}`,
    dataType ?? '-',
  ];
}

function reasons(why: StuckRow['why']): string {
  return why.map(({ text }) => `${wrap(`      ${visible(text)}`, '        ')}\n`).join('');
}

/** The oldest of many rows. */
class Oldest {
  readonly #limit: number;
  #rows: StuckRow[] = [];
  count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(row: StuckRow): void {
    this.count += 1;
    this.#rows.push(row);
    // Sorted now and then: twice the limit is what is held at most.
    if (this.#rows.length >= this.#limit * 2 + 100) this.#rows = this.rows();
  }

  rows(): StuckRow[] {
    return this.#rows.sort((one, other) => other.ageMs - one.ageMs).slice(0, this.#limit);
  }
}
