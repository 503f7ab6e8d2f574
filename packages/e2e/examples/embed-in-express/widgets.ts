import type { Broker } from 'ce-broker';
import {
  CeBrokerError,
  CloudEventSourceClient,
  CloudEventsDataType,
  CloudEventsType,
  EventAction,
  echoedStatusHash,
  isDeleting,
  type JsonResource,
  jsonCodec,
  ResourceStore,
  transportSourceOptions,
} from 'ce-broker-client';

export interface WidgetSpec {
  readonly color: string;
}

export interface WidgetStatus {
  readonly state: string;
  /** The agent has removed it: its last word. */
  readonly deleted?: boolean;
}

export type Widget = JsonResource<WidgetSpec, WidgetStatus>;

const SOURCE_ID = 'web';
const dataType = CloudEventsDataType.parse('com.example.v1.widgets');
const create = new CloudEventsType(dataType, 'spec', EventAction.createRequest);
const update = new CloudEventsType(dataType, 'spec', EventAction.updateRequest);
const remove = new CloudEventsType(dataType, 'spec', EventAction.deleteRequest);

/** What the web service wants of its clusters, and what they say. */
export class Widgets {
  readonly #store: ResourceStore<Widget>;
  readonly #source: CloudEventSourceClient<Widget>;

  private constructor(store: ResourceStore<Widget>, source: CloudEventSourceClient<Widget>) {
    this.#store = store;
    this.#source = source;
  }

  /** With a file, what is wanted survives a restart. */
  static async open(options: {
    readonly broker: Broker;
    readonly file?: string | undefined;
  }): Promise<Widgets> {
    const { broker, file } = options;
    const store = await ResourceStore.open<Widget>({ file });
    const source = await CloudEventSourceClient.create<Widget>({
      options: transportSourceOptions(() => broker.inProcessTransport({ user: SOURCE_ID }), SOURCE_ID),
      lister: store,
      statusHashGetter: echoedStatusHash,
      codecs: [jsonCodec<WidgetSpec, WidgetStatus>({ dataType })],
    });
    await source.subscribe((_action, { uid, resourceVersion, status, statusHash }) => {
      const own = store.get(uid);
      // What is said of an earlier version is no news of this one.
      if (own?.resourceVersion !== resourceVersion) return;
      if (isDeleting(own) && status?.deleted === true) store.delete(uid);
      else store.set({ ...own, status, statusHash });
    });
    return new Widgets(store, source);
  }

  list(clusterName: string): Widget[] {
    return this.#store.list({ clusterName });
  }

  /** Undefined: it is being removed. */
  async put(clusterName: string, name: string, spec: WidgetSpec): Promise<Widget | undefined> {
    const uid = uidOf(clusterName, name);
    const before = this.#store.get(uid);
    if (before !== undefined && isDeleting(before)) return undefined;
    const version = BigInt(before?.resourceVersion ?? '0') + 1n;
    const widget: Widget = {
      uid,
      name,
      clusterName,
      source: SOURCE_ID,
      resourceVersion: String(version),
      spec,
    };
    await this.#publish(before === undefined ? create : update, widget);
    return widget;
  }

  /** False: there is none. */
  async remove(clusterName: string, name: string): Promise<boolean> {
    const before = this.#store.get(uidOf(clusterName, name));
    if (before === undefined) return false;
    await this.#publish(remove, { ...before, deletionTimestamp: before.deletionTimestamp ?? new Date() });
    return true;
  }

  /** The widget once the agent has reported on this version; undefined when it has not in time. */
  async reported(widget: Widget, timeoutMs: number): Promise<Widget | undefined> {
    const { uid, clusterName, resourceVersion } = widget;
    const isIt = (seen: Widget): boolean =>
      seen.clusterName === clusterName &&
      seen.resourceVersion === resourceVersion &&
      seen.status !== undefined;
    try {
      const { status } = await this.#source.waitFor(uid, isIt, { timeoutMs });
      return { ...widget, status };
    } catch (error) {
      if (error instanceof CeBrokerError && error.code === 'deadline_exceeded') return undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#source.close();
    await this.#store.close();
  }

  /** Kept first: an agent that asks at this very moment is told the same. What cannot be published now comes with a resync. */
  async #publish(type: CloudEventsType, widget: Widget): Promise<void> {
    this.#store.set(widget);
    try {
      await this.#source.publish(type, widget);
    } catch (error) {
      console.warn(`${widget.clusterName}/${widget.name}: ${error instanceof Error ? error.message : error}`);
    }
  }
}

/** Two clusters may have a widget of one name. */
function uidOf(clusterName: string, name: string): string {
  return `${clusterName}.${name}`;
}
