import { CeBrokerError } from 'ce-broker-proto';
import { Option } from 'commander';
import { suggestion } from '../nearest.js';
import type { ServeFlags } from '../serve/resolve-settings.js';
import { flagOf, type Setting, serveSettings, settingKeys, variableOf } from '../serve/settings.js';
import { type DefineCommand, examples } from './define.js';

export const defineServe: DefineCommand = (program, finish) => {
  const command = program
    .command('serve', { isDefault: true })
    .description('run a broker (what ce-broker does without a command)')
    .option('--config <FILE>', 'settings as YAML or JSON; keys are the flags in camelCase (CE_BROKER_CONFIG)')
    // Without a command every first word lands here.
    .allowExcessArguments(true);
  for (const key of settingKeys) {
    const { placeholder, description, fallback }: Setting<unknown> = serveSettings[key];
    const notes = [...(fallback === undefined ? [] : [`default: ${fallback}`]), variableOf(key)];
    command.addOption(
      new Option(
        placeholder === undefined ? flagOf(key) : `${flagOf(key)} <${placeholder}>`,
        `${description} (${notes.join('; ')})`,
      ),
    );
  }
  command
    .addHelpText(
      'after',
      `
A flag comes before its variable, a variable before the file, the file before the default. Relative paths in the file
start at its folder. Once it serves, one line on stdout says so:
  ce-broker ready grpc=HOST:PORT admin=HOST:PORT store=lmdb
SIGTERM and SIGINT drain, which takes at most 10 s; a second one ends the process at once.
${examples(
  'ce-broker',
  'ce-broker --listen 127.0.0.1:0 --admin none',
  'ce-broker serve --config broker.yaml --log-level debug',
  'ce-broker serve --listen 0.0.0.0:8090 --tls-cert server.crt --tls-key server.key --client-ca ca.crt',
)}`,
    )
    .action(async (flags: ServeFlags, self: typeof command) => {
      const [extra] = self.args;
      if (extra !== undefined) {
        const names = program.commands.map((known) => known.name());
        throw new CeBrokerError(
          'invalid_option',
          `there is no command ${JSON.stringify(extra)}${suggestion(extra, names)} (ce-broker --help lists them)`,
        );
      }
      const { serve } = await import('../serve/serve.js');
      finish(await serve(flags));
    });
};
