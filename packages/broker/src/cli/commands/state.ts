import type { Command } from 'commander';
import { credentialOptions } from '../client/connection-options.js';
import type { StateFlags } from '../state/read.js';
import type { ListFlags } from '../state/state.js';
import type { StuckFlags } from '../state/stuck.js';
import { defineCustody } from './custody.js';
import { type DefineCommand, examples } from './define.js';

export const defineState: DefineCommand = (program, finish) => {
  const state = program.command('state').description('show what a broker holds, over its admin port');
  const plain = (name: string, description: string): Command => {
    const command = state
      .command(name)
      .description(description)
      .option('--admin <URL>', 'the admin port of the broker, http://HOST:PORT', 'http://127.0.0.1:8080')
      .option('--json', 'one JSON line each, with everything that is known');
    for (const option of credentialOptions()) command.addOption(option);
    return command;
  };
  const add = (name: string, description: string): Command =>
    plain(name, description)
      .option('--cluster <NAME>', 'only of this cluster')
      .option('--source <ID>', 'only what this source owns')
      .option('--type <GROUP.VERSION.RESOURCE>', 'only of this data type');
  const ofId = (
    name: string,
    description: string,
    show: (id: string, flags: StateFlags) => Promise<number>,
  ): Command =>
    add(name, description)
      .argument('<ID>', 'the id of the resource')
      .addHelpText(
        'after',
        examples(`ce-broker state ${name} w1`, `ce-broker state ${name} w1 --cluster c1 --json`),
      )
      .action(async (id: string, flags: StateFlags) => finish(await show(id, flags)));
  const load = () => import('../state/state.js');
  add('list', 'resources: spec version beside status version, their ages, owner, last publisher, size')
    .option('--out-of-sync', 'only where the newest status does not answer the newest spec')
    .option('--state <STATE>', 'only these: live, deleting, deleted or requested')
    .option('--held', 'only what is held')
    .option(
      '--older-than <DURATION>',
      'only what changed last before this time, with --out-of-sync whose spec did, for example 10m',
    )
    .addHelpText(
      'after',
      examples(
        'ce-broker state list --cluster c1',
        'ce-broker state list --out-of-sync --older-than 10m',
        'ce-broker state list --json | jq .id',
      ),
    )
    .action(async (flags: ListFlags) => finish(await (await load()).listResources(flags)));
  ofId('get', 'one resource with its events', async (id, flags) => (await load()).getResource(id, flags));
  ofId(
    'trace',
    'how far the newest spec and status came, to whom, and what they wait for',
    async (id, flags) => (await import('../state/trace.js')).showTrace(id, flags),
  );
  ofId('history', 'the last versions and deletions, by whom, and what each changed', async (id, flags) =>
    (await import('../state/history.js')).showHistory(id, flags),
  );
  add('stuck', 'what does not move, oldest first, with the reason')
    .option('--older-than <DURATION>', 'only what waits for longer (default: 1m)')
    .option('--limit <COUNT>', 'how many of the oldest are shown', '100')
    .addHelpText('after', examples('ce-broker state stuck', 'ce-broker state stuck --older-than 1h --json'))
    .action(async (flags: StuckFlags) => finish(await (await import('../state/stuck.js')).showStuck(flags)));
  add('orphans', 'resources that agents listed and that no source owns')
    .addHelpText('after', examples('ce-broker state orphans --type com.example.v1.widgets'))
    .action(async (flags: StateFlags) => finish(await (await load()).listOrphans(flags)));
  add('tombstones', 'deletions that wait for their confirmation')
    .addHelpText('after', examples('ce-broker state tombstones --cluster c1'))
    .action(async (flags: StateFlags) => finish(await (await load()).listTombstones(flags)));
  plain('audit', 'what was changed by hand, and by whom: the last 1000 changes')
    .addHelpText('after', examples('ce-broker state audit'))
    .action(async (flags: StateFlags) => finish(await (await load()).showAudit(flags)));
  defineCustody(state, finish);
  state.addHelpText(
    'after',
    examples(
      'ce-broker state list',
      'ce-broker state trace w1 --admin http://127.0.0.1:8080',
      'ce-broker state stuck --older-than 10m',
    ),
  );
};
