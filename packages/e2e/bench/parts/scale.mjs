/** Does a publish cost the same beside 5,000 sessions as beside one, and over 200,000 resources as over 1,000? */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describeErrors } from '../lib/compare.mjs';
import { medians, noiseNote, quiet, short, table, thousands, times } from '../lib/figures.mjs';
import { runLoadOn } from '../lib/load.mjs';
import { onCore, startServer } from '../lib/servers.mjs';

export const title =
  'Scale: what a publish costs as sessions and resources grow (16 in flight, one receiver)';
const PREFIX = 'be9c4000-0000-4000-8000-';

export async function run(context) {
  const sessions = context.quick ? 1_000 : 5_000;
  const resources = context.quick ? 20_000 : 200_000;
  const program = context.programs.get('ce-broker');
  if (program === undefined) return { tables: [], data: {}, notes: ['ce-broker is not built: left out'] };
  const start = () => startServer('ce-broker', program, { nodeFlags: context.nodeFlags });
  const cases = [
    { name: '1 session, 1k resources', resources: 1_000 },
    { name: `${sessions} sessions, 1k resources`, resources: 1_000, sessions },
    { name: `1 session, ${resources / 1000}k resources`, resources },
  ];
  const records = Object.fromEntries(cases.map(({ name }) => [name, []]));
  const servers = [];
  const holders = [];
  try {
    for (const one of cases) {
      const server = await start();
      servers.push(server);
      if (one.sessions !== undefined) holders.push(await holdSessions(server, one.sessions));
      // Fills the state, and warms the code up to the same degree everywhere.
      await runLoadOn(server, {
        events: Math.max(one.resources, 30_000),
        resources: one.resources,
        resourcePrefix: PREFIX,
        inFlight: 64,
        subscribers: 0,
        seconds: 120,
        warmUpSeconds: 0,
      });
      context.log(`scale: ${one.name} is set up, ${Math.round(server.residentKib() / 1024)} MiB`);
    }
    for (let round = 0; round < Math.max(context.rounds, context.quick ? 2 : 5); round++) {
      for (const [index, one] of cases.entries()) {
        const figures = await runLoadOn(servers[index], {
          resources: one.resources,
          resourcePrefix: PREFIX,
          firstVersion: 1_000 + round * 10_000,
          inFlight: 16,
          subscribers: 1,
          untilDelivered: true,
          seconds: context.seconds,
          warmUpSeconds: context.warmUpSeconds,
        });
        records[one.name].push({ ...figures, residentKib: servers[index].residentKib() });
        context.log(
          `scale ${one.name}: ${Math.round(figures.eventsPerSecond)}/s, ${figures.cpuPerEvent.toFixed(1)} us${describeErrors(figures.errors)}`,
        );
      }
    }
  } finally {
    for (const holder of holders) holder.kill();
    for (const server of servers) await server.stop();
  }
  const data = Object.fromEntries(
    Object.entries(records).map(([name, list]) => [name, medians(quiet(list))]),
  );
  const base = data[cases[0].name];
  const tables = [
    {
      title: 'Against the first line (the bar: at most 1.30x in CPU per event)',
      text: table(
        ['ce-broker with', 'CPU per event', 'events/s', 'CPU us', 'events/s', 'p99 ms', 'RSS MiB'],
        cases.map(({ name }) => [
          name,
          times(data[name].cpuPerEvent / base.cpuPerEvent),
          times(data[name].eventsPerSecond / base.eventsPerSecond),
          short(data[name].cpuPerEvent),
          thousands(data[name].eventsPerSecond),
          short(data[name].p99Ms),
          (data[name].residentKib / 1024).toFixed(0),
        ]),
      ),
    },
  ];
  return { tables, data, notes: noiseNote(Object.values(data)) };
}

/** A process that holds idle subscriptions of other clusters, 100 on a connection, until it is killed. */
function holdSessions(server, count) {
  const script = fileURLToPath(new URL('../loads/hold.mjs', import.meta.url));
  const [program, ...args] = onCore(1, [
    process.execPath,
    script,
    JSON.stringify({ port: server.port, count }),
  ]);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    child.once('exit', (code) => reject(new Error(`holding ${count} sessions ended with ${code}`)));
    child.stdout.once('data', () => resolve(child));
  });
}
