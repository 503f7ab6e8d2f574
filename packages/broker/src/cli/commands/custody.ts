import type { Command } from 'commander';
import { credentialOptions } from '../client/connection-options.js';
import type { CustodyFlags } from '../custody/custody.js';
import { examples, type Finish } from './define.js';

/** `state forget`, `state adopt`, `state reconciled`: what operators do by hand to what nobody looks after any more. */
export function defineCustody(state: Command, finish: Finish): void {
  const load = () => import('../custody/custody.js');
  const plain = (name: string, description: string): Command =>
    state
      .command(name)
      .description(description)
      .option('--admin <URL>', 'the admin port of the broker, http://HOST:PORT', 'http://127.0.0.1:8080');
  const end = (command: Command): Command => {
    command.option('--json', 'what was done, or would be, as JSON');
    for (const option of credentialOptions()) command.addOption(option);
    return command;
  };
  const subject = (name: string, description: string): Command =>
    plain(name, description)
      .argument('[ID]', 'the id of a resource')
      .option('--source <ID>', 'everything that this source owns')
      .option('--cluster <NAME>', 'everything of this cluster, or only of it')
      .option('--type <GROUP.VERSION.RESOURCE>', 'only of this data type')
      .option('--orphans', 'only what agents list and no source owns')
      .option('--tombstones', 'only deletions that nobody has confirmed');
  end(
    subject('forget', 'retire what is gone for good; what agents have they keep, unless --delete')
      .option('--delete', 'tell the agents to delete it, in the name of its owner')
      .requiredOption('--reason <TEXT>', 'why, for the audit trail')
      .option('--yes', 'do it, where more than one resource is meant'),
  )
    .addHelpText(
      'after',
      examples(
        'ce-broker state forget w1 --reason "its hub was dismantled"',
        'ce-broker state forget --cluster c1 --reason "c1 is gone" --yes',
        'ce-broker state forget --source old-hub --delete --reason "old-hub is gone" --yes',
        'ce-broker state forget --cluster c1 --tombstones --reason "nobody will confirm them"',
      ),
    )
    .action(async (id: string | undefined, flags: CustodyFlags) =>
      finish(await (await load()).forget(id, flags)),
    );
  end(
    subject('adopt', 'give a resource, or everything of a source, to another source')
      .requiredOption('--to <SOURCE>', 'the id of the new owner')
      .requiredOption('--reason <TEXT>', 'why, for the audit trail')
      .option('--yes', 'do it, where more than one resource is meant'),
  )
    .addHelpText(
      'after',
      examples(
        'ce-broker state adopt w1 --to new-hub --reason "moved"',
        'ce-broker state adopt --source old-hub --to new-hub --reason "renamed" --yes',
      ),
    )
    .action(async (id: string | undefined, flags: CustodyFlags) =>
      finish(await (await load()).adopt(id, flags)),
    );
  end(plain('reconciling', 'whether a restored broker still waits for its sources and agents'))
    .addHelpText('after', examples('ce-broker state reconciling'))
    .action(async (flags: CustodyFlags) => finish(await (await load()).showReconciling(flags)));
  end(
    plain('reconciled', 'what a restored broker has counts, though its sources have not confirmed it')
      .option('--source <ID>', 'only what this source owns')
      .requiredOption('--reason <TEXT>', 'why, for the audit trail'),
  )
    .addHelpText(
      'after',
      examples('ce-broker state reconciled --source old-hub --reason "it is gone for good"'),
    )
    .action(async (flags: CustodyFlags) => finish(await (await load()).reconciled(flags)));
}
