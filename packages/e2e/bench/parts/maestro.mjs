/**
 * The workload that Maestro publishes figures for: 10 clusters with 600 resources each, of 3 KB and of 49 KB. Maestro's own
 * figures (PostgreSQL behind it, other machine, its REST list) stand beside ours as a mark, not as a race.
 */
import { medians, short, table, thousands, times } from '../lib/figures.mjs';
import { runScript } from '../lib/load.mjs';
import { startServer } from '../lib/servers.mjs';

export const title = "Maestro's published workload: 10 clusters x 600 resources";
const PUBLISHED = { createsPerSecond: 54, listSeconds: 3.2 };
const SIZES = [3_000, 49_000];
const IN_FLIGHT = [1, 16];

export async function run(context) {
  const program = context.programs.get('ce-broker');
  if (program === undefined) return { tables: [], data: {}, notes: ['ce-broker is not built: left out'] };
  const data = {};
  const failures = {};
  for (const payloadBytes of SIZES) {
    for (const inFlight of IN_FLIGHT) {
      const records = [];
      for (let round = 0; round < context.rounds; round++) {
        const server = await startServer('ce-broker', program, { nodeFlags: context.nodeFlags });
        try {
          const work = {
            pid: server.pid,
            port: server.port,
            clusters: 10,
            perCluster: 600,
            payloadBytes,
            inFlight,
          };
          records.push(await runScript('../loads/maestro.mjs', work));
        } catch (error) {
          failures['ce-broker'] = error.message;
        } finally {
          await server.stop();
        }
      }
      data[`${payloadBytes} bytes, ${inFlight} in flight`] = medians(records);
      context.log(`maestro ${payloadBytes} ${inFlight}: ${JSON.stringify(medians(records))}`);
    }
  }
  const rows = Object.entries(data).map(([name, figures]) => [
    name,
    times(figures.createsPerSecond / PUBLISHED.createsPerSecond),
    times(PUBLISHED.listSeconds / figures.listSeconds),
    thousands(figures.createsPerSecond),
    short(figures.p99Ms),
    short(figures.deliveryP99Ms),
    short(figures.listSeconds),
    short(figures.listedMib),
    short(figures.residentMib),
  ]);
  const tables = [
    {
      title: `Against Maestro's published ${PUBLISHED.createsPerSecond} creates/s and ${PUBLISHED.listSeconds} s to list`,
      text: table(
        [
          'ce-broker (state in memory)',
          'creates',
          'list',
          'creates/s',
          'ack p99 ms',
          'delivery p99 ms',
          's to list all',
          'MiB listed',
          'RSS MiB',
        ],
        rows,
      ),
    },
  ];
  return { tables, data, failures };
}
