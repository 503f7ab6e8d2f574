import { Command } from 'commander';
import { brokerVersion } from '../server/version.js';
import { defineAgent } from './commands/agent.js';
import { defineBackup } from './commands/backup.js';
import { defineBench } from './commands/bench.js';
import { defineCerts } from './commands/certs.js';
import { type DefineCommand, examples, type Finish } from './commands/define.js';
import { defineExport } from './commands/export.js';
import { defineHold } from './commands/hold.js';
import { definePub } from './commands/pub.js';
import { defineServe } from './commands/serve.js';
import { defineSource } from './commands/source.js';
import { defineState } from './commands/state.js';
import { defineSub } from './commands/sub.js';
import { nearest } from './nearest.js';

const COMMANDS: readonly DefineCommand[] = [
  defineServe,
  definePub,
  defineSub,
  defineSource,
  defineAgent,
  defineState,
  defineHold,
  defineBackup,
  defineExport,
  defineBench,
  defineCerts,
];

/** The whole command line; nothing of a command is loaded before it runs. */
export function createProgram(finish: Finish): Command {
  const program = new Command('ce-broker')
    .description('A broker for desired state: CloudEvents over gRPC, on the wire of Open Cluster Management')
    .version(brokerVersion())
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(`ce-broker: ${text.replace(/^error: /, '')}`),
    })
    .configureHelp({ sortSubcommands: false });
  for (const define of COMMANDS) define(program, finish);
  for (const command of program.commands) suggestOptions(command);
  return program.addHelpText(
    'after',
    `
Without a command it serves: ce-broker serve --help tells its options.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 server not reached, 4 subscription ended by the server, 5 access denied.
${examples('ce-broker', 'ce-broker sub --cluster c1', 'ce-broker pub --help')}`,
  );
}

/** In place of commander's own suggestions, which take much for similar. */
function suggestOptions(command: Command): void {
  command.showSuggestionAfterError(false).configureOutput({
    outputError: (text, write) => {
      const flags = [...command.options.flatMap(({ long }) => (long ? [long.slice(2)] : [])), 'help'];
      const unknown = /^error: unknown option '--([^'=]+)/.exec(text)?.[1];
      const meant = unknown === undefined ? undefined : nearest(unknown, flags);
      const hint = meant === undefined ? '' : `(Did you mean --${meant}?)\n`;
      write(`ce-broker: ${text.replace(/^error: /, '')}${hint}`);
    },
  });
  for (const inner of command.commands) suggestOptions(inner);
}
