import { connectionOptions } from '../client/connection-options.js';
import type { PubFlags } from '../pub/flags.js';
import { type DefineCommand, examples } from './define.js';

export const definePub: DefineCommand = (program, finish) => {
  const command = program.command('pub').description('publish one event, or the events of stdin');
  for (const option of connectionOptions()) command.addOption(option);
  command
    .option('--source <ID>', 'who publishes; of a status: the agent (default there: CLUSTER-agent)')
    .option('--cluster <NAME>', 'the cluster that the resource is for, or on')
    .option('--type <GROUP.VERSION.RESOURCE>', 'the data type')
    .option(
      '--action <ACTION>',
      'default: create_request; with --status update_request; with --delete delete_request',
    )
    .option('--id <ID>', 'the id of the resource; without it events are read from stdin')
    .option('--resource-version <N>', 'the version of the spec; 0 goes by arrival (default: 0)')
    .option('--data <JSON|@FILE>', 'the data: JSON, @FILE, or @- for stdin')
    .option('--content-type <TYPE>', 'what the data is, when it is not JSON')
    .option('--delete', 'the resource is to go: sets the deletion time, needs no data')
    .option('--status', 'publish a status, as an agent')
    .option('--original-source <ID>', 'the source that a status is for')
    .option('--sequence-id <N>', 'the order of a status among others (default: from the clock)')
    .option('--event-id <ID>', 'the id of the event (default: a new UUID)')
    .option('--rate <N>', 'events of stdin per second (default: as fast as they are answered)')
    .addHelpText(
      'after',
      `
Lines on stdin are JSON with the keys that sub prints; id, time and extensions may be left out, and --source, --cluster,
--type, --action and --original-source stand in where a line says nothing. Lines that are refused are told on stderr with
their number, and the exit code is 1.
${examples(
  'ce-broker pub --source hub --cluster c1 --type com.example.v1.widgets --id w1 --resource-version 1 --data \'{"size":3}\'',
  'ce-broker pub --source hub --cluster c1 --type com.example.v1.widgets --id w1 --delete',
  'ce-broker pub --status --original-source hub --cluster c1 --type com.example.v1.widgets --id w1 --resource-version 1 --data @status.json',
  'ce-broker sub --cluster c1 --type com.example.v1.widgets --resync | ce-broker pub --server other:8090',
)}`,
    )
    .action(async (flags: PubFlags) => {
      const { pub } = await import('../pub/pub.js');
      finish(await pub(flags));
    });
};
