import type { CloudEventTransport } from 'ce-broker-proto';
import type {
  CloudEventsAgentOptions,
  CloudEventsOptions,
  CloudEventsSourceOptions,
  EventRateLimit,
} from './cloud-events-options.js';

/** Gives a transport at each connection: `() => broker.inProcessTransport()`. */
export type OpenTransport = () => CloudEventTransport | Promise<CloudEventTransport>;

/** Options over transports of the caller's own (Go: `fake.CloudEventsFakeOptions`). Each connection asks `open` anew. */
export function transportOptions(open: OpenTransport, server = 'in-process'): CloudEventsOptions {
  return Object.freeze({ server, connect: async () => await open() });
}

/** A source over transports of the caller's own (Go: `fake.NewSourceOptions`). */
export function transportSourceOptions(
  open: OpenTransport,
  sourceId: string,
  rateLimit?: EventRateLimit,
): CloudEventsSourceOptions {
  return Object.freeze({ cloudEventsOptions: transportOptions(open), sourceId, rateLimit });
}

/** An agent over transports of the caller's own (Go: `fake.NewAgentOptions`). */
export function transportAgentOptions(
  open: OpenTransport,
  clusterName: string,
  agentId: string,
  rateLimit?: EventRateLimit,
): CloudEventsAgentOptions {
  return Object.freeze({ cloudEventsOptions: transportOptions(open), clusterName, agentId, rateLimit });
}
