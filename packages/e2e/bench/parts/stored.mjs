/** What a publish costs as the store grows: updates of all resources alike, and of a hot set of 10,000. */
import { describeErrors } from '../lib/compare.mjs';
import { diskNote } from '../lib/data-dir.mjs';
import { medians, noiseNote, quiet, short, table, thousands, times } from '../lib/figures.mjs';
import { fill, PREFIX } from '../lib/fill.mjs';
import { runLoadOn } from '../lib/load.mjs';
import { memoryKib } from '../lib/proc.mjs';
import { SERVERS, startServer } from '../lib/servers.mjs';

export const title = 'Stored: what a publish costs as the store grows (128 in flight, no subscriber)';
const CLUSTERS = 100;
const HOT = 10_000;
const NAMES = ['ce-broker-lmdb', 'ce-broker'];
const VERSIONS_PER_RUN = 10_000;

export async function run(context) {
  const sizes = context.sizes ?? (context.quick ? [1_000, 20_000] : [1_000, 10_000, 100_000, 1_000_000]);
  const data = {};
  const failures = {};
  for (const name of NAMES) {
    const program = context.programs.get(name);
    if (program === undefined) continue;
    try {
      data[name] = await measure(context, name, program, sizes);
    } catch (error) {
      failures[name] = error.message;
      context.log(`stored ${name} FAILED: ${error.message}`);
    }
  }
  const rows = [];
  for (const [name, bySize] of Object.entries(data)) {
    for (const size of sizes) {
      const { all, hot, memory } = bySize[size];
      const [base] = sizes;
      rows.push([
        `${name === 'ce-broker' ? 'ce-broker, memory' : SERVERS[name].title}, ${size}`,
        times(all.cpuPerEvent / bySize[base].all.cpuPerEvent),
        times(hot.cpuPerEvent / bySize[base].hot.cpuPerEvent),
        short(all.cpuPerEvent),
        short(hot.cpuPerEvent),
        thousands(all.ackedPerSecond),
        thousands(hot.ackedPerSecond),
        `${short(all.p50Ms)} / ${short(all.p99Ms)}`,
        `${(memory.own / 1024).toFixed(0)} / ${(memory.resident / 1024).toFixed(0)}`,
      ]);
    }
  }
  const tables = [
    {
      title: 'CPU per event, all threads, against 1,000 resources (the bar: at most 1.30x)',
      text: table(
        [
          'store, resources',
          'CPU per event, all',
          'hot 10k',
          'CPU us, all',
          'hot 10k',
          'events/s, all',
          'hot 10k',
          'p50 / p99 ms, all',
          'own / RSS MiB',
        ],
        rows,
      ),
    },
  ];
  const figures = Object.values(data).flatMap((bySize) =>
    Object.values(bySize).flatMap(({ all, hot }) => [all, hot]),
  );
  return { tables, data, failures, notes: [...diskNote(), ...noiseNote(figures)] };
}

/** All sizes of one store beside each other, in turn. */
async function measure(context, name, program, sizes) {
  const servers = [];
  const records = {};
  try {
    for (const size of sizes) {
      const server = await startServer(name, program, { nodeFlags: context.nodeFlags });
      servers.push(server);
      records[size] = { all: [], hot: [] };
      await fill(server, size, CLUSTERS);
      // The code of a small store is warmed up as that of a large one.
      await update(context, server, size, 1, 30_000);
      context.log(`stored ${name} ${size}: filled, ${JSON.stringify(memoryKib(server.pid))}`);
    }
    let run = 1;
    for (let round = 0; round < context.rounds; round++) {
      for (const kind of ['all', 'hot']) {
        for (const [index, size] of sizes.entries()) {
          const server = servers[index];
          const figures = await update(
            context,
            server,
            kind === 'all' ? size : Math.min(size, HOT),
            1 + run * VERSIONS_PER_RUN,
          );
          records[size][kind].push(figures);
          context.log(
            `stored ${name} ${size} ${kind}: ${Math.round(figures.ackedPerSecond)}/s, ${figures.cpuPerEvent.toFixed(1)} us${describeErrors(figures.errors)}`,
          );
        }
        run += 1;
      }
    }
    return Object.fromEntries(
      sizes.map((size, index) => [
        size,
        {
          all: medians(quiet(records[size].all)),
          hot: medians(quiet(records[size].hot)),
          memory: memoryKib(servers[index].pid),
        },
      ]),
    );
  } finally {
    for (const server of servers) await server.stop();
  }
}

function update(context, server, resources, firstVersion, events) {
  return runLoadOn(server, {
    resources,
    clusters: CLUSTERS,
    resourcePrefix: PREFIX,
    scatteredFrom: Math.floor(Math.random() * resources),
    firstVersion: firstVersion + 1,
    inFlight: 128,
    subscribers: 0,
    ...(events === undefined
      ? { seconds: context.seconds, warmUpSeconds: context.warmUpSeconds }
      : { events, seconds: 120, warmUpSeconds: 0 }),
  });
}
