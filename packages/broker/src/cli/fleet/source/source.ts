import { statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { CloudEventSourceClient, grpcOptions } from 'ce-broker-client';
import { CeBrokerError, type CloudEventsDataType, CloudEventsType } from 'ce-broker-proto';
import pc from 'picocolors';
import { ExitCode } from '../../exit-codes.js';
import { waitForSignal } from '../../serve/signals.js';
import { type FleetConnectionFlags, fleetConnection } from '../connection.js';
import { fileCodec } from '../file-codec.js';
import type { FileResource } from '../file-resource.js';
import { readName } from '../names.js';
import { Notices } from '../notices.js';
import { clientLogger, endWithin, followConnection, isAway, type Reached } from '../session.js';
import { readDataType, readPath, required } from '../settings.js';
import { hasCode, messageOf } from '../state-file.js';
import { StateLock } from '../state-lock.js';
import { isLeftover } from './folder-scan.js';
import { JsonView, PlainView } from './line-views.js';
import { ownDeletions } from './own-deletions.js';
import { SourceState } from './source-state.js';
import type { SourceView } from './source-view.js';
import { SourceWorker } from './source-worker.js';
import { TableView } from './table-view.js';

export interface SourceFlags extends FleetConnectionFlags {
  readonly dir?: string;
  readonly source?: string;
  readonly state?: string;
  readonly dataType?: string;
  readonly allowEmpty?: boolean;
  readonly json?: boolean;
}

const STATE_NAME = '.ce-broker-source.json';
/** For the publishes that are under way when the command is told to end. */
const END_MS = 2_000;

/** Publishes the files of a folder, and follows it, until a signal ends it. */
export async function source(flags: SourceFlags): Promise<number> {
  const dir = readPath(required('--dir', flags.dir, 'the folder of the files, DIR/CLUSTER/NAME'));
  const id = readName('--source', required('--source', flags.source, 'who publishes'));
  const dataType = readDataType(flags.dataType);
  const statePath = readStatePath(flags.state, dir);
  checkFolder(dir, flags.state);
  const lock = StateLock.take(statePath, 'ce-broker source');
  try {
    return await run(flags, {
      dir,
      id,
      dataType,
      state: SourceState.load(statePath, id, dataType.toString()),
    });
  } finally {
    lock.release();
  }
}

interface Settings {
  readonly dir: string;
  readonly id: string;
  readonly dataType: CloudEventsDataType;
  readonly state: SourceState;
}

async function run(flags: SourceFlags, { dir, id, dataType, state }: Settings): Promise<number> {
  const view = viewOf(flags, id, state);
  const notices = new Notices((line) => view.note(line));
  const reached: Reached = { ever: false };
  const logger = clientLogger(notices, reached);
  const connection = await fleetConnection(flags, logger, notices);
  const worker: SourceWorker = new SourceWorker({
    dir,
    state,
    notices,
    view,
    allowEmpty: flags.allowEmpty === true,
    publish: (action, resource) => client.publish(new CloudEventsType(dataType, 'spec', action), resource),
    isAway,
  });
  const client: CloudEventSourceClient<FileResource> = await CloudEventSourceClient.create<FileResource>({
    options: {
      cloudEventsOptions: ownDeletions(
        grpcOptions(connection),
        (uid) => state.get(uid)?.deletedAt !== undefined,
        (uid) => worker.stranger(uid),
      ),
      sourceId: id,
      // The broker sets the pace: few calls are under way at a time.
      rateLimit: { qps: Number.POSITIVE_INFINITY },
    },
    lister: worker.lister,
    statusHashGetter: worker.statusHash,
    codecs: [fileCodec(dataType)],
    logger,
  });
  const stopped = waitForSignal();
  try {
    const following = followConnection({
      client,
      who: `${connection.url} as source ${id}`,
      notices,
      reached,
      subscribed: () => worker.connected(),
    });
    // The client goes on trying; what it meets is told by its statuses.
    client.subscribe((_, resource) => worker.receive(resource)).catch(() => undefined);
    worker.start();
    await Promise.race([stopped, following]);
  } finally {
    await endWithin(END_MS, worker.stop(), () => client.close());
    view.end();
  }
  return ExitCode.ok;
}

function readStatePath(given: string | undefined, dir: string): string {
  const path = readPath(given ?? join(dir, STATE_NAME));
  const [first = '', ...more] = relative(dir, path).split(sep);
  if (more.length === 1 && first !== '..' && !isLeftover(first) && !isLeftover(more[0] ?? '')) {
    throw new CeBrokerError(
      'invalid_option',
      `--state ${path} would itself be a file of cluster ${first}: put it elsewhere`,
      { field: '--state' },
    );
  }
  return path;
}

/** With a state file elsewhere a folder that is away for the moment is no reason to end. */
function checkFolder(dir: string, state: string | undefined): void {
  try {
    if (statSync(dir).isDirectory()) return;
  } catch (cause) {
    if (state !== undefined) return;
    const why = hasCode(cause, 'ENOENT')
      ? `the folder ${dir} does not exist: create it, or correct --dir`
      : `--dir: cannot read ${dir}: ${messageOf(cause)}`;
    throw new CeBrokerError('unreadable_file', why, {
      field: '--dir',
      cause,
    });
  }
  throw new CeBrokerError('invalid_option', `--dir: ${dir} is no folder`, { field: '--dir' });
}

function viewOf(flags: SourceFlags, id: string, state: SourceState): SourceView {
  const streams = {
    out: (line: string) => void process.stdout.write(line),
    err: (line: string) => void process.stderr.write(line),
  };
  if (flags.json === true) return new JsonView(streams);
  if (process.stdout.isTTY !== true) return new PlainView(streams);
  return new TableView(`source ${id}`, state, {
    write: streams.out,
    size: () => ({ rows: process.stdout.rows || 24, columns: process.stdout.columns || 80 }),
    color: pc.isColorSupported,
  });
}
