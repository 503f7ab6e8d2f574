import {
  decodeEvent,
  type Event,
  isHeartbeat,
  MANIFEST_BUNDLES,
  readClusterName,
  readDeletionTimestamp,
  readResourceId,
  readResourceVersion,
  readSequenceId,
  splitEventType,
  type TransportSubscribeRequest,
} from 'ce-broker-proto';
import { GrpcConnection } from './grpc-connection.js';
import type { History, HistoryLine } from './history.js';
import { specEvent, specResyncEvent, statusResyncEvent, tellsOf, WIDGETS } from './model-events.js';
import type { StoreLoad } from './store-load.js';
import { PROBE_BEGINS, PROBE_ENDS } from './stored-history.js';
import { until } from './until.js';

const TYPES = [WIDGETS, MANIFEST_BUNDLES] as const;
const MARKER = 'marker';

type Seen = Pick<HistoryLine, 'cluster' | 'id' | 'version' | 'life' | 'deleted'>;

/** A subscription of which every event is told. */
export async function listen(
  address: string,
  request: TransportSubscribeRequest,
  onEvent: (event: Event) => void,
): Promise<GrpcConnection> {
  const connection = await GrpcConnection.open(address);
  await new Promise<void>((resolve, reject) => {
    connection.subscribe(request, {
      opened: resolve,
      message: (bytes) => {
        if (!isHeartbeat(bytes)) onEvent(decodeEvent(bytes));
      },
      ended: ({ message }) => reject(new Error(message)),
    });
  });
  return connection;
}

/** What an agent is handed of a spec; undefined: it is something else. */
export function specOf(event: Event): Seen | undefined {
  if (splitEventType(event.type)?.subResource !== 'spec' || event.type.endsWith('resync_request'))
    return undefined;
  const { life } = tellsOf(event);
  return {
    cluster: readClusterName(event) ?? '',
    id: readResourceId(event) ?? '',
    version: Number(readResourceVersion(event) ?? 0n),
    life,
    deleted: readDeletionTimestamp(event) !== undefined,
  };
}

/** Agents that look on while the load runs, one for each cluster, and write into the history what they are handed. They confirm nothing. */
export async function lookOn(address: string, history: History, load: StoreLoad): Promise<() => void> {
  const connections = await Promise.all(
    load.clusters.map((clusterName) =>
      listen(address, { source: '', clusterName, dataType: '' }, (event) => {
        const spec = specOf(event);
        if (spec !== undefined && spec.id !== MARKER) history.add('got', `${clusterName} looks on`, spec);
      }),
    ),
  );
  return () => {
    for (const connection of connections) connection.close();
  };
}

/**
 * Reads all that the broker has, as agents and sources do that come with nothing: into the history, for the checker. No other source may be
 * connected.
 */
export async function lookAtEverything(address: string, history: History, load: StoreLoad): Promise<void> {
  history.add('fault', 'probe', { note: PROBE_BEGINS });
  const statuses = await readStatuses(address, load);
  const specs = await readSpecs(address, history, load);
  for (const spec of specs.values()) history.add('holds', 'probe', spec);
  for (const [key, sequence] of statuses) {
    const [cluster = '', id = ''] = key.split('/');
    history.add('knows', 'probe', { cluster, id, sequence });
  }
  for (const resource of load.resources) {
    const seen = specs.get(`${resource.cluster}/${resource.id}`);
    if (seen === undefined) resource.state = 'absent';
    else resource.state = seen.deleted === true ? 'deleted' : 'live';
    if (seen?.version !== undefined) resource.version = seen.version;
    resource.uncertain = false;
  }
  history.add('fault', 'probe', { note: PROBE_ENDS });
}

/** Of agents that are there a source's question would be asked, so they come later. */
async function readStatuses(address: string, load: StoreLoad): Promise<ReadonlyMap<string, number>> {
  const statuses = new Map<string, number>();
  const connections = await Promise.all(
    pairs(load.sources).map(async ([source, dataType]) => {
      const connection = await listen(address, { source, clusterName: '', dataType }, (event) => {
        const parts = splitEventType(event.type);
        if (parts?.subResource !== 'status' || parts.action === 'resync_request') return;
        const key = `${readClusterName(event)}/${readResourceId(event)}`;
        statuses.set(key, Number(readSequenceId(event) ?? 0));
      });
      await publish(connection, statusResyncEvent(source, dataType, []));
      return connection;
    }),
  );
  await missingIsToldLater('every status is there', () =>
    load.resources.every(
      ({ cluster, id, state, reported, uncertain }) =>
        state !== 'live' || uncertain || !reported || statuses.has(`${cluster}/${id}`),
    ),
  );
  for (const connection of connections) connection.close();
  return statuses;
}

async function readSpecs(
  address: string,
  history: History,
  load: StoreLoad,
): Promise<ReadonlyMap<string, Seen>> {
  const specs = new Map<string, Seen>();
  const marked = new Set<string>();
  const mark = Math.floor(performance.now()) + 1;
  const connections = await Promise.all(
    pairs(load.clusters).map(async ([clusterName, dataType]) => {
      const connection = await listen(address, { source: '', clusterName, dataType }, (event) => {
        const spec = specOf(event);
        if (spec === undefined) return;
        if (spec.id !== MARKER) specs.set(`${clusterName}/${spec.id}`, spec);
        else if (spec.version === mark) marked.add(`${clusterName} ${dataType}`);
      });
      await publish(connection, specResyncEvent(`${clusterName}-probe`, dataType, clusterName, []));
      return connection;
    }),
  );
  await missingIsToldLater('every spec is there', () =>
    load.resources.every(
      ({ cluster, id, state, uncertain }) =>
        state !== 'live' || uncertain || specs.get(`${cluster}/${id}`)?.deleted === false,
    ),
  );
  // A marker shows that nothing is on its way any more.
  const [writer] = connections;
  for (const [cluster, dataType] of pairs(load.clusters)) {
    const marker = {
      source: 'probe',
      dataType,
      cluster,
      id: MARKER,
      version: mark,
      life: 1,
      deleting: false,
    };
    if (writer !== undefined) await publish(writer, specEvent({ ...marker, action: 'update_request' }));
  }
  await until('the markers are there', 10_000, () => marked.size === connections.length).catch((error) =>
    history.add('fault', 'probe', { note: String(error) }),
  );
  for (const connection of connections) connection.close();
  return specs;
}

function pairs(names: readonly string[]): (readonly [string, string])[] {
  return names.flatMap((name) => TYPES.map((dataType) => [name, dataType] as const));
}

/** What is missing is for the checker to tell. */
async function missingIsToldLater(what: string, isThere: () => boolean): Promise<void> {
  await until(what, 3_000, isThere).catch(() => {});
}

async function publish(connection: GrpcConnection, event: Uint8Array): Promise<void> {
  const { code, message } = await connection.publish(event);
  if (code !== 0) throw new Error(`the broker refused what a look at everything needs: ${code} ${message}`);
}
