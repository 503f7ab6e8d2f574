import { once } from 'node:events';
import { readDuration } from '../values.js';
import { AdminClient, type AdminFlags, type Query } from './admin-client.js';
import { TablePrinter } from './table.js';

export interface StateFlags extends AdminFlags {
  readonly cluster?: string;
  readonly source?: string;
  readonly type?: string;
  readonly json?: boolean;
}

/** The rows of a list as a table, or as the JSON lines that they are. */
export async function printList<Row>(
  path: string,
  flags: StateFlags,
  head: readonly string[],
  cells: (row: Row) => readonly string[],
  more: Query = {},
  last: 'cut' | 'wrapped' = 'cut',
): Promise<void> {
  const table = new TablePrinter(head, last);
  for await (const line of linesOf(path, flags, more)) {
    if (flags.json === true) {
      await write(`${line}\n`);
      continue;
    }
    table.add(cells(JSON.parse(line) as Row));
    if (table.isFull) await write(table.take());
  }
  if (flags.json !== true) await write(table.count === 0 ? 'nothing\n' : table.take());
}

/** The JSON lines of a list, narrowed by the flags. */
export function linesOf(path: string, flags: StateFlags, more: Query = {}): AsyncIterable<string> {
  const { cluster, source, type } = flags;
  return new AdminClient(flags).lines(path, { cluster, source, type, ...more });
}

/** What the broker says of every resource of an id: as texts, or a JSON line each. */
export async function printResources<Row>(
  path: string,
  id: string,
  flags: StateFlags,
  text: (row: Row) => string,
  json: (row: Row) => string = JSON.stringify,
): Promise<void> {
  const { cluster, source, type } = flags;
  const answer = await new AdminClient(flags).json(path, { id, cluster, source, type });
  const { resources } = answer as { readonly resources: readonly Row[] };
  if (flags.json === true) for (const row of resources) await write(`${json(row)}\n`);
  else await write(resources.map(text).join('\n'));
}

/** A duration as people write it, as the admin port takes it. Throws `invalid_option`. */
export function milliseconds(flag: string, value: string | undefined): string | undefined {
  return value === undefined ? undefined : String(readDuration(flag, value));
}

/** Writes no faster than the reader takes it. */
export async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}
