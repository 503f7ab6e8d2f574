import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type BrokerStart, brokerInvocation } from '../broker-process.js';
import { bytesOnDisk, dataDirOf, dataFile, keptIn } from '../data-dir.js';
import { GrpcConnection } from '../grpc-connection.js';
import { specEvent, WIDGETS } from '../model-events.js';
import type { Run, Scenario } from '../run.js';
import { StoreLoad } from '../store-load.js';
import { lookAtEverything, lookOn } from '../store-probe.js';
import { storedIsWhatWasAcknowledged } from '../stored-history.js';
import { pause, until } from '../until.js';

const PUBLISHERS = 8;
const CLUSTERS = 4;
const READY_MS = 10_000;
const PERMISSION_DENIED = 7;
/** So many heads make a round of settling: it is killed in the middle of one. */
const SETTLE_AT = 64;

/**
 * Eight publishers of 1 KiB events, and the broker killed at random moments, over one data directory: under load, while it starts, while it
 * settles. Nothing that was acknowledged or handed out is lost, nothing comes back that was found missing.
 */
export const storeKill: Scenario = {
  number: 1,
  name: 'kill',
  async play(run) {
    const { history, random } = run;
    const dataDir = dataDirOf(run);
    const byCommand = keptIn(dataDir);
    const settling: BrokerStart = { lmdb: { dataDir, settleAt: SETTLE_AT } };
    const load = new StoreLoad(history, random.fork(), {
      publishers: PUBLISHERS,
      resources: run.size(40, 200),
      clusters: CLUSTERS,
      inFlight: 16,
      bytes: 1_024,
    });
    let broker = await run.broker(byCommand);
    let slowest = 0;
    let duringStart = 0;
    const kills = run.size(5, 20);
    for (let kill = 1; kill <= kills; kill += 1) {
      const leave = await lookOn(broker.grpc, history, load);
      await load.start(broker.grpc);
      const enough = load.acked + random.whole(200, run.size(1_500, 8_000));
      await until('the load is under way', 60_000, () => load.acked >= enough);
      const { store } = await broker.status();
      history.add('fault', 'broker', { note: 'SIGKILL' });
      await broker.kill();
      await load.stop();
      leave();
      const next = random.oneIn(2) ? settling : byCommand;
      if (random.oneIn(2)) {
        duringStart += 1;
        history.add('fault', 'broker', { note: 'SIGKILL while it starts' });
        await killAfter({ ...next, listen: broker.grpc }, random.whole(50, 700));
      }
      const from = performance.now();
      broker = await run.restart(broker, next);
      await mustBelong(run, broker.grpc, load);
      slowest = Math.max(slowest, performance.now() - from);
      const { position } = (await broker.status()).store;
      if (position < store.position) run.fault(`positions went back from ${store.position} to ${position}`);
      await lookAtEverything(broker.grpc, history, load);
    }
    run.atMost('readyMs', slowest, READY_MS);
    run.figure('kills', kills + duringStart);
    run.figure('acknowledged', load.acked);
    run.figure('storeMiB', bytesOnDisk(dataFile(dataDir)) / 2 ** 20);
    run.fault(...storedIsWhatWasAcknowledged(history.read()));
  },
};

/** A resource belongs to whom it belonged to; and that the broker says so, it serves. */
async function mustBelong(run: Run, address: string, load: StoreLoad): Promise<void> {
  const connection = await GrpcConnection.open(address);
  const own = load.resources.filter(({ state, dataType }) => state === 'live' && dataType === WIDGETS);
  if (own.length === 0) return;
  const { cluster, dataType, id } = run.random.pick(own);
  const intruder = {
    source: 'intruder',
    cluster,
    dataType,
    id,
    version: 1_000_000,
    life: 0,
    deleting: false,
  };
  const { code } = await connection.publish(specEvent({ ...intruder, action: 'update_request' }));
  // What was being created or deleted when the broker went may have another end.
  if (code !== PERMISSION_DENIED)
    run.fault(`another source may write ${cluster}/${id} after a restart: code ${code}`);
  connection.close();
}

async function killAfter(start: BrokerStart, ms: number): Promise<void> {
  const [program, ...rest] = brokerInvocation(start);
  const child = spawn(program, rest, { stdio: 'ignore' });
  const gone = once(child, 'exit');
  await pause(ms);
  child.kill('SIGKILL');
  await gone;
}
