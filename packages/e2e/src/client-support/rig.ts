import { type Broker, type BrokerOptions, formatAddress, startBroker } from 'ce-broker';
import {
  type CloudEventsAgentOptions,
  type CloudEventsSourceOptions,
  type EventRateLimit,
  grpcAgentOptions,
  grpcSourceOptions,
  transportAgentOptions,
  transportSourceOptions,
} from 'ce-broker-client';
import { decodeEvent, type Event, encodeEvent, isHeartbeat } from 'ce-broker-proto';
import { startTestBroker } from '../rpc-engine.js';

export const NO_LIMIT: EventRateLimit = Object.freeze({ qps: Number.POSITIVE_INFINITY });

/** A broker, and a way to it that the suite is run over. */
export interface Rig {
  readonly broker: Broker;
  sourceOptions(sourceId: string, rateLimit?: EventRateLimit): CloudEventsSourceOptions;
  agentOptions(clusterName: string, agentId: string, rateLimit?: EventRateLimit): CloudEventsAgentOptions;
  stop(): Promise<void>;
  /** A fresh broker, without what the last one knew, where the last one was. */
  start(): Promise<void>;
}

export interface RigKind {
  readonly name: string;
  open(options?: BrokerOptions): Promise<Rig>;
}

const overGrpc = (name: string, extension: 'auto' | 'off'): RigKind => ({
  name,
  open: async (options = {}) => {
    let broker = await startTestBroker({ ...options, listen: '127.0.0.1:0' });
    const { address } = broker;
    if (address === undefined) throw new Error('the broker does not listen');
    const url = formatAddress(address);
    return {
      get broker() {
        return broker;
      },
      sourceOptions: (sourceId, rateLimit = NO_LIMIT) =>
        grpcSourceOptions({ url, extension }, sourceId, rateLimit),
      agentOptions: (clusterName, agentId, rateLimit = NO_LIMIT) =>
        grpcAgentOptions({ url, extension }, clusterName, agentId, rateLimit),
      stop: () => broker.close({ graceMs: 100 }),
      start: async () => {
        broker = await startTestBroker({ ...options, listen: url });
      },
    };
  },
});

const GRPC = overGrpc('gRPC', 'auto');
const PLAIN_GRPC = overGrpc('gRPC as every server knows it', 'off');

const IN_PROCESS: RigKind = {
  name: 'the in-process transport',
  open: async (options = {}) => {
    let broker = await startBroker({ ...options, listen: false });
    const open = () => broker.inProcessTransport();
    return {
      get broker() {
        return broker;
      },
      sourceOptions: (sourceId, rateLimit = NO_LIMIT) => transportSourceOptions(open, sourceId, rateLimit),
      agentOptions: (clusterName, agentId, rateLimit = NO_LIMIT) =>
        transportAgentOptions(open, clusterName, agentId, rateLimit),
      stop: () => broker.close({ graceMs: 100 }),
      start: async () => {
        broker = await startBroker({ ...options, listen: false });
      },
    };
  },
};

/** The transports that each behaviour must hold over. */
export const RIGS: readonly RigKind[] = Object.freeze([GRPC, PLAIN_GRPC, IN_PROCESS]);

/** The other side, in events: what it got, and a way to publish anything. */
export class RawPeer {
  readonly got: Event[] = [];
  readonly #transport: ReturnType<Broker['inProcessTransport']>;

  private constructor(broker: Broker) {
    this.#transport = broker.inProcessTransport();
  }

  static async subscribe(broker: Broker, who: { source?: string; cluster?: string }): Promise<RawPeer> {
    const peer = new RawPeer(broker);
    await peer.#transport.subscribe(
      { source: who.source ?? '', clusterName: who.cluster ?? '', dataType: '' },
      {
        event: (bytes) => {
          if (!isHeartbeat(bytes)) peer.got.push(decodeEvent(bytes));
        },
        closed: () => undefined,
      },
    );
    return peer;
  }

  publish(event: Event): Promise<void> {
    return this.#transport.publish(encodeEvent(event));
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}
