import {
  CeBrokerError,
  CloudEventAgentClient,
  CloudEventSourceClient,
  CloudEventsDataType,
  CloudEventsType,
  type EventRateLimit,
  grpcAgentOptions,
  grpcSourceOptions,
  type Logger,
  SILENT,
} from 'ce-broker-client';
import type { History } from './history.js';
import { widgetEventCodec } from './interop/event-codec.js';
import { Widget, WidgetSet, widgetStatusHash } from './interop/widget.js';

/** A source or an agent over ce-broker-client, for scenarios; it keeps a history as the model peers do. */
export interface ClientPeerOptions {
  readonly name: string;
  /** HOST:PORT. */
  readonly address: string;
  /** Absent: nothing is written down. */
  readonly history?: History | undefined;
  /** Milliseconds before the next attempt to connect. Default: what the client does unasked. */
  readonly reconnectDelay?: (() => number) | undefined;
  /** Default: none. */
  readonly rateLimit?: EventRateLimit | undefined;
  /** Default: silent. */
  readonly logger?: Logger | undefined;
}

const DATA_TYPE = CloudEventsDataType.parse('io.ce-broker.faults.v1.widgets');
const UNLIMITED = { qps: Number.POSITIVE_INFINITY, burst: Number.POSITIVE_INFINITY };

function parts({ reconnectDelay, logger = SILENT }: ClientPeerOptions, set: WidgetSet) {
  return {
    lister: set,
    statusHashGetter: widgetStatusHash,
    codecs: [widgetEventCodec(DATA_TYPE)],
    logger,
    ...(reconnectDelay === undefined ? {} : { reconnectDelay }),
  };
}

/** What the history is told of a publish. */
async function told(
  { history, name }: ClientPeerOptions,
  fields: { cluster: string; id: string; version: number; sequence?: number; note: string },
  publish: Promise<void>,
): Promise<boolean> {
  history?.add('sent', name, fields);
  try {
    await publish;
    history?.add('acked', name, fields);
    return true;
  } catch (error) {
    const note = error instanceof CeBrokerError ? `${error.code}: ${error.message}` : String(error);
    history?.add('refused', name, { ...fields, note });
    return false;
  }
}

/** A source with its own list. A failed publish is never repeated, so that only resync can heal it. */
export class ClientSource {
  readonly options: ClientPeerOptions;
  readonly set: WidgetSet;
  readonly client: CloudEventSourceClient<Widget>;

  private constructor(options: ClientPeerOptions, set: WidgetSet, client: CloudEventSourceClient<Widget>) {
    this.options = options;
    this.set = set;
    this.client = client;
  }

  /** Subscribed once {@link ready} resolves. `held`: what it wants from the start. */
  static async start(
    options: ClientPeerOptions,
    held: Iterable<{ readonly cluster: string; readonly id: string }> = [],
  ): Promise<ClientSource> {
    const { name, address } = options;
    const set = new WidgetSet();
    for (const { cluster, id } of held)
      set.put(new Widget({ id, cluster, source: name, version: 1, spec: { version: 1 } }));
    const client = await CloudEventSourceClient.create<Widget>({
      options: grpcSourceOptions({ url: address }, name, options.rateLimit ?? UNLIMITED),
      ...parts(options, set),
    });
    const source = new ClientSource(options, set, client);
    client.subscribe((_, widget) => source.#received(widget));
    return source;
  }

  /** Publishes the next version of a widget; false when that failed. */
  update(id: string): Promise<boolean> {
    const own = this.set.get(id);
    if (own === undefined) throw new Error(`${this.options.name} has no ${id}`);
    const version = own.fields.version + 1;
    const changed = own.with({ version, spec: { version } });
    this.set.put(changed);
    const type = new CloudEventsType(DATA_TYPE, 'spec', 'update_request');
    const { cluster } = own.fields;
    return told(
      this.options,
      { cluster, id, version, note: type.action },
      this.client.publish(type, changed),
    );
  }

  /** Wants the next version of everything, without publishing it: as one whose publishes were lost. */
  moveOn(): void {
    for (const widget of [...this.set.values()]) {
      const version = widget.fields.version + 1;
      this.set.put(widget.with({ version, spec: { version } }));
    }
  }

  /** Writes what it wants and knows into the history. */
  recordState(history: History): void {
    const { name } = this.options;
    for (const { id, cluster, version, status } of this.set.sorted()) {
      history.add('wants', name, { cluster, id, version, life: 0 });
      history.add('knows', name, { cluster, id, sequence: sequenceOf(status) });
    }
  }

  #received(widget: Widget): void {
    const { id, cluster, status } = widget.fields;
    const own = this.set.get(id);
    const sequence = sequenceOf(status);
    this.options.history?.add('got', this.options.name, { cluster, id, sequence });
    // Statuses have an order of their own: an agent numbers them.
    if (own !== undefined && sequence > sequenceOf(own.fields.status)) this.set.put(own.with({ status }));
  }
}

export interface ClientAgentOptions extends ClientPeerOptions {
  readonly cluster: string;
  /** It publishes a status for what it applies. Default `false`. */
  readonly reports?: boolean;
}

/** An agent whose resources outlive its connections. */
export class ClientAgent {
  readonly options: ClientAgentOptions;
  readonly set: WidgetSet;
  readonly client: CloudEventAgentClient<Widget>;
  /** How often its handler was given a deletion, and a version below the one that it holds. */
  readonly seen = { deletions: 0, backwards: 0 };
  #sequence = 0;

  private constructor(options: ClientAgentOptions, set: WidgetSet, client: CloudEventAgentClient<Widget>) {
    this.options = options;
    this.set = set;
    this.client = client;
  }

  /** Resolves before it is subscribed. */
  static async start(options: ClientAgentOptions): Promise<ClientAgent> {
    const { name, address, cluster } = options;
    const set = new WidgetSet();
    const client = await CloudEventAgentClient.create<Widget>({
      options: grpcAgentOptions({ url: address }, cluster, name, options.rateLimit ?? UNLIMITED),
      ...parts(options, set),
    });
    const agent = new ClientAgent(options, set, client);
    client.subscribe((_, widget) => agent.#received(widget));
    return agent;
  }

  recordState(history: History): void {
    const { name } = this.options;
    for (const { id, cluster, source, version, status } of this.set.sorted())
      history.add('holds', name, { cluster, id, source, version, life: 0, sequence: sequenceOf(status) });
  }

  #received(widget: Widget): void {
    const { id, cluster, source, version } = widget.fields;
    const deleted = widget.deletionTimestamp !== undefined;
    this.options.history?.add('got', this.options.name, { cluster, id, version, life: 0, deleted, source });
    if (deleted) {
      this.seen.deletions += 1;
      this.set.remove(id);
      return;
    }
    if (version < (this.set.get(id)?.fields.version ?? 0)) this.seen.backwards += 1;
    if (this.options.reports !== true) {
      this.set.put(widget);
      return;
    }
    this.#sequence += 1;
    const applied = widget.with({ status: { sequence: this.#sequence } });
    this.set.put(applied);
    // Outside of the handler: the next spec does not wait for it.
    this.#report(applied);
  }

  #report(widget: Widget): Promise<boolean> {
    const type = new CloudEventsType(DATA_TYPE, 'status', 'update_request');
    const { id, cluster, version, status } = widget.fields;
    const fields = { cluster, id, version, sequence: sequenceOf(status), note: type.action };
    return told(this.options, fields, this.client.publish(type, widget));
  }
}

function sequenceOf(status: unknown): number {
  if (typeof status !== 'object' || status === null || !('sequence' in status)) return 0;
  return typeof status.sequence === 'number' ? status.sequence : 0;
}
