import {
  decodeSpecResyncBody,
  type Event,
  eventDataBytes,
  readClusterName,
  readResourceId,
  readSequenceId,
  splitEventType,
} from 'ce-broker-proto';
import { hashOf, specEvent, statusResyncEvent, WIDGETS } from './model-events.js';
import { ModelPeer, type PeerOptions } from './model-peer.js';

export interface SourceOptions extends PeerOptions {
  /** Default {@link WIDGETS}. */
  readonly dataType?: string;
  /** Size of the data of each spec, in bytes. */
  readonly bytes?: number;
}

/** What a source wants of a resource. */
export interface Wanted {
  readonly cluster: string;
  readonly id: string;
  version: number;
  life: number;
  deleting: boolean;
  /** The broker has acknowledged this state. */
  acked: boolean;
}

/** A source by Go's rules, with a list of its own that outlives everything. */
export class ModelSource extends ModelPeer {
  readonly dataType: string;
  /** By `cluster/id`; a deleted resource leaves once its deletion was acknowledged. */
  readonly wanted = new Map<string, Wanted>();
  /** The highest sequence number of a status, by `cluster/id`. */
  readonly known = new Map<string, number>();
  /** How often it was asked for its specs, by cluster. */
  readonly asked = new Map<string, number>();
  /** A status arrived. */
  onStatus: ((key: string, sequence: number) => void) | undefined;
  readonly #bytes: number | undefined;

  constructor(options: SourceOptions) {
    const dataType = options.dataType ?? WIDGETS;
    super(options, { source: options.name, clusterName: '', dataType });
    this.dataType = dataType;
    this.#bytes = options.bytes;
  }

  /** Wants a resource without publishing it: as one that was there before. */
  holds(cluster: string, id: string, version = 1): void {
    this.wanted.set(`${cluster}/${id}`, { cluster, id, version, life: 1, deleting: false, acked: false });
  }

  /** Each resolves with true when the broker acknowledged it; a failed one is never sent again, but for a resync. */
  create(cluster: string, id: string, version = 1, life = 1): Promise<boolean> {
    const wanted = { cluster, id, version, life, deleting: false, acked: false };
    this.wanted.set(`${cluster}/${id}`, wanted);
    return this.#publish(wanted, 'create_request');
  }

  update(cluster: string, id: string, version?: number): Promise<boolean> {
    const wanted = this.#of(cluster, id);
    wanted.version = version ?? wanted.version + 1;
    return this.#publish(wanted, 'update_request');
  }

  /** The resource stays in the list, deleting, until that was acknowledged. */
  delete(cluster: string, id: string): Promise<boolean> {
    const wanted = this.#of(cluster, id);
    wanted.deleting = true;
    return this.#publish(wanted, 'delete_request');
  }

  /** A copy of an event, sent with the time and the id that it had. */
  async late(fields: {
    cluster: string;
    id: string;
    version: number;
    life: number;
    time: number;
  }): Promise<boolean> {
    const event = specEvent({
      ...fields,
      source: this.name,
      dataType: this.dataType,
      action: 'update_request',
      deleting: false,
    });
    return (await this.send(event)).code === 0;
  }

  /** Writes what it wants and knows into the history. */
  recordState(): void {
    for (const { cluster, id, version, life, deleting } of this.wanted.values())
      this.history.add('wants', this.name, { cluster, id, version, life, deleted: deleting });
    for (const [key, sequence] of this.known) {
      const [cluster = '', id = ''] = key.split('/');
      this.history.add('knows', this.name, { cluster, id, sequence });
    }
  }

  protected override onOpen(): void {
    const list = [...this.wanted].map(([key, { id }]) => ({
      resourceId: id,
      statusHash: hashOf(this.known.get(key) ?? 0),
    }));
    this.send(statusResyncEvent(this.name, this.dataType, list));
  }

  protected override onEvent(event: Event): void {
    const parts = splitEventType(event.type);
    const cluster = readClusterName(event) ?? '';
    if (parts?.action === 'resync_request') {
      if (parts.subResource === 'spec') this.#answer(cluster, event);
      return;
    }
    const id = readResourceId(event) ?? '';
    const key = `${cluster}/${id}`;
    const sequence = Number(readSequenceId(event) ?? 0);
    if (this.recordsEvents) this.history.add('got', this.name, { cluster, id, sequence });
    if (sequence > (this.known.get(key) ?? 0)) this.known.set(key, sequence);
    this.onStatus?.(key, sequence);
  }

  /** Deleting, version 0, or newer than listed goes out; a listed id that it does not hold is deleted; an empty list answers nothing. */
  #answer(cluster: string, event: Event): void {
    const listed = new Map(
      decodeSpecResyncBody(eventDataBytes(event)).map((entry) => [
        entry.resourceId,
        Number(entry.resourceVersion),
      ]),
    );
    this.asked.set(cluster, (this.asked.get(cluster) ?? 0) + 1);
    this.history.add('asked', this.name, { cluster, count: listed.size });
    const own = [...this.wanted.values()].filter((wanted) => wanted.cluster === cluster);
    if (own.length === 0) return;
    for (const wanted of own) {
      const has = listed.get(wanted.id) ?? -1;
      listed.delete(wanted.id);
      if (wanted.deleting || wanted.version === 0 || wanted.version > has)
        this.#publish(wanted, 'resync_response');
    }
    for (const [id, version] of listed)
      this.#publish({ cluster, id, version, life: 0, deleting: true, acked: false }, 'resync_response');
  }

  async #publish(wanted: Wanted, action: string): Promise<boolean> {
    const { cluster, id, version, life, deleting } = wanted;
    wanted.acked = false;
    const said = { cluster, id, version, life, deleted: deleting, note: action };
    this.history.add('sent', this.name, said);
    const event = specEvent({
      source: this.name,
      dataType: this.dataType,
      action,
      cluster,
      id,
      version,
      life,
      deleting,
      bytes: this.#bytes,
    });
    const { code, message } = await this.send(event);
    if (code !== 0) {
      this.history.add('refused', this.name, { ...said, code, note: message });
      return false;
    }
    this.history.add('acked', this.name, said);
    if (wanted.version === version && wanted.life === life) wanted.acked = true;
    const key = `${cluster}/${id}`;
    if (deleting && this.wanted.get(key) === wanted) this.wanted.delete(key);
    return true;
  }

  #of(cluster: string, id: string): Wanted {
    const wanted = this.wanted.get(`${cluster}/${id}`);
    if (wanted === undefined) throw new Error(`${this.name} has no ${cluster}/${id}`);
    return wanted;
  }
}
