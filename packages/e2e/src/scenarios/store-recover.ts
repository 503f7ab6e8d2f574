import { bytesOnDisk, dataDirOf, dataFile, keptIn } from '../data-dir.js';
import { GrpcConnection } from '../grpc-connection.js';
import { inBatches, MIB } from '../measure.js';
import { specEvent, specResyncEvent, WIDGETS } from '../model-events.js';
import type { Run, Scenario } from '../run.js';
import { listen, specOf } from '../store-probe.js';
import { until } from '../until.js';

const CLUSTERS = 100;
const CONNECTIONS = 4;
const IN_FLIGHT = 256;
const BYTES = 1_024;
const READY_MS = 3_000;
const MEMORY_MIB = 500;
/** So many are updated once more, and the broker is killed in the middle of it. */
const UPDATES = 20_000;

/** A broker that holds 50,000 resources of 1 KiB (long: a million) is killed under load: how soon it serves again, and what it takes. */
export const storeRecover: Scenario = {
  number: 1,
  name: 'recover',
  async play(run) {
    const resources = run.size(50_000, 1_000_000);
    const dataDir = dataDirOf(run);
    let broker = await run.broker(keptIn(dataDir));
    const filling = performance.now();
    await publishAll(run, broker.grpc, resources, 1);
    run.figure('filledPerSecond', resources / ((performance.now() - filling) / 1_000));
    await publishAll(run, broker.grpc, UPDATES, 2, () => broker.kill());
    run.history.add('fault', 'broker', { note: 'SIGKILL' });

    const from = performance.now();
    broker = await run.restart(broker);
    run.atMost('readyMs', performance.now() - from, READY_MS);
    const connection = await GrpcConnection.open(broker.grpc);
    const { code, message } = await connection.publish(spec(resources, 1));
    run.figure('firstAcknowledgedMs', performance.now() - from);
    if (code !== 0) run.fault(`the first Publish was refused: ${code} ${message}`);
    connection.close();
    const newest = new Map<string, number>();
    const agent = await listen(
      broker.grpc,
      { source: '', clusterName: 'cluster-0', dataType: WIDGETS },
      (event) => {
        const seen = specOf(event);
        if (seen?.version === undefined) return;
        if (newest.size === 0) run.figure('firstOfResyncMs', performance.now() - from);
        newest.set(seen.id ?? '', seen.version);
      },
    );
    await agent.publish(specResyncEvent('agent', WIDGETS, 'cluster-0', []));
    const wanted = Array.from({ length: resources / CLUSTERS }, (_, n) => `r${n * CLUSTERS}`);
    await until('an agent has everything of its cluster', 30_000, () => wanted.every((id) => newest.has(id)));
    run.figure('clusterResyncedMs', performance.now() - from);
    agent.close();
    const lost = run.history.read().filter(({ k, cluster, id, version = 0 }) => {
      return k === 'acked' && cluster === 'cluster-0' && (newest.get(id ?? '') ?? 0) < version;
    });
    for (const { id } of lost) run.fault(`the update of ${id} was acknowledged, and is lost`);
    const { store } = await broker.status();
    if (store.resources < resources) run.fault(`there are ${store.resources} resources, not ${resources}`);
    run.atMost('memoryMiB', broker.rssOwn() / MIB, MEMORY_MIB);
    run.figure('residentMiB', broker.rss() / MIB);
    run.figure('fileMiB', bytesOnDisk(dataFile(dataDir)) / MIB);
  },
};

function spec(n: number, version: number): Buffer {
  const cluster = `cluster-${n % CLUSTERS}`;
  const fields = {
    source: 'source',
    dataType: WIDGETS,
    cluster,
    id: `r${n}`,
    version,
    life: 1,
    deleting: false,
    bytes: BYTES,
  };
  return specEvent({ ...fields, action: version === 1 ? 'create_request' : 'update_request' });
}

/** Publishes so many, in no order that the store would like; `half`: called when half of them are acknowledged, and then some may fail. */
async function publishAll(
  run: Run,
  address: string,
  count: number,
  version: number,
  half?: () => Promise<void>,
): Promise<void> {
  const connections = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => GrpcConnection.open(address)),
  );
  let acked = 0;
  let cut: Promise<void> | undefined;
  await inBatches(count, IN_FLIGHT, async (index) => {
    if (cut !== undefined) return;
    // 7,919 is prime to every count: each number comes once.
    const n = (index * 7_919) % count;
    const { code, message } = await (connections[index % CONNECTIONS] as GrpcConnection).publish(
      spec(n, version),
    );
    if (code === 0) {
      acked += 1;
      if (version > 1)
        run.history.add('acked', 'source', { cluster: `cluster-${n % CLUSTERS}`, id: `r${n}`, version });
    } else if (cut === undefined) throw new Error(`a Publish was refused: ${code} ${message}`);
    if (half !== undefined && acked >= count / 2) cut ??= half();
  });
  await cut;
  for (const connection of connections) connection.close();
}
