// Opens stores that broker-writer.js wrote with a fresh broker each, and reads them as an agent and as sources do. On stdin a line of JSON
// each: the folder, and what must be there; the answer is a JSON list of what is not, or is damaged.
import { createInterface } from 'node:readline';
import { formatAddress } from 'ce-broker';
import { lmdbStore } from 'ce-broker/lmdb';
import {
  decodeEvent,
  type Event,
  eventDataBytes,
  isHeartbeat,
  readDeletionTimestamp,
  readResourceId,
  readResourceVersion,
  readSequenceId,
  splitEventType,
  type TransportSubscribeRequest,
} from 'ce-broker-proto';
import { GrpcConnection } from '../grpc-connection.js';
import { specResyncEvent, statusResyncEvent, tellsOf, WIDGETS } from '../model-events.js';
import { startTestBroker } from '../rpc-engine.js';
import type { WantedState } from './wanted-state.js';

/** Only what is lost takes so long. */
const GIVE_UP_MS = 5_000;

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await missing(JSON.parse(line) as WantedState)));
}

async function missing({ folder, specs, deleted, statuses }: WantedState): Promise<string[]> {
  let broker: Awaited<ReturnType<typeof startTestBroker>>;
  try {
    broker = await startTestBroker({ listen: '127.0.0.1:0', store: lmdbStore({ dataDir: folder }) });
  } catch (error) {
    return [`the broker does not start: ${String(error)}`];
  }
  if (broker.address === undefined) return ['the broker does not listen'];
  const connection = await GrpcConnection.open(formatAddress(broker.address));
  const problems: string[] = [];

  const open = new Map([...Object.entries(specs), ...Object.entries(deleted)]);
  const agent = new Set(Object.keys(deleted));
  const list = [...agent].map((resourceId) => ({ resourceId, resourceVersion: 1n }));
  await collect(
    connection,
    { source: '', clusterName: 'cluster', dataType: WIDGETS },
    specResyncEvent('agent', WIDGETS, 'cluster', list),
    'spec',
    (event) => {
      const id = readResourceId(event) ?? '';
      const version = Number(readResourceVersion(event) ?? 0n);
      const gone = readDeletionTimestamp(event) !== undefined;
      if (!gone && !isWhole(event, version)) problems.push(`${id} ${version} is damaged`);
      if (version >= (open.get(id) ?? Number.POSITIVE_INFINITY) && (gone || !agent.has(id))) open.delete(id);
      return open.size === 0;
    },
  );
  for (const [id, version] of open) {
    problems.push(`the ${agent.has(id) ? 'deletion' : 'spec'} of ${id} with ${version} is lost`);
  }

  const bySource = new Map<string, Map<string, number>>();
  for (const [id, sequence] of Object.entries(statuses)) {
    const source = id.slice(0, id.lastIndexOf('-'));
    const known = bySource.get(source) ?? new Map<string, number>();
    bySource.set(source, known.set(id, sequence));
  }
  await Promise.all(
    [...bySource].map(([source, wanted]) => {
      const known = [...wanted.keys()].map((resourceId) => ({ resourceId, statusHash: '' }));
      return collect(
        connection,
        { source, clusterName: '', dataType: WIDGETS },
        statusResyncEvent(source, WIDGETS, known),
        'status',
        (event) => {
          const id = readResourceId(event) ?? '';
          const sequence = Number(readSequenceId(event) ?? 0);
          const said = JSON.parse(textOf(event)) as { sequence: number };
          if (said.sequence !== sequence) problems.push(`the status of ${id}, ${sequence}, is damaged`);
          if (sequence >= (wanted.get(id) ?? Number.POSITIVE_INFINITY)) wanted.delete(id);
          return wanted.size === 0;
        },
      );
    }),
  );
  for (const wanted of bySource.values()) {
    for (const [id, sequence] of wanted) problems.push(`the status of ${id} with ${sequence} is lost`);
  }
  connection.close();
  await broker.close({ graceMs: 0 });
  return problems;
}

/** Subscribes, asks for all, and reads on until `read` says that it has seen enough. */
function collect(
  connection: GrpcConnection,
  request: TransportSubscribeRequest,
  resync: Buffer,
  part: string,
  read: (event: Event) => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => done(), GIVE_UP_MS);
    const stream = connection.subscribe(request, {
      opened: () => {
        void connection.publish(resync).then(() => undefined);
      },
      message: (bytes) => {
        if (isHeartbeat(bytes)) return;
        const event = decodeEvent(bytes);
        const type = splitEventType(event.type);
        if (type?.subResource === part && type.action !== 'resync_request' && read(event)) done();
      },
      ended: () => done(),
    });
    const done = () => {
      clearTimeout(timer);
      stream.cancel();
      resolve();
    };
  });
}

function isWhole(event: Event, version: number): boolean {
  const { pad } = JSON.parse(textOf(event)) as { pad: string };
  return tellsOf(event).version === version && pad.length % 1_024 === 0 && /^x+$/.test(pad);
}

function textOf(event: Event): string {
  return Buffer.from(eventDataBytes(event) ?? []).toString('utf8');
}
