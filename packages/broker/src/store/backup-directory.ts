import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CeBrokerError } from 'ce-broker-proto';
import { backup } from './backup.js';
import { checkDataFile } from './check-file.js';
import { DataDirLock } from './data-dir-lock.js';
import { openDatabases } from './databases.js';

/**
 * A backup of a data directory that no broker uses. Throws CeBrokerError: `failed_precondition` (a broker has it), `not_found` (there is no
 * store in it), `data_loss` (its file is damaged).
 */
export async function* backupDirectory(dataDir: string): AsyncGenerator<Uint8Array> {
  const directory = resolve(dataDir);
  const path = join(directory, 'data.mdb');
  if (!existsSync(path)) {
    throw new CeBrokerError(
      'not_found',
      `there is no store in ${directory}: --data-dir must be one of a broker`,
      {
        field: '--data-dir',
      },
    );
  }
  const lock = await DataDirLock.take(directory, { command: 'ce-broker backup', onLost: () => {} });
  try {
    checkDataFile(path, { budgetMs: Number.POSITIVE_INFINITY });
    const databases = openDatabases(directory);
    try {
      yield* backup(databases, directory);
    } finally {
      await databases.root.close();
    }
  } finally {
    lock.release();
  }
}
