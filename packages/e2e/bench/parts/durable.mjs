/** Acknowledged publish that is on disk, beside the same broker's memory and NATS JetStream, at 1, 16 and 128 calls in flight. */
import { compare } from '../lib/compare.mjs';
import { diskNote } from '../lib/data-dir.mjs';
import { fixed, short, table, thousands, times } from '../lib/figures.mjs';
import { SERVERS } from '../lib/servers.mjs';

export const title = 'Durable: each event on disk before its acknowledgement, one publisher, one subscriber';
const IN_FLIGHT = [1, 16, 128];
const SUBJECT = 'ce-broker-lmdb';
const COMPARED = ['ce-broker-lmdb', 'ce-broker', 'jetstream-always', 'jetstream'];
const TITLES = { 'ce-broker': 'ce-broker, memory' };
const titleOf = (name) => TITLES[name] ?? SERVERS[name].title;

export async function run(context) {
  const loads = IN_FLIGHT.map((inFlight) => ({ name: `${inFlight}`, options: { inFlight, subscribers: 1 } }));
  const names = COMPARED.filter((name) => context.servers.includes(name));
  const { summary, failures, notes: noise } = await compare(context, names, loads);
  const own = summary[SUBJECT];
  const at = (name, load, key) => summary[name]?.[load]?.[key] ?? Number.NaN;
  const ratios = (name, key) => IN_FLIGHT.map((load) => times(own?.[load]?.[key] / at(name, load, key)));
  const tables = [
    {
      title:
        'ce-broker with lmdb against each: events per second (more is better), CPU per event (less is better)',
      text: table(
        ['ce-broker, lmdb, against', '1 in flight', '16', '128', 'CPU per event at 1', '16', '128'],
        Object.keys(summary)
          .filter((name) => name !== SUBJECT)
          .map((name) => [titleOf(name), ...ratios(name, 'eventsPerSecond'), ...ratios(name, 'cpuPerEvent')]),
      ),
    },
    {
      title: 'Figures',
      text: table(
        [
          'server',
          'events/s at 1',
          '16',
          '128',
          'CPU us at 1',
          '16',
          '128',
          'p50 ms 1 / 16 / 128',
          'p99 ms 1 / 16 / 128',
          'RSS MiB',
        ],
        Object.keys(summary).map((name) => [
          titleOf(name),
          ...IN_FLIGHT.map((load) => thousands(at(name, load, 'eventsPerSecond'))),
          ...IN_FLIGHT.map((load) => short(at(name, load, 'cpuPerEvent'))),
          IN_FLIGHT.map((load) => short(at(name, load, 'p50Ms'))).join(' / '),
          IN_FLIGHT.map((load) => short(at(name, load, 'p99Ms'))).join(' / '),
          fixed(0)(at(name, 128, 'residentKib') / 1024),
        ]),
      ),
    },
  ];
  const notes = [
    'An event is in flight until it is acknowledged and has arrived. JetStream: one stream in files, a plain subscriber beside it (its cheapest); by default it syncs every two minutes, so its acknowledgement is not yet on disk.',
    ...diskNote(),
    ...noise,
  ];
  return { tables, data: summary, failures, notes };
}
