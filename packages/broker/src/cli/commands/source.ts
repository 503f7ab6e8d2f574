import { connectionOptions } from '../client/connection-options.js';
import type { SourceFlags } from '../fleet/source/source.js';
import { type DefineCommand, examples } from './define.js';

export const defineSource: DefineCommand = (program, finish) => {
  const command = program
    .command('source')
    .description('publish the files of a folder to their clusters, and follow its changes');
  for (const option of connectionOptions()) command.addOption(option);
  command
    .option(
      '--config <FILE>',
      'how to connect, as YAML or JSON that programs of the Go SDK read too (url, caFile, ...)',
    )
    .option('--dir <DIR>', 'the folder: each file DIR/CLUSTER/NAME is a resource of that cluster')
    .option('--source <ID>', 'who publishes; each source needs an id of its own')
    .option('--state <FILE>', 'keeps the versions over restarts (default: DIR/.ce-broker-source.json)')
    .option('--allow-empty', 'when DIR is empty or gone, delete everything')
    .option('--data-type <GROUP.VERSION.RESOURCE>', 'the data type (default: io.ce-broker.v1.files)')
    .option('--json', 'one JSON object a line for everything that happens, in place of the table')
    .addHelpText(
      'after',
      `
On a terminal a table shows what each agent reports; elsewhere each news is a line. A file that is deleted is deleted on its
cluster. When DIR is empty or gone nothing is deleted, unless --allow-empty says so: a warning tells, and it goes on when files are
back. Hidden files, what editors leave (~, .swp, .tmp), and folders inside the folder of a cluster are ignored.
It runs until SIGINT or SIGTERM, exit code 0; a server that is away is waited for.
${examples(
  'ce-broker source --dir fleet --source hub',
  'ce-broker source --dir fleet --source hub --server broker:8090 --ca ca.crt --token-file token',
  'ce-broker source --dir fleet --source hub --json | jq \'select(.state == "failed")\'',
)}`,
    )
    .action(async (flags: SourceFlags) => {
      const { source } = await import('../fleet/source/source.js');
      finish(await source(flags));
    });
};
