import { randomUUID } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CeBrokerError, SILENT } from 'ce-broker-proto';
import { RECONCILING_ENTRY, reconcilingMark } from '../core/index.js';
import { BackupDecoder, type BackupHeader } from './backup-file.js';
import { checkDataFile } from './check-file.js';
import { DataDirLock, LOCK_FILE } from './data-dir-lock.js';
import { openDatabases } from './databases.js';
import { seal } from './layout.js';
import { readProgress, writeProgress } from './progress.js';
import { upgrade } from './upgrade.js';

const WORKSHOP = 'restoring';

/** What was restored. */
export interface RestoredStore {
  readonly header: BackupHeader;
  /** Of the line of positions that begins with the restore. */
  readonly epoch: string;
  readonly bytes: number;
}

/**
 * Makes a data directory of a backup: with an epoch of its own, and marked, so that the broker asks its sources before it answers alone. The
 * directory must be empty, or not there; it stays so when the backup is not whole. Throws CeBrokerError: `failed_precondition` (it is not empty,
 * or in use; the backup is of a later version), `data_loss` (the backup is damaged), `unreadable_file`.
 */
export async function restoreBackup(file: string, dataDir: string): Promise<RestoredStore> {
  const directory = resolve(dataDir);
  refuseUsed(directory);
  const lock = await DataDirLock.take(directory, { command: 'ce-broker restore', onLost: () => {} });
  const workshop = join(directory, WORKSHOP);
  try {
    refuseUsed(directory);
    rmSync(workshop, { recursive: true, force: true });
    mkdirSync(workshop, { mode: 0o700 });
    const { bytes, header } = await unpack(file, join(workshop, 'data.mdb'));
    const epoch = await mark(workshop);
    checkDataFile(join(workshop, 'data.mdb'), { budgetMs: Number.POSITIVE_INFINITY });
    renameSync(join(workshop, 'data.mdb'), join(directory, 'data.mdb'));
    await syncFolder(directory);
    return { header, epoch, bytes };
  } finally {
    rmSync(workshop, { recursive: true, force: true });
    lock.release();
  }
}

function refuseUsed(directory: string): void {
  const found = existsSync(directory)
    ? readdirSync(directory).filter((name) => name !== LOCK_FILE && name !== WORKSHOP)
    : [];
  if (found.length === 0) return;
  throw new CeBrokerError(
    'failed_precondition',
    `the data directory ${directory} is not empty (${found.slice(0, 3).join(', ')}): restore into another one, or move it away first`,
    { field: '--data-dir' },
  );
}

async function unpack(file: string, into: string): Promise<{ header: BackupHeader; bytes: number }> {
  const decoder = new BackupDecoder(file);
  const out = await open(into, 'wx', 0o600);
  try {
    for await (const piece of createReadStream(file, {
      highWaterMark: 256 * 1024,
    }) as AsyncIterable<Buffer>) {
      for (const bytes of decoder.take(piece)) await out.writeFile(bytes);
    }
    const whole = decoder.finish();
    await out.sync();
    return whole;
  } catch (thrown) {
    if (thrown instanceof CeBrokerError) throw thrown;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new CeBrokerError('unreadable_file', `cannot restore ${file}: ${reason}`, { cause: thrown });
  } finally {
    await out.close();
  }
}

/** Another line of positions begins, and nothing goes out before its source was asked. */
async function mark(workshop: string): Promise<string> {
  const databases = openDatabases(workshop);
  try {
    await upgrade(databases, workshop, SILENT);
    const progress = readProgress(databases.meta);
    const epoch = randomUUID();
    const key = Buffer.from(RECONCILING_ENTRY);
    const value = reconcilingMark({ upTo: progress.position, since: Date.now() });
    // A compacted copy has one of its two first pages only: with two transactions both are there.
    await databases.entries.put(key, seal(key, Buffer.from(value)));
    await writeProgress(databases.meta, { ...progress, epoch });
    return epoch;
  } finally {
    await databases.root.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
