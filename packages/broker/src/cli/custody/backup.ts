import { CeBrokerError } from 'ce-broker-proto';
import { backupDirectory } from '../../store/backup-directory.js';
import { BackupDecoder } from '../../store/backup-file.js';
import { restoreBackup } from '../../store/restore.js';
import { ExitCode } from '../exit-codes.js';
import { AdminClient, type AdminFlags } from '../state/admin-client.js';
import { write } from '../state/read.js';
import { formatSize } from '../state/table.js';
import { visible } from '../visible.js';
import { NewFile } from './new-file.js';

export interface BackupFlags extends AdminFlags {
  readonly out: string;
  readonly dataDir?: string;
  readonly force?: boolean;
}

/** Writes a copy of a broker's store into a file: of a running broker, or of a data directory that no broker uses. */
export async function backup(flags: BackupFlags): Promise<number> {
  const { dataDir, force = false, out } = flags;
  const pieces = dataDir === undefined ? new AdminClient(flags).bytes('/backup') : backupDirectory(dataDir);
  const decoder = new BackupDecoder(out);
  const file = await NewFile.create('--out', out, force);
  try {
    for await (const piece of pieces) {
      for (const _ of decoder.take(piece)) {
        // Only checked here: what is kept is what came.
      }
      await file.write(piece);
    }
    const { bytes, header } = decoder.finish();
    await file.keep();
    await write(
      `${visible(
        `${out}: ${formatSize(bytes)}, everything up to position ${header.position} of ${header.epoch}`,
      )}\n`,
    );
    return ExitCode.ok;
  } catch (thrown) {
    await file.discard();
    if (thrown instanceof CeBrokerError && thrown.code === 'data_loss') {
      throw new CeBrokerError('unavailable', `the backup did not come whole: ${thrown.message}`, {
        cause: thrown,
      });
    }
    throw thrown;
  }
}

/** Makes a data directory of a backup. */
export async function restore(file: string, { dataDir }: { readonly dataDir: string }): Promise<number> {
  const { bytes, epoch, header } = await restoreBackup(file, dataDir);
  await write(
    `${visible(
      `${dataDir}: ${formatSize(bytes)} of ${header.time}, now with epoch ${epoch}; a broker that is started with it asks its sources before it answers alone`,
    )}\n`,
  );
  return ExitCode.ok;
}
