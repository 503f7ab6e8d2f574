/** Folders for what servers write: on a disk, since a store in memory-backed files would be no store. */
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TMPFS = 0x01021994;
const root =
  process.env.CE_BROKER_BENCH_DATA ?? fileURLToPath(new URL('../../.cache/bench/data', import.meta.url));

/** A new, empty folder. */
export function newDataDir() {
  mkdirSync(root, { recursive: true });
  return mkdtempSync(join(root, 'run-'));
}

export const removeDataDir = (folder) => rmSync(folder, { recursive: true, force: true });

/** A line of warning when the folders are not on a disk. */
export function diskNote() {
  mkdirSync(root, { recursive: true });
  return statfsSync(root).type === TMPFS
    ? [
        `${root} is in memory (tmpfs): what is synced there costs nothing. Set CE_BROKER_BENCH_DATA to a folder on a disk.`,
      ]
    : [];
}
