import { credentialOptions } from '../client/connection-options.js';
import type { ExportFlags, ImportFlags } from '../custody/export.js';
import { type DefineCommand, examples } from './define.js';

/** `export` and `import`: everything as JSON lines. */
export const defineExport: DefineCommand = (program, finish) => {
  const load = () => import('../custody/export.js');
  const admin = [
    '--admin <URL>',
    'the admin port of the broker, http://HOST:PORT',
    'http://127.0.0.1:8080',
  ] as const;
  const exporting = program
    .command('export')
    .description('everything that a broker holds as JSON lines, a resource each')
    .option(...admin)
    .option('--out <FILE>', 'into a file, 0600, that is there as a whole or not at all (default: stdout)')
    .option('--force', 'replace the file when it is there')
    .option('--history', 'earlier events too')
    .option('--secrets', 'the events of secret data types too; without it they are left out');
  const importing = program
    .command('import')
    .description('take an export: what the broker knows already stays as it is')
    .argument('<FILE>', 'JSON lines that "ce-broker export" wrote; - is stdin')
    .option(...admin)
    .option('--data-dir <DIR>', 'make a data directory of it, in place of a running broker: an empty folder');
  for (const command of [exporting, importing])
    for (const option of credentialOptions()) command.addOption(option);
  exporting
    .addHelpText(
      'after',
      examples(
        'ce-broker export --out state.jsonl',
        'ce-broker export | jq -r \'select(.kind == "resource") | .id\'',
      ),
    )
    .action(async (flags: ExportFlags) => finish(await (await load()).exportState(flags)));
  importing
    .addHelpText(
      'after',
      examples('ce-broker import state.jsonl', 'ce-broker import state.jsonl --data-dir ./imported'),
    )
    .action(async (file: string, flags: ImportFlags) =>
      finish(await (await load()).importState(file, flags)),
    );
};
