import {
  decodeSpecResyncBody,
  type Event,
  eventDataBytes,
  readClusterName,
  readOriginalSource,
  readResourceId,
  readSequenceId,
} from 'ce-broker-proto';
import { DATA_TYPES, type EventFields } from './events.js';
import { CLUSTERS, SOURCES, type Wanted } from './fleet-model.js';
import type { FleetWire } from './fleet-wire.js';

/** The sources of a fleet: what each wants, and what it knows of its statuses. */
export class FleetSources {
  readonly #wire: FleetWire;
  readonly #wanted = new Map<string, Map<string, Wanted>>();
  readonly #known = new Map<string, Map<string, number>>();
  readonly #underWay: { readonly fields: EventFields; readonly line: string }[] = [];

  constructor(wire: FleetWire) {
    this.#wire = wire;
    for (const source of SOURCES) {
      this.#wanted.set(source, new Map());
      this.#known.set(source, new Map());
      // A Go source whose list is empty answers no resync: each holds one resource that stays.
      for (const cluster of CLUSTERS)
        this.wants(source).set(`${cluster}/keep-${source}`, {
          version: 1,
          life: 1,
          ends: new Map(),
          deleted: 'no',
          created: false,
        });
    }
  }

  /** What was under way is lost. */
  lose(): void {
    this.#underWay.length = 0;
  }

  change(verb: 'create' | 'update' | 'delete' | 'late-update', source: string, key: string): void {
    const wants = this.wants(source);
    const wanted = wants.get(key);
    const alive = wanted !== undefined && wanted.deleted === 'no';
    if (verb === 'create') {
      // A source that re-creates what it never managed to delete loses with every broker: its old life is newer.
      if (alive || wanted?.deleted === 'unacknowledged') return;
      const begun: Wanted = {
        version: 1,
        life: (wanted?.life ?? 0) + 1,
        ends: wanted?.ends ?? new Map(),
        deleted: 'no',
        created: false,
      };
      wants.set(key, begun);
      begun.created = this.#publishSpec(source, key, 'create');
      return;
    }
    if (!alive) return;
    if (verb === 'update' || verb === 'late-update') {
      wanted.version += 1;
      this.#publishSpec(source, key, 'update');
      if (verb === 'late-update')
        this.#underWay.push({
          fields: this.#specOf(source, key, 'update'),
          line: `${source} update ${key} v${wanted.version}`,
        });
      return;
    }
    wanted.deleted = 'unacknowledged';
    wanted.ends.set(wanted.life, this.#wire.restarts);
    if (this.#publishSpec(source, key, 'delete')) wanted.deleted = 'acknowledged';
  }

  /** False when it failed: the source is away. */
  #publishSpec(source: string, key: string, action: string): boolean {
    if (!this.#wire.isHere(source)) return false;
    const fields = this.#specOf(source, key, action);
    const deletion = fields.deletedAt !== undefined && action !== 'delete' ? ' deletion' : '';
    this.#wire.script.push(`${source} ${action} ${key} v${fields.version}${deletion}`);
    return this.#wire.publish(fields);
  }

  #specOf(source: string, key: string, action: string): EventFields {
    const wanted = this.wants(source).get(key);
    const [cluster = '', id = ''] = key.split('/');
    const deletes = wanted === undefined || wanted.deleted !== 'no';
    const verb = action.includes('-') ? action.replace('-', '_') : `${action}_request`;
    return {
      id: this.#wire.newId(),
      source,
      time: this.#wire.stamp(),
      type: `${DATA_TYPES[this.#wire.type]}.spec.${verb}`,
      cluster,
      originalSource: '',
      resourceId: id,
      version: String(wanted?.version ?? 1),
      deletedAt: deletes ? this.#wire.world.now : undefined,
      data: deletes ? undefined : { life: wanted.life },
    };
  }

  /** A second copy of an update, under way for long, perhaps over deletion and re-creation. */
  arrive(): void {
    const late = this.#underWay.shift();
    if (late === undefined) return;
    this.#wire.script.push(`${late.line} time ${new Date(late.fields.time ?? 0).toISOString()}`);
    this.#wire.publish(late.fields);
  }

  connect(source: string): void {
    if (this.#wire.isHere(source)) return;
    this.#wire.script.push(`source ${source}`);
    this.#wire.world.subscribe(source, {
      source,
      clusterName: '',
      dataType: DATA_TYPES[this.#wire.type] ?? '',
    });
    const listed = [...this.wants(source)].filter(([, wanted]) => wanted.deleted === 'no');
    const statusHashes = listed.map(([key]) => ({
      resourceID: key.split('/')[1],
      statusHash: `h${this.knows(source).get(key) ?? '-none'}`,
    }));
    const list = statusHashes.map((entry) => `${entry.resourceID} ${entry.statusHash}`).join(', ');
    this.#wire.script.push(`${source} resync-status all ${list}`);
    const type = `${DATA_TYPES[this.#wire.type]}.status.resync_request`;
    this.#wire.publish({
      id: this.#wire.newId(),
      source,
      type,
      cluster: '',
      originalSource: '',
      data: { statusHashes },
    });
    this.#wire.world.settle();
  }

  /** A Go source: newer than listed goes, a listed id that it does not hold is deleted. */
  answer(source: string, event: Event): void {
    if (readOriginalSource(event) !== source)
      this.#wire.faults.push(`${source} got the list of ${readOriginalSource(event)}`);
    const cluster = readClusterName(event) ?? '';
    const listed = new Map(
      decodeSpecResyncBody(eventDataBytes(event) ?? new Uint8Array()).map((entry) => [
        entry.resourceId,
        Number(entry.resourceVersion),
      ]),
    );
    for (const id of listed.keys()) {
      if (!id.endsWith(`-${source}`)) this.#wire.faults.push(`${source} was asked about ${id}`);
    }
    for (const [key, wanted] of this.wants(source)) {
      if (!key.startsWith(`${cluster}/`) || wanted.deleted !== 'no') continue;
      const id = key.slice(cluster.length + 1);
      if (wanted.version > (listed.get(id) ?? 0)) this.#publishSpec(source, key, 'resync-response');
    }
    for (const [id, version] of listed) {
      const key = `${cluster}/${id}`;
      const wanted = this.wants(source).get(key);
      if (wanted?.deleted === 'no') continue;
      if (wanted !== undefined) wanted.version = version;
      const answered = this.#publishSpec(source, key, 'resync-response');
      if (answered && wanted !== undefined) wanted.deleted = 'acknowledged';
    }
  }

  learn(source: string, event: Event): void {
    const key = `${readClusterName(event)}/${readResourceId(event)}`;
    const sequence = Number(readSequenceId(event) ?? 0);
    const known = this.knows(source);
    if (!key.endsWith(`-${source}`)) this.#wire.faults.push(`${source} got a status of ${key}`);
    if (sequence > (known.get(key) ?? -1)) known.set(key, sequence);
  }

  wants(source: string): Map<string, Wanted> {
    return this.#wanted.get(source) ?? new Map();
  }

  knows(source: string): Map<string, number> {
    return this.#known.get(source) ?? new Map();
  }
}
