import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BrokerProcess, StartFailed } from '../broker-process.js';
import { dataDirOf, keptIn, LoopDisk, mountTmpfs, remount } from '../data-dir.js';
import { specResyncEvent, WIDGETS } from '../model-events.js';
import type { Run, Scenario } from '../run.js';
import { StoreLoad } from '../store-load.js';
import { listen, lookAtEverything, lookOn } from '../store-probe.js';
import { storedIsWhatWasAcknowledged } from '../stored-history.js';
import { until } from '../until.js';

const RESOURCE_EXHAUSTED = 8;
const UNAVAILABLE = 14;
/** Before the names of what is on the disk that becomes read-only. */
const OTHER_DISK = 'readonly-';
const DISK_BYTES = 6 * 2 ** 20;

/**
 * The disk is full, then there is room again, a few times; then it becomes read-only under the running broker; then the broker starts on a
 * read-only one. Publishes are refused, all else goes on, and nothing that was refused is ever there.
 */
export const storeFull: Scenario = {
  number: 3,
  name: 'disk-full',
  async play(run) {
    const dataDir = dataDirOf(run);
    const isOwnDisk = mountTmpfs(run, dataDir, DISK_BYTES);
    run.figure(
      'disk',
      isOwnDisk ? 'tmpfs' : 'no disk of its own (not root): a limit on the size of files instead',
    );
    const load = new StoreLoad(run.history, run.random.fork(), {
      publishers: 4,
      resources: 60,
      clusters: 2,
      inFlight: 8,
      bytes: 1_024,
    });
    const start = keptIn(dataDir);
    let broker = await run.broker(
      isOwnDisk ? start : { ...start, under: ['prlimit', `--fsize=${DISK_BYTES / 2}`, '--'] },
    );
    for (let round = 0; round < run.size(2, 10); round += 1) {
      await fillUp(run, broker, load, isOwnDisk ? dataDir : undefined);
      if (!isOwnDisk) break;
    }
    run.history.add('fault', 'broker', { note: 'SIGKILL' });
    await broker.kill();
    broker = await run.restart(broker, start);
    await lookAtEverything(broker.grpc, run.history, load);
    run.fault(...storedIsWhatWasAcknowledged(run.history.read()));
    await broker.kill();
    if (isOwnDisk) await startReadOnly(run, dataDir);
    await becomeReadOnly(run);
  },
};

/** Load, until the disk is full and for a while after it; then there is room. */
async function fillUp(
  run: Run,
  broker: BrokerProcess,
  load: StoreLoad,
  disk: string | undefined,
): Promise<void> {
  const { history } = run;
  const leave = await lookOn(broker.grpc, history, load);
  await load.start(broker.grpc);
  const enough = load.acked + 300;
  await until('the load is under way', 60_000, () => load.acked >= enough);
  history.add('fault', 'disk', { note: 'full' });
  const ballast = disk === undefined ? undefined : join(disk, 'ballast');
  if (ballast !== undefined) fill(ballast);
  const before = load.refused;
  await until('Publishes are refused', 60_000, () => load.refused >= before + 200);
  const { store } = await broker.status();
  if (!store.troubles.some((trouble) => trouble.includes('full')))
    run.fault(`the status says nothing of a full disk: ${JSON.stringify(store.troubles)}`);
  await readsGoOn(run, broker, load);
  if (ballast !== undefined) {
    history.add('fault', 'disk', { note: 'there is room' });
    rmSync(ballast);
    const room = performance.now();
    const acked = load.acked;
    await until('it recovers by itself', 10_000, () => load.acked > acked + 50);
    run.figure('recoveredMs', performance.now() - room);
  }
  await load.stop();
  leave();
  await until('nobody is connected', 5_000, async () => (await broker.sessions()) === 0);
  const { troubles } = (await broker.status()).store;
  if (disk !== undefined && troubles.length > 0)
    run.fault(`there is room, and the status still says ${troubles}`);
  for (const [code, count] of load.codes) {
    run.figure(`refusedWith${code}`, count);
    if (code !== RESOURCE_EXHAUSTED)
      run.fault(`${count} Publishes were refused with ${code}, not RESOURCE_EXHAUSTED`);
  }
}

/** An agent that comes now gets what is there. */
async function readsGoOn(run: Run, broker: BrokerProcess, load: StoreLoad): Promise<void> {
  const live = load.resources.find(({ state, dataType }) => state === 'live' && dataType === WIDGETS);
  if (live === undefined) return;
  let got = 0;
  const agent = await listen(
    broker.grpc,
    { source: '', clusterName: live.cluster, dataType: WIDGETS },
    () => {
      got += 1;
    },
  );
  const { code, message } = await agent.publish(specResyncEvent('late-agent', WIDGETS, live.cluster, []));
  if (code !== 0) run.fault(`a resync was refused while the disk was full: ${code} ${message}`);
  await until('an agent gets its specs while the disk is full', 5_000, () => got > 10);
  agent.close();
}

/** Writes until nothing fits any more. */
function fill(file: string): void {
  try {
    for (;;) writeFileSync(file, Buffer.alloc(64 * 1024), { flag: 'a' });
  } catch {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(4 * 1024), { flag: 'a' });
    } catch {
      // Full.
    }
  }
}

async function startReadOnly(run: Run, dataDir: string): Promise<void> {
  run.history.add('fault', 'disk', { note: 'read-only at the start' });
  remount(dataDir, 'ro');
  try {
    await (await run.broker(keptIn(dataDir))).kill();
    run.fault('the broker starts on a read-only disk');
  } catch (error) {
    if (!(error instanceof StartFailed)) throw error;
    const clear =
      typeof error.ended === 'number' && error.log.includes('read-only') && error.log.includes(dataDir);
    if (!clear)
      run.fault(`on a read-only disk the broker ended with ${error.ended}: ${error.log.slice(-500)}`);
  }
  remount(dataDir, 'rw');
}

/** The disk fails under the broker, and its file system becomes read-only, as ext4 does. */
async function becomeReadOnly(run: Run): Promise<void> {
  const folder = dataDirOf(run);
  const disk = LoopDisk.make(run, folder, 64 * 2 ** 20);
  if (disk === undefined) {
    run.figure('becomesReadOnly', 'left out: no loop device');
    return;
  }
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  const start = keptIn(dataDir);
  const load = new StoreLoad(run.history, run.random.fork(), {
    publishers: 2,
    resources: 20,
    clusters: 2,
    inFlight: 4,
    bytes: 1_024,
    prefix: OTHER_DISK,
  });
  let broker = await run.broker(start);
  await load.start(broker.grpc);
  await until('the load is under way', 60_000, () => load.acked > 100);
  run.history.add('fault', 'disk', { note: 'it fails, and is read-only' });
  disk.fail();
  const before = load.acked;
  await until('Publishes are refused', 30_000, () => load.refused > 50);
  await load.stop();
  run.figure('ackedWhileItFailed', load.acked - before);
  for (const code of load.codes.keys()) {
    if (code !== UNAVAILABLE && code !== RESOURCE_EXHAUSTED)
      run.fault(`on a read-only disk a Publish got ${code}`);
  }
  const { troubles } = (await broker.status()).store;
  if (troubles.length === 0) run.fault('the status says nothing of a disk that takes nothing');
  await broker.kill();
  disk.mountAgain();
  broker = await run.restart(broker, start);
  await lookAtEverything(broker.grpc, run.history, load);
  const own = run.history.read().filter(({ cluster }) => cluster?.startsWith(OTHER_DISK) !== false);
  run.fault(...storedIsWhatWasAcknowledged(own));
  await broker.kill();
}
