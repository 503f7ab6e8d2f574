import {
  type AnyCodec,
  type ClientConfig,
  type ClientStatus,
  CloudEventAgentClient,
  CloudEventSourceClient,
  type CloudEventsAgentOptions,
  type CloudEventsSourceOptions,
  grpcAgentOptions,
  grpcSourceOptions,
  type HandlerContext,
  type Lister,
  type ResourceAction,
} from 'ce-broker-client';
import { SILENT } from 'ce-broker-proto';
import { eventCodec, type Part, PartStore, statusHashOf } from './part.js';
import { NO_LIMIT } from './rig.js';

/** How soon the clients of the suite come back. */
export const RECONNECT_MS = 20;

export type Changes = Partial<Omit<ClientConfig<Part>, 'lister' | 'codecs'>> & {
  readonly lister?: Lister<Part>;
  readonly codecs?: readonly AnyCodec<Part>[];
};

function parts(changes: Changes): ClientConfig<Part> {
  return {
    lister: new PartStore(),
    statusHashGetter: statusHashOf,
    codecs: [eventCodec()],
    autoResync: false,
    reconnectDelay: () => RECONNECT_MS,
    logger: SILENT,
    ...changes,
  };
}

/** A source of the suite: silent, quick to come back, and without a resync of its own unless it is told to. */
export function makeSource(
  options: CloudEventsSourceOptions,
  changes: Changes = {},
): Promise<CloudEventSourceClient<Part>> {
  return CloudEventSourceClient.create({ options, ...parts(changes) });
}

export function makeAgent(
  options: CloudEventsAgentOptions,
  changes: Changes = {},
): Promise<CloudEventAgentClient<Part>> {
  return CloudEventAgentClient.create({ options, ...parts(changes) });
}

/** The source `hub` of a server. */
export function hubAt(address: string, changes: Changes = {}): Promise<CloudEventSourceClient<Part>> {
  return makeSource(grpcSourceOptions({ url: address }, 'hub', NO_LIMIT), changes);
}

/** The agent `c1-agent` of the cluster `c1`. */
export function agentAt(address: string, changes: Changes = {}): Promise<CloudEventAgentClient<Part>> {
  return makeAgent(grpcAgentOptions({ url: address }, 'c1', 'c1-agent', NO_LIMIT), changes);
}

/** What handlers were called with. */
export class Inbox {
  readonly all: { readonly action: ResourceAction; readonly part: Part; readonly context: HandlerContext }[] =
    [];

  readonly take = (action: ResourceAction, resource: Part, context: HandlerContext): void => {
    this.all.push({ action, part: resource, context });
  };

  /** `ADDED a 1`, in the order of the calls. */
  get lines(): string[] {
    return this.all.map(
      ({ action, part: { uid, resourceVersion } }) => `${action} ${uid} ${resourceVersion}`,
    );
  }
}

/** Everything that a client says of itself from now on. */
export class StatusLog {
  readonly all: ClientStatus[] = [];
  /** Resolves when the client has told of its end. */
  readonly over: Promise<void>;

  constructor(client: { status(): AsyncIterable<ClientStatus> }) {
    this.over = this.#read(client.status());
  }

  get types(): string[] {
    return this.all.map(({ type }) => type);
  }

  count(type: ClientStatus['type']): number {
    return this.all.filter((status) => status.type === type).length;
  }

  /** The errors of that kind, each as `code: message`. */
  errors(type: 'disconnected' | 'event-dropped' | 'handler-failed' | 'resync-failed'): string[] {
    return this.all
      .filter((status) => status.type === type)
      .map((status) => ('error' in status ? `${status.error.code}: ${status.error.message}` : ''));
  }

  async #read(statuses: AsyncIterable<ClientStatus>): Promise<void> {
    for await (const status of statuses) this.all.push(status);
  }
}
