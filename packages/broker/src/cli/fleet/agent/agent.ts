import { join } from 'node:path';
import { CloudEventAgentClient, grpcAgentOptions } from 'ce-broker-client';
import { CeBrokerError, type CloudEventsDataType, CloudEventsType, EventAction } from 'ce-broker-proto';
import { ExitCode } from '../../exit-codes.js';
import { waitForSignal } from '../../serve/signals.js';
import { readDuration, wrongValue } from '../../values.js';
import { visible } from '../../visible.js';
import { type FleetConnectionFlags, fleetConnection } from '../connection.js';
import { fileCodec } from '../file-codec.js';
import type { FileResource } from '../file-resource.js';
import { readName } from '../names.js';
import { Notices } from '../notices.js';
import { outcomeOf, reasonOf } from '../outcome.js';
import { clientLogger, endWithin, followConnection, isAway, type Reached } from '../session.js';
import { readDataType, readPath, required } from '../settings.js';
import { StateLock } from '../state-lock.js';
import { AgentState } from './agent-state.js';
import { AgentWorker } from './agent-worker.js';
import type { ApplyParts } from './apply.js';
import { CommandRunner } from './command-runner.js';
import { FileApplier } from './file-applier.js';
import { withoutPlaceholders } from './placeholders.js';
import { SpecStore } from './spec-store.js';

export interface AgentFlags extends FleetConnectionFlags {
  readonly cluster?: string;
  readonly dir?: string;
  readonly exec?: string;
  readonly timeout?: string;
  readonly state?: string;
  readonly dataType?: string;
}

const STATE_NAME = '.ce-broker-agent.json';
const DEFAULT_TIMEOUT_MS = 60_000;
/** For the commands that run when the agent is told to end, and then for the statuses that are under way. */
const COMMAND_END_MS = 5_000;
const END_MS = 2_000;

interface Settings {
  readonly cluster: string;
  readonly dataType: CloudEventsDataType;
  readonly parts: ApplyParts;
}

/** Applies the files of one cluster until a signal ends it. */
export async function agent(flags: AgentFlags): Promise<number> {
  const cluster = readName(
    '--cluster',
    required('--cluster', flags.cluster, 'the cluster that this agent works for'),
  );
  const dataType = readDataType(flags.dataType);
  const { dir, exec } = flags;
  if (dir === undefined && exec === undefined) {
    throw new CeBrokerError(
      'invalid_option',
      'give --dir DIR, --exec COMMAND, or both: what is to be done with the files?',
      {
        field: '--dir',
      },
    );
  }
  if (exec?.trim() === '') throw wrongValue('--exec', exec, 'a command for sh -c');
  const timeoutMs = flags.timeout === undefined ? DEFAULT_TIMEOUT_MS : readTimeout(flags.timeout);
  const statePath = readPath(
    flags.state ??
      join(
        required('--dir', dir, 'or give --state FILE: what was done must be known after a restart'),
        STATE_NAME,
      ),
  );
  const files = dir === undefined ? undefined : await FileApplier.open(readPath(dir));
  const lock = StateLock.take(statePath, 'ce-broker agent');
  try {
    const state = AgentState.load(statePath, cluster, dataType.toString());
    const command =
      exec === undefined
        ? undefined
        : {
            runner: new CommandRunner({ command: exec, timeoutMs }),
            specs: new SpecStore(`${statePath}.specs`),
          };
    return await run(flags, { cluster, dataType, parts: { state, files, command } });
  } finally {
    lock.release();
  }
}

async function run(flags: AgentFlags, { cluster, dataType, parts }: Settings): Promise<number> {
  const notices = new Notices((line) => void process.stderr.write(`${line}\n`));
  const reached: Reached = { ever: false };
  const logger = clientLogger(notices, reached);
  const connection = await fleetConnection(flags, logger, notices);
  const statusType = new CloudEventsType(dataType, 'status', EventAction.updateRequest);
  const worker: AgentWorker = new AgentWorker({
    ...parts,
    notices,
    // Commands may be heavy; files alone share the writes of the state file.
    parallel: parts.command === undefined ? 64 : 8,
    publish: (resource) => client.publish(statusType, resource),
    resync: () => client.resync(),
    isAway,
    done: ({ name, resourceVersion }, status) => {
      const reason = status.state === 'applied' ? '' : reasonOf(status);
      const line = `${name} v${resourceVersion} ${status.action}: ${outcomeOf(status)}${reason === '' ? '' : `: ${reason}`}`;
      process.stdout.write(`${visible(line)}\n`);
    },
  });
  await worker.missing();
  const options = grpcAgentOptions(connection, cluster, `${cluster}-agent`, {
    qps: Number.POSITIVE_INFINITY,
  });
  const client: CloudEventAgentClient<FileResource> = await CloudEventAgentClient.create<FileResource>({
    options: { ...options, cloudEventsOptions: withoutPlaceholders(options.cloudEventsOptions) },
    lister: worker.lister,
    statusHashGetter: ({ report }) => report?.hash ?? '',
    codecs: [fileCodec(dataType)],
    logger,
  });
  const stopped = waitForSignal();
  try {
    const following = followConnection({
      client,
      who: `${connection.url} as agent of cluster ${cluster}`,
      notices,
      reached,
      subscribed: () => worker.connected(),
    });
    // The client goes on trying; what it meets is told by its statuses.
    client.subscribe((_, resource) => worker.receive(resource)).catch(() => undefined);
    await Promise.race([stopped, following]);
  } finally {
    await worker.finish(COMMAND_END_MS);
    await endWithin(END_MS, worker.stop(), () => client.close());
  }
  return ExitCode.ok;
}

function readTimeout(value: string): number {
  const timeoutMs = readDuration('--timeout', value);
  // Timers of Node hold no more.
  if (timeoutMs >= 1 && timeoutMs <= 2_147_483_647) return timeoutMs;
  throw wrongValue('--timeout', value, 'a duration from 1ms to 24 days');
}
