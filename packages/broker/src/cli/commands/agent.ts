import { connectionOptions } from '../client/connection-options.js';
import type { AgentFlags } from '../fleet/agent/agent.js';
import { type DefineCommand, examples } from './define.js';

export const defineAgent: DefineCommand = (program, finish) => {
  const command = program
    .command('agent')
    .description('apply the files of a cluster: write them into a folder, run a command for each, report');
  for (const option of connectionOptions()) command.addOption(option);
  command
    .option(
      '--config <FILE>',
      'how to connect, as YAML or JSON that programs of the Go SDK read too (url, caFile, ...)',
    )
    .option('--cluster <NAME>', 'the cluster that it works for')
    .option('--dir <DIR>', 'write the files into this folder')
    .option('--exec <COMMAND>', 'run this for each file (sh -c), its content on stdin')
    .option('--timeout <DURATION>', 'how long the command may take (default: 60s)')
    .option('--state <FILE>', 'keeps what was done over restarts (default: DIR/.ce-broker-agent.json)')
    .option('--data-type <GROUP.VERSION.RESOURCE>', 'the data type (default: io.ce-broker.v1.files)')
    .addHelpText(
      'after',
      `
The command has in its environment: CE_BROKER_ACTION (ADDED, MODIFIED, DELETED), CE_BROKER_RESOURCE_ID,
CE_BROKER_RESOURCE_VERSION, CE_BROKER_SOURCE, CE_BROKER_CLUSTER, CE_BROKER_NAME (of the file), CE_BROKER_FILE (its path, with --dir). Its
exit code and its last lines become the status that the source shows. For DELETED it gets the last content once more.
It runs until SIGINT or SIGTERM, exit code 0; a server that is away is waited for.
${examples(
  'ce-broker agent --cluster edge-1 --dir /etc/edge',
  "ce-broker agent --cluster edge-1 --state agent.json --exec 'kubectl apply -f -'",
  'ce-broker agent --cluster edge-1 --dir conf --exec \'nginx -t -c "$CE_BROKER_FILE" && nginx -s reload\' --timeout 10s',
)}`,
    )
    .action(async (flags: AgentFlags) => {
      const { agent } = await import('../fleet/agent/agent.js');
      finish(await agent(flags));
    });
};
