import {
  decodeStatusResyncBody,
  type Event,
  eventDataBytes,
  MANIFEST_BUNDLES,
  readDeletionTimestamp,
  readResourceId,
  readResourceVersion,
  splitEventType,
} from 'ce-broker-proto';
import { hashOf, specResyncEvent, statusEvent, tellsOf, WIDGETS } from './model-events.js';
import { ModelPeer, type PeerOptions } from './model-peer.js';

export interface AgentOptions extends PeerOptions {
  readonly cluster: string;
  /** Default {@link WIDGETS}. */
  readonly dataType?: string;
  /** It publishes a status for what it applies. Default `false`. */
  readonly reports?: boolean;
  /** Number of its last status before it lost its memory. Default 0. */
  readonly sequence?: number;
}

/** What an agent holds of a resource. */
export interface Held {
  readonly id: string;
  readonly source: string;
  version: number;
  life: number;
  /** Number of its newest status; 0: none yet. */
  sequence: number;
  /** It takes the work down and has not been able to say so yet. */
  finalizing: boolean;
}

/** An agent by Go's rules, whose resources outlive its connections. */
export class ModelAgent extends ModelPeer {
  readonly cluster: string;
  readonly dataType: string;
  readonly held = new Map<string, Held>();
  /** A spec was applied. */
  onApplied: ((held: Held) => void) | undefined;
  readonly #reports: boolean;
  #sequence: number;

  constructor(options: AgentOptions) {
    const dataType = options.dataType ?? WIDGETS;
    super(options, { source: '', clusterName: options.cluster, dataType });
    this.cluster = options.cluster;
    this.dataType = dataType;
    this.#reports = options.reports ?? false;
    this.#sequence = options.sequence ?? 0;
  }

  /** The agent's program starts anew with what is on its cluster. */
  resync(): void {
    const list = [...this.held.values()].map((held) => ({
      resourceId: held.id,
      resourceVersion: BigInt(held.version),
    }));
    this.send(specResyncEvent(this.name, this.dataType, this.cluster, list));
  }

  /** The state of a resource has changed: it has a new status, whether it can be published or not. */
  report(id: string): Promise<boolean> {
    const held = this.held.get(id);
    if (held === undefined) throw new Error(`${this.name} does not hold ${id}`);
    this.#sequence += 1;
    held.sequence = this.#sequence;
    return this.#publish(held, 'update_request');
  }

  recordState(): void {
    for (const { id, source, version, life, sequence, finalizing } of this.held.values()) {
      const { cluster } = this;
      this.history.add('holds', this.name, {
        cluster,
        id,
        source,
        version,
        life,
        sequence,
        deleted: finalizing,
      });
    }
  }

  protected override onOpen(): void {
    this.resync();
    for (const held of this.held.values()) {
      if (held.finalizing) this.#finalize(held);
    }
  }

  protected override onEvent(event: Event): void {
    const parts = splitEventType(event.type);
    if (parts?.action === 'resync_request') {
      if (parts.subResource === 'status') this.#answer(event);
      return;
    }
    if (parts?.subResource !== 'spec') return;
    const id = readResourceId(event) ?? '';
    const version = Number(readResourceVersion(event) ?? 0n);
    const deleted = readDeletionTimestamp(event) !== undefined;
    const { life } = tellsOf(event);
    if (this.recordsEvents) {
      const { source } = event;
      this.history.add('got', this.name, { cluster: this.cluster, id, version, life, deleted, source });
    }
    const held = this.held.get(id);
    if (deleted) this.#remove(id, version, event.source, held);
    else this.#apply(id, version, life, event.source, held);
  }

  /** Unknown is added; a higher version, or 0 after 0, is taken; all else is ignored. */
  #apply(id: string, version: number, life: number, source: string, held: Held | undefined): void {
    if (held?.finalizing === true) return;
    if (held !== undefined && version <= held.version && !(version === 0 && held.version === 0)) return;
    const applied = { id, source, version, life, sequence: held?.sequence ?? 0, finalizing: false };
    this.held.set(id, applied);
    this.onApplied?.(applied);
    if (this.#reports) this.report(id);
  }

  /** A work agent says when it is done; other agents forget the resource at once. */
  #remove(id: string, version: number, source: string, held: Held | undefined): void {
    if (this.dataType !== MANIFEST_BUNDLES) {
      this.held.delete(id);
      return;
    }
    const going = held ?? { id, source, version, life: 0, sequence: 0, finalizing: true };
    going.finalizing = true;
    this.held.set(id, going);
    this.#finalize(going);
  }

  async #finalize(held: Held): Promise<void> {
    this.#sequence += 1;
    held.sequence = this.#sequence;
    const told = await this.#publish(held, 'delete_request');
    if (told && this.held.get(held.id) === held) this.held.delete(held.id);
  }

  #answer(event: Event): void {
    const asked = new Map(
      decodeStatusResyncBody(eventDataBytes(event)).map((entry) => [entry.resourceId, entry.statusHash]),
    );
    this.history.add('asked', this.name, { cluster: this.cluster, count: asked.size, source: event.source });
    for (const held of this.held.values()) {
      if (held.source !== event.source || held.sequence === 0 || held.finalizing) continue;
      if (asked.size > 0 && (!asked.has(held.id) || asked.get(held.id) === hashOf(held.sequence))) continue;
      this.#publish(held, 'resync_response');
    }
  }

  async #publish(held: Held, action: string): Promise<boolean> {
    const { id, version, life, sequence, source, finalizing } = held;
    const said = {
      cluster: this.cluster,
      id,
      version,
      life,
      sequence,
      source,
      deleted: finalizing,
      note: action,
    };
    this.history.add('sent', this.name, said);
    const event = statusEvent({
      agent: this.name,
      dataType: this.dataType,
      action,
      cluster: this.cluster,
      originalSource: source,
      id,
      version,
      sequence,
      gone: finalizing,
    });
    const { code, message } = await this.send(event);
    if (code === 0) this.history.add('acked', this.name, said);
    else this.history.add('refused', this.name, { ...said, code, note: message });
    return code === 0;
  }
}
