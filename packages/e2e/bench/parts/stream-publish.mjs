/**
 * Publish as a stream, 1,024 events in flight, one subscriber: ce-broker's PublishStream with cumulative acknowledgements, one event in
 * each message and more; beside the brokers whose protocols pipeline publishes on a connection anyway.
 */
import { compare } from '../lib/compare.mjs';
import { fixed, short, table, thousands, times } from '../lib/figures.mjs';
import { SERVERS } from '../lib/servers.mjs';

export const title = 'Streaming publish: one publisher, one subscriber, 1,024 in flight';
const IN_FLIGHT = 1_024;
const BATCHES = [1, 16, 64];
const OTHERS = ['mosquitto', 'nats'];

export async function run(context) {
  const loads = BATCHES.map((batch) => ({
    name: `${batch}`,
    options: { inFlight: IN_FLIGHT, subscribers: 1, stream: true, batch },
    protocols: batch === 1 ? undefined : ['grpc'],
  }));
  const names = ['ce-broker', ...OTHERS].filter((name) => context.servers.includes(name));
  const { summary, failures, notes: noise } = await compare(context, names, loads);
  const own = BATCHES.map((batch) => summary['ce-broker']?.[batch]);
  const others = OTHERS.filter((name) => summary[name] !== undefined).map((name) => [
    SERVERS[name].title,
    summary[name]['1'],
  ]);
  const batchTitle = (batch) => `${batch} ${batch === 1 ? 'event' : 'events'} a message`;
  const ratios = (figures, key) => own.map((mine) => times(mine?.[key] / figures?.[key]));
  const tables = [
    {
      title: 'ce-broker against each: events per second (more is better), CPU per event (less is better)',
      text: table(
        [
          'ce-broker against',
          ...BATCHES.map(batchTitle),
          ...BATCHES.map((batch) => `CPU per event, ${batch} a message`),
        ],
        others.map(([name, figures]) => [
          name,
          ...ratios(figures, 'eventsPerSecond'),
          ...ratios(figures, 'cpuPerEvent'),
        ]),
      ),
    },
    {
      title: 'Figures',
      text: table(
        ['server', 'events/s', 'CPU us', 'ack p50 ms', 'p99 ms', 'delivery p99 ms', 'RSS MiB'],
        [
          ...own.map((figures, index) => [`ce-broker, ${batchTitle(BATCHES[index])}`, figures]),
          ...others,
        ].map(([name, figures]) => [
          name,
          thousands(figures?.eventsPerSecond),
          short(figures?.cpuPerEvent),
          short(figures?.p50Ms),
          short(figures?.p99Ms),
          short(figures?.deliveryP99Ms),
          fixed(0)(figures?.residentKib / 1024),
        ]),
      ),
    },
  ];
  const notes = [
    'An event is in flight until it is acknowledged and has arrived. Mosquitto: QoS 1, no limit of its own on what is in flight or queued.',
    ...noise,
  ];
  return { tables, data: summary, failures, notes };
}
