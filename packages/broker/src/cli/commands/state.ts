import type { Command } from 'commander';
import { credentialOptions } from '../client/connection-options.js';
import type { StateFlags } from '../state/state.js';
import { type DefineCommand, examples } from './define.js';

export const defineState: DefineCommand = (program, finish) => {
  const state = program.command('state').description('show what a broker holds, over its admin port');
  const add = (name: string, description: string): Command => {
    const command = state
      .command(name)
      .description(description)
      .option('--admin <URL>', 'the admin port of the broker, http://HOST:PORT', 'http://127.0.0.1:8080')
      .option('--cluster <NAME>', 'only of this cluster')
      .option('--source <ID>', 'only what this source owns')
      .option('--type <GROUP.VERSION.RESOURCE>', 'only of this data type')
      .option('--json', 'one JSON line each, with everything that is known');
    for (const option of credentialOptions()) command.addOption(option);
    return command;
  };
  const load = () => import('../state/state.js');
  add('list', 'resources: spec version beside status version, age of the newest change, owner')
    .addHelpText(
      'after',
      examples('ce-broker state list --cluster c1', 'ce-broker state list --json | jq .id'),
    )
    .action(async (flags: StateFlags) => finish(await (await load()).listResources('/state', flags)));
  add('get', 'one resource with its events')
    .argument('<ID>', 'the id of the resource')
    .addHelpText('after', examples('ce-broker state get w1', 'ce-broker state get w1 --cluster c1 --json'))
    .action(async (id: string, flags: StateFlags) => finish(await (await load()).getResource(id, flags)));
  add('orphans', 'resources that agents listed and that no source owns')
    .addHelpText('after', examples('ce-broker state orphans --type com.example.v1.widgets'))
    .action(async (flags: StateFlags) => finish(await (await load()).listOrphans(flags)));
  add('tombstones', 'deletions that wait for their confirmation')
    .addHelpText('after', examples('ce-broker state tombstones --cluster c1'))
    .action(async (flags: StateFlags) =>
      finish(await (await load()).listResources('/state/tombstones', flags)),
    );
  state.addHelpText(
    'after',
    examples('ce-broker state list', 'ce-broker state get w1 --admin http://127.0.0.1:8080'),
  );
};
