import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a program did to the files of its folder, or said to its witness, in the order in which it came back. Paths are relative to the folder. */
export type PowerOperation =
  | {
      readonly type: 'write';
      readonly path: string;
      readonly at: number;
      readonly data: Buffer;
      /** It was on the disk when it came back (`O_DSYNC`). */
      readonly durable: boolean;
    }
  | { readonly type: 'truncate'; readonly path: string; readonly size: number }
  /** What was written by operations below `before` was on the disk when it came back; of all files without a path. */
  | { readonly type: 'sync'; readonly path: string | undefined; readonly before: number }
  | { readonly type: 'witness'; readonly data: Buffer }
  | { readonly type: 'unlink'; readonly path: string }
  | { readonly type: 'rename'; readonly path: string; readonly to: string };

const HEAD_BYTES = 16;

/** Builds the library that keeps the journal. With the C compiler that CC names, else cc. Throws when there is none. */
export function buildPowerLibrary(): string {
  const source = fileURLToPath(new URL('../../power/journal.c', import.meta.url));
  const library = join(mkdtempSync(join(tmpdir(), 'ce-broker-power-')), 'journal.so');
  try {
    execFileSync(
      process.env['CC'] ?? 'cc',
      ['-shared', '-fPIC', '-O2', '-o', library, source, '-ldl', '-lpthread'],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
  } catch (cause) {
    throw new Error(`cc cannot build ${source}: install gcc`, { cause });
  }
  return library;
}

/** The environment that makes a program keep the journal; the folder and the witness must be there. */
export function powerEnvironment(library: string, folder: string, witness: string, journal: string) {
  return {
    LD_PRELOAD: library,
    POWER_FOLDER: folder,
    POWER_WITNESS: witness,
    POWER_JOURNAL: journal,
    // Its writes would pass the library by.
    UV_USE_IO_URING: '0',
  };
}

/** Reads a journal; a record that was being written when the program was killed is left out. */
export function readPowerJournal(path: string): PowerOperation[] {
  const bytes = readFileSync(path);
  const operations: PowerOperation[] = [];
  for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
    const pathBytes = bytes.readUInt16LE(at + 2);
    const dataBytes = bytes.readUInt32LE(at + 4);
    const end = at + HEAD_BYTES + pathBytes + dataBytes;
    if (end > bytes.length) break;
    operations.push(
      operationOf(
        bytes.readUInt8(at),
        bytes.readUInt8(at + 1) !== 0,
        bytes.toString('utf8', at + HEAD_BYTES, at + HEAD_BYTES + pathBytes),
        Number(bytes.readBigUInt64LE(at + 8)),
        bytes.subarray(at + HEAD_BYTES + pathBytes, end),
      ),
    );
    at = end;
  }
  return operations;
}

/** The numbers are those of power/journal.c. */
function operationOf(
  type: number,
  durable: boolean,
  path: string,
  number: number,
  data: Buffer,
): PowerOperation {
  switch (type) {
    case 1:
      return { type: 'write', path, at: number, data, durable };
    case 2:
      return { type: 'truncate', path, size: number };
    case 3:
      return { type: 'sync', path, before: number };
    case 4:
      return { type: 'witness', data };
    case 5:
      return { type: 'unlink', path };
    case 6:
      return { type: 'rename', path, to: data.toString('utf8') };
    case 7:
      return { type: 'sync', path: undefined, before: number };
    default:
      throw new Error(
        `${path || 'a file'} was changed in a way that the journal cannot follow: a memory map, a hole`,
      );
  }
}
