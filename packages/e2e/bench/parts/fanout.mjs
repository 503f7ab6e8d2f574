/** One publisher with 16 calls in flight, every event to 10 and to 100 subscribers on connections of their own. */
import { compare } from '../lib/compare.mjs';
import { fixed, short, table, thousands, times } from '../lib/figures.mjs';
import { SERVERS, serversOf } from '../lib/servers.mjs';

export const title = 'Fan-out: every event to 10 and to 100 subscribers, 16 in flight';
const FANS = [10, 100];

export async function run(context) {
  const loads = FANS.map((subscribers) => ({
    name: `x${subscribers}`,
    options: { inFlight: 16, subscribers, resources: 1_000 },
  }));
  const { summary, failures, notes } = await compare(context, serversOf('fanout', context.servers), loads);
  const own = summary['ce-broker'];
  const names = Object.keys(summary).filter((name) => name !== 'ce-broker');
  for (const loadsOf of Object.values(summary)) {
    for (const fan of FANS) {
      const figures = loadsOf[`x${fan}`];
      if (figures === undefined) continue;
      figures.deliveriesPerSecond = figures.eventsPerSecond * fan;
      figures.cpuPerDelivery = figures.cpuPerEvent / fan;
    }
  }
  const at = (name, load, key) => summary[name]?.[load]?.[key] ?? Number.NaN;
  const tables = [
    {
      title:
        'ce-broker against each: deliveries per second (more is better), CPU per delivery (less is better)',
      text: table(
        ['ce-broker against', 'x10', 'x100', 'CPU per delivery x10', 'x100'],
        names.map((name) => [
          SERVERS[name].title,
          ...FANS.map((fan) =>
            times(own?.[`x${fan}`]?.deliveriesPerSecond / at(name, `x${fan}`, 'deliveriesPerSecond')),
          ),
          ...FANS.map((fan) =>
            times(own?.[`x${fan}`]?.cpuPerDelivery / at(name, `x${fan}`, 'cpuPerDelivery')),
          ),
        ]),
      ),
    },
    {
      title: 'Figures',
      text: table(
        [
          'server',
          'delivered/s x10',
          'x100',
          'events/s x100',
          'CPU us per delivery x10',
          'x100',
          'delivery p50 / p99 ms x100',
          'RSS MiB',
        ],
        Object.keys(summary).map((name) => [
          SERVERS[name].title,
          ...FANS.map((fan) => thousands(at(name, `x${fan}`, 'deliveriesPerSecond'))),
          thousands(at(name, 'x100', 'eventsPerSecond')),
          ...FANS.map((fan) => short(at(name, `x${fan}`, 'cpuPerDelivery'))),
          `${short(at(name, 'x100', 'deliveryP50Ms'))} / ${short(at(name, 'x100', 'deliveryP99Ms'))}`,
          fixed(0)(at(name, 'x100', 'residentKib') / 1024),
        ]),
      ),
    },
  ];
  return { tables, data: summary, failures, notes };
}
