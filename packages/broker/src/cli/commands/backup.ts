import { credentialOptions } from '../client/connection-options.js';
import type { BackupFlags } from '../custody/backup.js';
import { type DefineCommand, examples } from './define.js';

/** `backup` and `restore`: the whole store as one file. */
export const defineBackup: DefineCommand = (program, finish) => {
  const load = () => import('../custody/backup.js');
  const backup = program
    .command('backup')
    .description('write a consistent copy of a store into one file, while the broker runs')
    .option('--admin <URL>', 'the admin port of the broker, http://HOST:PORT', 'http://127.0.0.1:8080')
    .option('--data-dir <DIR>', 'of a data directory that no broker uses, in place of a running broker')
    .requiredOption('--out <FILE>', 'the file, 0600; it is there as a whole, or not at all')
    .option('--force', 'replace the file when it is there');
  for (const option of credentialOptions()) backup.addOption(option);
  backup
    .addHelpText(
      'after',
      examples(
        'ce-broker backup --out broker.backup',
        'ce-broker backup --data-dir ./ce-broker-data --out broker.backup',
      ),
    )
    .action(async (flags: BackupFlags) => finish(await (await load()).backup(flags)));
  program
    .command('restore')
    .description(
      'make a data directory of a backup; the broker then asks its sources before it answers alone',
    )
    .argument('<FILE>', 'what "ce-broker backup" wrote')
    .requiredOption('--data-dir <DIR>', 'an empty folder, or one that is not there yet')
    .addHelpText(
      'after',
      examples(
        'ce-broker restore broker.backup --data-dir ./restored',
        'ce-broker serve --data-dir ./restored',
      ),
    )
    .action(async (file: string, flags: { readonly dataDir: string }) =>
      finish(await (await load()).restore(file, flags)),
    );
};
