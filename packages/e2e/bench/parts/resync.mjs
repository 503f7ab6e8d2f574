/** Spec resync of an agent that is up to date: the cost must grow with the list, not with its square. */
import { medians, short, table, times } from '../lib/figures.mjs';
import { runScript } from '../lib/load.mjs';
import { SERVERS, startServer } from '../lib/servers.mjs';

export const title = 'Resync: an agent lists what it has, and has everything';
const REPEATS = 5;

export async function run(context) {
  const sizes = context.quick ? [2_500, 5_000, 20_000] : [10_000, 20_000, 100_000];
  const peerSizes = context.quick ? [2_500] : context.long ? [10_000, 20_000] : [10_000];
  const plan = [
    ['ce-broker', sizes, REPEATS],
    ['grpcbroker', peerSizes, 1],
  ];
  const data = {};
  const failures = {};
  for (const [name, list, repeats] of plan) {
    const program = context.programs.get(name);
    if (program === undefined) continue;
    data[name] = {};
    for (const resources of list) {
      const server = await startServer(name, program, { nodeFlags: context.nodeFlags });
      try {
        const work = { pid: server.pid, port: server.port, resources, repeats, payloadBytes: 256 };
        const { runs, residentMib } = await runScript('../loads/resync.mjs', work);
        data[name][resources] = { ...medians(runs), firstCpuMs: runs[0].cpuMs, residentMib };
        context.log(
          `resync ${name} ${resources}: ${runs.map((one) => one.cpuMs.toFixed(0)).join(', ')} ms CPU, ${runs[0].answers} answers`,
        );
      } catch (error) {
        failures[name] = error.message;
        context.log(`resync ${name} ${resources} FAILED: ${error.message}`);
      } finally {
        await server.stop();
      }
    }
  }
  const per = (name, size) => (data[name]?.[size]?.cpuMs / size) * 1000;
  const rows = [];
  for (const [name, list] of plan) {
    for (const size of list) {
      const figures = data[name]?.[size];
      if (figures === undefined) continue;
      rows.push([
        `${SERVERS[name].title}, ${size}`,
        times(per(name, size) / per(name, list[0])),
        name === 'ce-broker' ? '' : times(figures.cpuMs / data['ce-broker']?.[size]?.cpuMs),
        short(per(name, size)),
        short(figures.cpuMs),
        short(figures.firstCpuMs),
        short(figures.wallMs),
        (figures.requestBytes / 1e6).toFixed(2),
        figures.answers,
      ]);
    }
  }
  const tables = [
    {
      title: 'CPU per listed resource against the smallest list (1.00x everywhere: linear)',
      text: table(
        [
          'server, resources',
          'per resource',
          'times ce-broker',
          'us per resource',
          'CPU ms',
          'first time',
          'wall ms',
          'request MB',
          'answers',
        ],
        rows,
      ),
    },
  ];
  return { tables, data, failures };
}
