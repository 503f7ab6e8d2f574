/** Every agent of 100 clusters asks for its specs at the same moment: time and bytes against the list, as the list grows. */
import { diskNote } from '../lib/data-dir.mjs';
import { fixed, medians, short, table, times } from '../lib/figures.mjs';
import { fill } from '../lib/fill.mjs';
import { runScript } from '../lib/load.mjs';
import { SERVERS, startServer } from '../lib/servers.mjs';

export const title = 'Fleet resync: the agents of 100 clusters ask at once, with nothing and with everything';
const CLUSTERS = 100;
const NAMES = ['ce-broker-lmdb', 'ce-broker'];

export async function run(context) {
  const sizes = context.sizes ?? (context.quick ? [2_000, 10_000, 20_000] : [10_000, 100_000, 200_000]);
  const data = {};
  const failures = {};
  for (const name of NAMES) {
    const program = context.programs.get(name);
    if (program === undefined) continue;
    data[name] = {};
    for (const resources of sizes) {
      const server = await startServer(name, program, { nodeFlags: context.nodeFlags });
      try {
        const { eventBytes } = await fill(server, resources, CLUSTERS);
        const work = { pid: server.pid, port: server.port, resources, clusters: CLUSTERS, version: 1 };
        const runs = [];
        for (let round = 0; round < context.rounds; round++)
          runs.push(await runScript('../loads/fleet-resync.mjs', work));
        const list = eventBytes * resources;
        const empty = medians(runs.map((one) => one.empty));
        const upToDate = medians(runs.map((one) => one.upToDate));
        data[name][resources] = { list, empty, upToDate };
        context.log(
          `fleet-resync ${name} ${resources}: ${empty.wallMs.toFixed(0)} ms, ${(empty.bytes / list).toFixed(3)} of the list; up to date ${upToDate.wallMs.toFixed(0)} ms`,
        );
      } catch (error) {
        failures[name] = error.message;
        context.log(`fleet-resync ${name} ${resources} FAILED: ${error.message}`);
      } finally {
        await server.stop();
      }
    }
  }
  const rows = [];
  for (const [name, bySize] of Object.entries(data)) {
    const [smallest] = sizes;
    const per = (size, kind, key) => bySize[size]?.[kind][key] / size;
    for (const [size, { list, empty, upToDate }] of Object.entries(bySize)) {
      rows.push([
        `${name === 'ce-broker' ? 'ce-broker, memory' : SERVERS[name].title}, ${size}`,
        times(per(size, 'empty', 'cpuMs') / per(smallest, 'empty', 'cpuMs')),
        times(per(size, 'upToDate', 'cpuMs') / per(smallest, 'upToDate', 'cpuMs')),
        times(empty.bytes / list),
        fixed(2)(empty.wallMs / 1000),
        short((empty.cpuMs / size) * 1000),
        fixed(2)(upToDate.wallMs / 1000),
        short((upToDate.cpuMs / size) * 1000),
        fixed(0)(empty.resident / 1024),
      ]);
    }
  }
  const tables = [
    {
      title:
        'CPU per resource against the smallest list (1.00x everywhere: linear), bytes on the wire against the bytes of the events',
      text: table(
        [
          'store, resources',
          'empty: per resource',
          'up to date: per resource',
          'bytes / list',
          'empty: s',
          'CPU us each',
          'up to date: s',
          'CPU us each',
          'RSS MiB',
        ],
        rows,
      ),
    },
  ];
  const notes = [
    'No source is connected. Up to date: each agent lists all but one of its resources, and is sent that one.',
  ];
  return { tables, data, failures, notes: [...notes, ...diskNote()] };
}
