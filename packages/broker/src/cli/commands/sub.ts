import { connectionOptions } from '../client/connection-options.js';
import type { SubFlags } from '../sub/sub.js';
import { type DefineCommand, examples } from './define.js';

export const defineSub: DefineCommand = (program, finish) => {
  const command = program
    .command('sub')
    .description('print the events of a subscription, one JSON line each');
  for (const option of connectionOptions()) command.addOption(option);
  command
    .option('--cluster <NAME>', 'receive as the agent of this cluster')
    .option('--source <ID>', 'receive as this source')
    .option('--type <GROUP.VERSION.RESOURCE>', 'the data type (default: all)')
    .option('--count <N>', 'end after N events with exit code 0')
    .option('--resync', 'ask for everything that there is, once subscribed (needs --type)')
    .option(
      '--requests',
      'print and count resync requests too: questions that ask for a list of what you have',
    )
    .option('--pretty', 'for reading: a headline and indented data')
    .addHelpText(
      'after',
      `
The keys of a line: id, source, type, cluster, resourceId, resourceVersion, action, deletionTimestamp, time, extensions,
data. Data is JSON as it came, text as a string, all else as {"base64": ...}. Heartbeats are not printed, resync requests only with --requests.
Exit code 4: the server ended the subscription.
${examples(
  'ce-broker sub --cluster c1',
  'ce-broker sub --cluster c1 --type com.example.v1.widgets --resync --pretty',
  'ce-broker sub --source hub --count 1 | jq .data',
)}`,
    )
    .action(async (flags: SubFlags) => {
      const { sub } = await import('../sub/sub.js');
      finish(await sub(flags));
    });
};
