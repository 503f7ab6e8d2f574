import type { Command } from 'commander';
import { credentialOptions } from '../client/connection-options.js';
import type { DiscardFlags, HoldFlags, ReleaseFlags } from '../hold/hold.js';
import { type DefineCommand, examples } from './define.js';

/** `hold`, `release`, `discard` and `holds`: what goes out, and what waits. */
export const defineHold: DefineCommand = (program, finish) => {
  const add = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .option('--admin <URL>', 'the admin port of the broker, http://HOST:PORT', 'http://127.0.0.1:8080');
  const addEnd = (command: Command): Command => {
    command.option('--json', 'one JSON line each');
    for (const option of credentialOptions()) command.addOption(option);
    return command;
  };
  const addSubject = (command: Command): Command =>
    command
      .option('--cluster <NAME>', 'what goes to the agents of this cluster')
      .option('--source <ID>', 'what this source wants, on every cluster; statuses go on to it')
      .option(
        '--resource <ID>',
        'one resource, both ways; where several have the id, with --cluster and --type',
      )
      .option('--type <GROUP.VERSION.RESOURCE>', 'the data type of the resource');
  const load = () => import('../hold/hold.js');
  addEnd(
    addSubject(
      add(
        'hold',
        'pause a cluster, a source or a resource: publishes are kept, the newest goes out on release',
      ),
    ).requiredOption('--reason <TEXT>', 'why, for whoever sees it later'),
  )
    .addHelpText(
      'after',
      examples(
        'ce-broker hold --cluster c1 --reason "control plane is upgraded"',
        'ce-broker hold --source hub --reason "bad release"',
        'ce-broker hold --resource w1 --cluster c1 --reason "flaps"',
      ),
    )
    .action(async (flags: HoldFlags & { readonly reason: string }) =>
      finish(await (await load()).hold(flags)),
    );
  addEnd(
    addSubject(add('release', 'end a hold, or let deletions go that wait for consent'))
      .option('--deletions <CLUSTER>', 'the deletions on this cluster that wait for consent')
      .option('--all', 'everything that is held'),
  )
    .addHelpText(
      'after',
      examples(
        'ce-broker release --cluster c1',
        'ce-broker release --deletions c1',
        'ce-broker release --all',
      ),
    )
    .action(async (flags: ReleaseFlags) => finish(await (await load()).release(flags)));
  addEnd(
    add('discard', 'say no to deletions that wait for consent: their resources are wanted as they were')
      .requiredOption('--deletions <CLUSTER>', 'the deletions on this cluster that wait for consent')
      .option('--type <GROUP.VERSION.RESOURCE>', 'only of this data type')
      .option('--source <ID>', 'only of what this source owns')
      .requiredOption('--reason <TEXT>', 'why, for the audit trail'),
  )
    .addHelpText(
      'after',
      examples(
        'ce-broker discard --deletions c1 --reason "the hub was restored from an old backup"',
        'ce-broker discard --deletions c1 --source hub --reason "its database was wiped"',
      ),
    )
    .action(async (flags: DiscardFlags) => finish(await (await load()).discard(flags)));
  addEnd(add('holds', 'what is held: since when, by whom, why, and how much waits for it'))
    .addHelpText('after', examples('ce-broker holds', 'ce-broker holds --json | jq .name'))
    .action(async (flags: HoldFlags) => finish(await (await load()).holds(flags)));
};
