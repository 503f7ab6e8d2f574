import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { CeBrokerError } from 'ce-broker-proto';
import type { ImportCounts } from '../../server/admin/export-routes.js';
import { ImportDirectory } from '../../server/import-directory.js';
import { ExitCode } from '../exit-codes.js';
import { AdminClient, type AdminFlags } from '../state/admin-client.js';
import { write } from '../state/read.js';
import { NewFile } from './new-file.js';

const BATCH_CHARACTERS = 256 * 1024;

export interface ExportFlags extends AdminFlags {
  readonly out?: string;
  readonly force?: boolean;
  readonly secrets?: boolean;
  readonly history?: boolean;
}

export interface ImportFlags extends AdminFlags {
  readonly dataDir?: string;
}

/** Writes everything that a broker holds as JSON lines. */
export async function exportState(flags: ExportFlags): Promise<number> {
  const { force = false, history = false, out, secrets = false } = flags;
  const lines = new AdminClient(flags).lines('/export', {
    secrets: String(secrets),
    history: String(history),
  });
  if (out === undefined) {
    for await (const line of lines) await write(`${line}\n`);
    return ExitCode.ok;
  }
  const file = await NewFile.create('--out', out, force);
  try {
    let count = 0;
    for await (const line of lines) {
      count += line.startsWith('{"kind":"resource"') ? 1 : 0;
      await file.write(`${line}\n`);
    }
    await file.keep();
    await write(`${out}: ${count} resources\n`);
    return ExitCode.ok;
  } catch (thrown) {
    await file.discard();
    throw thrown;
  }
}

/** Takes JSON lines of an export into a running broker, or makes a data directory of them. */
export async function importState(path: string, flags: ImportFlags): Promise<number> {
  const counts: ImportCounts = { taken: 0, known: 0, leftOut: 0 };
  if (flags.dataDir === undefined) await intoBroker(path, new AdminClient(flags), counts);
  else await intoDirectory(path, flags.dataDir, counts);
  const { known, leftOut, taken } = counts;
  const rest = [
    ...(known === 0 ? [] : [`${known} the broker knew already`]),
    ...(leftOut === 0 ? [] : [`${leftOut} left out: without their events, or not kept`]),
  ];
  await write(`${taken} resources imported${rest.map((text) => `, ${text}`).join('')}\n`);
  return ExitCode.ok;
}

async function intoDirectory(path: string, dataDir: string, counts: ImportCounts): Promise<void> {
  const directory = await ImportDirectory.create(dataDir);
  let whole = false;
  try {
    for await (const { line, row } of rowsOf(path)) {
      try {
        const done = await directory.take(row);
        if (done === 'left-out') counts.leftOut += 1;
        else if (done !== undefined) counts[done] += 1;
      } catch (thrown) {
        throw at(path, `line ${line}: ${CeBrokerError.from(thrown).message}`, thrown);
      }
    }
    whole = true;
  } finally {
    if (whole) await directory.close();
    else await directory.abandon();
  }
}

async function intoBroker(path: string, client: AdminClient, counts: ImportCounts): Promise<void> {
  let lines: Row[] = [];
  let characters = 0;
  const send = async (last: boolean): Promise<void> => {
    const batch = lines;
    lines = [];
    characters = 0;
    try {
      const body = { lines: batch, last, taken: counts.taken };
      const { known, leftOut, taken } = (await client.change('/import', body)) as ImportCounts;
      counts.taken += taken;
      counts.known += known;
      counts.leftOut += leftOut;
    } catch (thrown) {
      throw at(path, CeBrokerError.from(thrown).message, thrown);
    }
  };
  try {
    for await (const row of rowsOf(path)) {
      lines.push(row);
      characters += row.characters;
      if (characters >= BATCH_CHARACTERS) await send(false);
    }
  } catch (thrown) {
    // What stands before a line that cannot be read is taken all the same.
    if (lines.length > 0) await send(true);
    throw thrown;
  }
  await send(true);
}

interface Row {
  readonly line: number;
  readonly row: unknown;
  readonly characters: number;
}

/** The lines of a file (`-`: of stdin) as objects. An export without its end was cut. */
async function* rowsOf(path: string): AsyncGenerator<Row> {
  const input = path === '-' ? process.stdin : createReadStream(path);
  let line = 0;
  let ended = false;
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      line += 1;
      if (text.trim() === '') continue;
      const row = parse(path, line, text);
      ended = typeof row === 'object' && row !== null && 'kind' in row && row.kind === 'end';
      yield { line, row, characters: text.length };
    }
  } catch (cause) {
    if (cause instanceof CeBrokerError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CeBrokerError('unreadable_file', `cannot read ${path}: ${reason}`, { cause });
  }
  if (!ended) {
    throw new CeBrokerError(
      'unreadable_file',
      `${path}:${line}: the last line is not the end of an export: the file was cut`,
    );
  }
}

function parse(path: string, line: number, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CeBrokerError('unreadable_file', `${path}:${line}: no JSON: ${reason}`, { cause });
  }
}

/** `line 7: ...` becomes `FILE:7: ...`. */
function at(path: string, message: string, cause: unknown): CeBrokerError {
  const { code } = CeBrokerError.from(cause);
  const found = /^line (\d+): /.exec(message);
  if (found === null) return new CeBrokerError(code, message, { cause });
  const text = `${path}:${found[1]}: ${message.slice(found[0].length)}`;
  return new CeBrokerError(code === 'invalid_argument' ? 'unreadable_file' : code, text, { cause });
}
