/** Acknowledged publish to one subscriber, at 1, 16 and 128 calls in flight on one connection, plain or over TLS. */
import { compare } from './compare.mjs';
import { fixed, short, table, thousands, times } from './figures.mjs';
import { SERVERS } from './servers.mjs';

const IN_FLIGHT = [1, 16, 128];

/** `tls`: what `makeCertificates` made; undefined: plain text. */
export async function comparePublish(context, servers, tls) {
  const loads = IN_FLIGHT.map((inFlight) => ({ name: `${inFlight}`, options: { inFlight, subscribers: 1 } }));
  const { summary, failures, notes: noise } = await compare(context, servers, loads, tls);
  const own = summary['ce-broker'];
  const names = Object.keys(summary).filter((name) => name !== 'ce-broker');
  const at = (name, load, key) => summary[name]?.[load]?.[key] ?? Number.NaN;
  const tables = [
    {
      title:
        'ce-broker against each: events per second (more is better), CPU per event and the 99th percentile of the acknowledgement (less is better)',
      text: table(
        ['ce-broker against', '1 in flight', '16', '128', 'CPU per event at 1', '16', '128', 'ack p99 at 16'],
        names.map((name) => [
          SERVERS[name].title,
          ...IN_FLIGHT.map((load) => times(own?.[load]?.eventsPerSecond / at(name, load, 'eventsPerSecond'))),
          ...IN_FLIGHT.map((load) => times(own?.[load]?.cpuPerEvent / at(name, load, 'cpuPerEvent'))),
          times(own?.['16']?.p99Ms / at(name, 16, 'p99Ms')),
        ]),
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
          'delivery p99 ms at 128',
          'RSS MiB',
        ],
        Object.keys(summary).map((name) => [
          SERVERS[name].title,
          ...IN_FLIGHT.map((load) => thousands(at(name, load, 'eventsPerSecond'))),
          ...IN_FLIGHT.map((load) => short(at(name, load, 'cpuPerEvent'))),
          IN_FLIGHT.map((load) => short(at(name, load, 'p50Ms'))).join(' / '),
          IN_FLIGHT.map((load) => short(at(name, load, 'p99Ms'))).join(' / '),
          short(at(name, 128, 'deliveryP99Ms')),
          fixed(0)(at(name, 128, 'residentKib') / 1024),
        ]),
      ),
    },
  ];
  const notes = [
    'An event is in flight until it is acknowledged and has arrived, so no server can put deliveries off.',
    ...noise,
  ];
  return { tables, data: summary, failures, notes };
}
