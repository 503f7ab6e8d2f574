import {
  CloudEventSourceClient,
  CloudEventsDataType,
  CloudEventsType,
  EventAction,
  echoedStatusHash,
  grpcSourceOptions,
  type JsonResource,
  jsonCodec,
  SILENT,
} from 'ce-broker-client';

type Widget = JsonResource<{ color: string }, { state: string; deleted?: boolean }>;

const dataType = CloudEventsDataType.parse('com.example.v1.widgets');
const WAIT_MS = 60_000;

/** A source of widgets for the agents among the examples; it holds them in memory. */
export class Hub {
  readonly #held: Map<string, Widget>;
  readonly #client: CloudEventSourceClient<Widget>;

  private constructor(held: Map<string, Widget>, client: CloudEventSourceClient<Widget>) {
    this.#held = held;
    this.#client = client;
  }

  static async start(url: string): Promise<Hub> {
    const held = new Map<string, Widget>();
    const client = await CloudEventSourceClient.create<Widget>({
      options: grpcSourceOptions({ url }, 'hub'),
      lister: {
        list: ({ clusterName }) =>
          [...held.values()].filter((widget) => clusterName === '' || clusterName === widget.clusterName),
        get: (uid) => held.get(uid),
      },
      statusHashGetter: echoedStatusHash,
      codecs: [jsonCodec({ dataType })],
      reconnectDelay: () => 50,
      logger: SILENT,
    });
    await client.subscribe((_action, { uid, status, statusHash }) => {
      const own = held.get(uid);
      if (own === undefined) return;
      if (status?.deleted === true) held.delete(uid);
      else held.set(uid, { ...own, status, statusHash });
    });
    return new Hub(held, client);
  }

  /** Wants the widget in that color, and waits until the agent says that it is. */
  async paint(cluster: string, name: string, color: string): Promise<void> {
    await this.#change(cluster, name, { color });
    await this.#client.waitFor(`${cluster}.${name}`, ({ status }) => status?.state === `painted ${color}`, {
      timeoutMs: WAIT_MS,
    });
  }

  /** Wants the widget gone, and waits until the agent says that it is. */
  async remove(cluster: string, name: string): Promise<void> {
    await this.#change(cluster, name, undefined);
    await this.#client.waitFor(`${cluster}.${name}`, ({ status }) => status?.deleted === true, {
      timeoutMs: WAIT_MS,
    });
  }

  /** A publish that fails is left to resync. */
  async #change(clusterName: string, name: string, spec: Widget['spec']): Promise<void> {
    const uid = `${clusterName}.${name}`;
    const before = this.#held.get(uid);
    const widget: Widget = {
      uid,
      clusterName,
      name,
      source: 'hub',
      resourceVersion: String(BigInt(before?.resourceVersion ?? '0') + 1n),
      spec: spec ?? before?.spec,
      deletionTimestamp: spec === undefined ? new Date() : undefined,
    };
    this.#held.set(uid, widget);
    const update = new CloudEventsType(dataType, 'spec', EventAction.updateRequest);
    await this.#client.publish(update, widget).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}
