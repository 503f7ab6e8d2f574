/** A broker with a large store is killed under load and started again: until it serves, until it answers, until a fleet has everything. */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { diskNote, newDataDir, removeDataDir } from '../lib/data-dir.mjs';
import { fixed, medians, table } from '../lib/figures.mjs';
import { fill, PREFIX, resourceId } from '../lib/fill.mjs';
import { runLoadOn, runScript } from '../lib/load.mjs';
import { memoryKib } from '../lib/proc.mjs';
import { startServer } from '../lib/servers.mjs';
import { DATA_TYPE, openPublisher, publishRequest } from '../lib/wire.mjs';

export const title = 'Recovery: killed (SIGKILL) under load with a store of 100 clusters, and started again';
const NAME = 'ce-broker-lmdb';
const CLUSTERS = 100;
const LOAD_SECONDS = 3;
const KILL_AFTER_MS = 2_000;

export async function run(context) {
  const program = context.programs.get(NAME);
  if (program === undefined) return { tables: [], data: {}, notes: ['ce-broker is not built: left out'] };
  const sizes = context.sizes ?? (context.quick ? [1_000, 20_000] : [10_000, 100_000, 1_000_000]);
  const data = {};
  const failures = {};
  for (const size of sizes) {
    const dataDir = newDataDir();
    try {
      data[size] = await measure(context, program, dataDir, size);
      context.log(`recovery ${size}: ${JSON.stringify(data[size])}`);
    } catch (error) {
      failures[`${NAME} with ${size}`] = error.message;
      context.log(`recovery ${size} FAILED: ${error.message}`);
    } finally {
      removeDataDir(dataDir);
    }
  }
  const ms = (value) => fixed(0)(value);
  const mib = (kib) => fixed(0)(kib / 1024);
  const tables = [
    {
      title: 'Started again (own memory: without the mapped file; cold: the file was not in the page cache)',
      text: table(
        [
          'resources',
          'ready ms',
          'first answer ms',
          'cold: ready ms',
          'first answer ms',
          'own MiB',
          'RSS MiB',
          'file MiB',
          'fill: events/s',
        ],
        Object.entries(data).map(([size, { warm, cold, fileBytes, fillPerSecond }]) => [
          size,
          ms(warm.readyMs),
          ms(warm.answerMs),
          ms(cold?.readyMs),
          ms(cold?.answerMs),
          mib(warm.own),
          mib(warm.resident),
          fixed(0)(fileBytes / 2 ** 20),
          fixed(0)(fillPerSecond),
        ]),
      ),
    },
    {
      title: 'Then the agents of all clusters ask for their specs at once',
      text: table(
        [
          'resources',
          'empty: s',
          'bytes / list',
          'CPU us each',
          'up to date: s',
          'CPU us each',
          'own MiB after it',
          'RSS MiB after it',
        ],
        Object.entries(data).map(([size, { list, empty, upToDate }]) => [
          size,
          fixed(2)(empty.wallMs / 1000),
          fixed(3)(empty.bytes / list),
          fixed(1)((empty.cpuMs / size) * 1000),
          fixed(2)(upToDate.wallMs / 1000),
          fixed(1)((upToDate.cpuMs / size) * 1000),
          mib(upToDate.own),
          mib(upToDate.resident),
        ]),
      ),
    },
  ];
  return { tables, data, failures, notes: diskNote() };
}

async function measure(context, program, dataDir, size) {
  const extra = { nodeFlags: context.nodeFlags, dataDir };
  let server = await startServer(NAME, program, extra);
  try {
    const fillFrom = performance.now();
    const { eventBytes } = await fill(server, size, CLUSTERS);
    const fillPerSecond = size / ((performance.now() - fillFrom) / 1000);
    const starts = [];
    let version = 2;
    for (let round = 0; round < context.rounds; round++) {
      await killUnderLoad(server, size, version);
      version += 1_000;
      const started = await restart(program, extra);
      server = started.server;
      starts.push(started.figures);
      context.log(`recovery ${size}: ${JSON.stringify(started.figures)}`);
    }
    const fileBytes = statSync(join(dataDir, 'data.mdb')).size;
    const work = { pid: server.pid, port: server.port, resources: size, clusters: CLUSTERS, version };
    const { empty, upToDate } = await runScript('../loads/fleet-resync.mjs', work);
    let cold;
    await server.stop();
    if (dropFromCache(join(dataDir, 'data.mdb'))) {
      const started = await restart(program, extra);
      server = started.server;
      cold = started.figures;
    }
    return {
      warm: medians(starts),
      cold,
      empty,
      upToDate,
      list: eventBytes * size,
      fileBytes,
      fillPerSecond,
    };
  } finally {
    await server.stop();
  }
}

async function killUnderLoad(server, size, firstVersion) {
  const load = runLoadOn(server, {
    resources: size,
    clusters: CLUSTERS,
    resourcePrefix: PREFIX,
    scatteredFrom: Math.floor(Math.random() * size),
    firstVersion,
    inFlight: 128,
    subscribers: 0,
    seconds: LOAD_SECONDS,
    warmUpSeconds: 0,
    drainTimeoutMs: 0,
  }).catch(() => undefined);
  await sleep(KILL_AFTER_MS);
  await server.stop('SIGKILL');
  await load;
}

/** Starts the broker over its store, and publishes as soon as anybody listens. */
async function restart(program, extra) {
  let answer;
  const server = await startServer(NAME, program, {
    ...extra,
    onSpawn: (spawned) => {
      answer = firstAnswer(spawned);
    },
  });
  const answerMs = await answer;
  return { server, figures: { readyMs: server.readyMs, answerMs, ...memoryKib(server.pid) } };
}

/** The probe is a new version of the first resource, above all that the load publishes. */
let probeVersion = 1_000_000_000;

async function firstAnswer(server) {
  const until = performance.now() + 60_000;
  while (performance.now() < until) {
    try {
      const calls = await openPublisher({ port: server.port });
      probeVersion += 1;
      await calls.publish(
        publishRequest({
          source: 'bench',
          type: `${DATA_TYPE}.spec.update_request`,
          attributes: {
            clustername: 'cluster-00000',
            originalsource: 'bench',
            resourceid: resourceId(0),
            contenttype: 'application/json',
          },
          version: probeVersion,
          data: '{}',
        }),
      );
      calls.close();
      return performance.now() - server.begun;
    } catch {
      await sleep(5);
    }
  }
  return Number.NaN;
}

/** Takes a file out of the page cache, as it is after the machine has started; false: that cannot be done here. */
function dropFromCache(file) {
  if (process.platform !== 'linux' || !existsSync(file)) return false;
  const { status } = spawnSync('dd', [`of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'], {
    stdio: 'ignore',
  });
  return status === 0;
}
