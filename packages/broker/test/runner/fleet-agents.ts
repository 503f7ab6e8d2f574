import {
  decodeStatusResyncBody,
  type Event,
  eventDataBytes,
  readDeletionTimestamp,
  readResourceId,
  readResourceVersion,
} from 'ce-broker-proto';
import { bundleStatus, DATA_TYPES } from './events.js';
import { CLUSTERS, type Held, lifeOf } from './fleet-model.js';
import type { FleetSources } from './fleet-sources.js';
import type { FleetWire } from './fleet-wire.js';

/** The agents of a fleet: what each holds. */
export class FleetAgents {
  readonly #wire: FleetWire;
  readonly #sources: FleetSources;
  readonly #held = new Map<string, Map<string, Held>>();
  /** The highest (life, version) that each agent was handed. */
  readonly #seen = new Map<string, { life: number; version: number }>();
  #sequence = 0;

  constructor(wire: FleetWire, sources: FleetSources) {
    this.#wire = wire;
    this.#sources = sources;
    for (const cluster of CLUSTERS) this.#held.set(cluster, new Map());
  }

  report(cluster: string, id: string): void {
    const held = this.holds(cluster).get(id);
    if (held === undefined || held.finalizing) return;
    this.#sequence += 1;
    held.sequence = this.#sequence;
    this.#publishStatus(cluster, id, held, false);
  }

  #publishStatus(cluster: string, id: string, held: Held, deleted: boolean): boolean {
    if (!this.#wire.isHere(cluster)) return false;
    if (deleted) this.#sequence += 1;
    const sequence = deleted ? this.#sequence : held.sequence;
    this.#wire.script.push(
      `${cluster} status ${id} v${held.version} of ${held.source} seq ${sequence} hash h${sequence}${deleted ? ' deleted' : ''}`,
    );
    return this.#wire.publish({
      id: this.#wire.newId(),
      source: `${cluster}-agent`,
      type: `${DATA_TYPES[this.#wire.type]}.status.update_request`,
      cluster,
      originalSource: held.source,
      resourceId: id,
      version: String(held.version),
      sequenceId: String(sequence),
      statusHash: `h${sequence}`,
      data: bundleStatus(deleted),
    });
  }

  connect(cluster: string): void {
    if (this.subscribe(cluster)) this.resync(cluster);
  }

  /** It does not say yet what it holds. False: it is subscribed already. */
  subscribe(cluster: string): boolean {
    if (this.#wire.isHere(cluster)) return false;
    this.#wire.script.push(`agent ${cluster}`);
    this.#wire.world.subscribe(cluster, {
      source: '',
      clusterName: cluster,
      dataType: DATA_TYPES[this.#wire.type] ?? '',
    });
    return true;
  }

  resync(cluster: string): void {
    const resourceVersions = [...this.holds(cluster)].map(([resourceID, held]) => ({
      resourceID,
      resourceVersion: held.version,
    }));
    const list = resourceVersions.map((entry) => `${entry.resourceID} v${entry.resourceVersion}`).join(', ');
    this.#wire.script.push(`${cluster} resync all ${list}`);
    const type = `${DATA_TYPES[this.#wire.type]}.spec.resync_request`;
    const source = `${cluster}-agent`;
    this.#wire.publish({
      id: this.#wire.newId(),
      source,
      type,
      cluster,
      originalSource: '',
      data: { resourceVersions },
    });
    this.#wire.world.settle();
  }

  answer(cluster: string, event: Event): void {
    const asked = decodeStatusResyncBody(eventDataBytes(event) ?? new Uint8Array());
    const hashes = new Map(asked.map((entry) => [entry.resourceId, entry.statusHash]));
    for (const [id, held] of this.holds(cluster)) {
      if (held.source !== event.source) continue;
      if (hashes.size > 0 && (!hashes.has(id) || hashes.get(id) === `h${held.sequence}`)) continue;
      this.#publishStatus(cluster, id, held, false);
    }
  }

  /** A Go agent: unknown is added, deleting is deleted, newer is taken, all else is ignored. */
  apply(cluster: string, event: Event): void {
    const id = readResourceId(event) ?? '';
    const key = `${cluster}/${id}`;
    const held = this.holds(cluster).get(id);
    if (readDeletionTimestamp(event) !== undefined) {
      this.#applyDeletion(cluster, id, event.source, held);
      return;
    }
    const version = Number(readResourceVersion(event) ?? 0n);
    const life = lifeOf(event);
    const seen = this.#seen.get(key);
    if (seen !== undefined && (life < seen.life || (life === seen.life && version < seen.version))) {
      this.#wire.faults.push(
        `${key} went back from v${seen.version} of life ${seen.life} to v${version} of life ${life}`,
      );
    }
    this.#seen.set(key, { life, version });
    if (held !== undefined && (held.finalizing || version <= held.version)) return;
    this.holds(cluster).set(id, { version, life, source: event.source, sequence: 0, finalizing: false });
    this.report(cluster, id);
  }

  #applyDeletion(cluster: string, id: string, source: string, held: Held | undefined): void {
    const wanted = this.#sources.wants(source).get(`${cluster}/${id}`);
    if (held !== undefined && wanted?.deleted === 'no' && held.life === wanted.life) {
      this.#wire.faults.push(`${cluster}/${id} was deleted although ${source} wants it`);
    }
    if (this.#wire.type !== 'bundles') {
      this.holds(cluster).delete(id);
      return;
    }
    // A work agent adds what it does not know, with its finalizer, and takes its time.
    const gone = held ?? { version: 1, life: 0, source, sequence: 0, finalizing: true };
    gone.finalizing = true;
    this.holds(cluster).set(id, gone);
  }

  /** A work agent is done with deleting: it says so, and forgets the work once that has been heard. */
  finalize(cluster: string): void {
    for (const [id, held] of this.holds(cluster)) {
      if (held.finalizing && this.#publishStatus(cluster, id, held, true)) this.holds(cluster).delete(id);
    }
  }

  holds(cluster: string): Map<string, Held> {
    return this.#held.get(cluster) ?? new Map();
  }
}
