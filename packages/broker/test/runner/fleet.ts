import {
  decodeEvent,
  decodeSpecResyncBody,
  decodeStatusResyncBody,
  type Event,
  eventDataBytes,
  isHeartbeat,
  readClusterName,
  readDeletionTimestamp,
  readOriginalSource,
  readResourceId,
  readResourceVersion,
  readSequenceId,
} from 'ce-broker-proto';
import type { MassDeletion } from '../../src/core/deletion-guard.js';
import type { HoldTarget } from '../../src/core/holds.js';
import { bundleStatus, DATA_TYPES, type EventFields, publishRequest } from './events.js';
import { inMemory, type Subscriber, World, type WorldStores } from './world.js';

export type Step =
  | {
      readonly kind: 'create' | 'update' | 'delete' | 'late-update';
      readonly source: string;
      readonly cluster: string;
      readonly id: string;
    }
  | {
      readonly kind: 'report' | 'drop-agent' | 'connect-agent' | 'freeze' | 'thaw' | 'resync';
      readonly cluster: string;
    }
  | { readonly kind: 'drop-source' | 'connect-source'; readonly source: string }
  | {
      readonly kind: 'hold' | 'release';
      readonly what: 'cluster' | 'source' | 'resource';
      readonly name: string;
    }
  | { readonly kind: 'consent' | 'discard'; readonly cluster: string }
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'arrive' | 'restart' | 'backup' | 'restore' };

/** What a source wants: version and life of a resource that is there; `deletions` counts those that the broker acknowledged. */
interface Wanted {
  version: number;
  life: number;
  /** How often the broker had lost everything when each life ended. */
  readonly ends: Map<number, number>;
  deleted: 'no' | 'unacknowledged' | 'acknowledged';
  /** The broker acknowledged the create of the present life. */
  created: boolean;
}

interface Held {
  version: number;
  life: number;
  source: string;
  sequence: number;
  finalizing: boolean;
}

const SOURCES = ['A', 'B'];
const CLUSTERS = ['c1', 'c2'];

/**
 * Sources and agents that behave as the Go SDK's do, around one broker core: the small model that the random histories are held
 * against. What it did stands in `script`, in the words of the rule scripts.
 */
export class Fleet {
  readonly script: string[] = [];
  readonly #world: World;
  readonly #type: string;
  readonly #wanted = new Map<string, Map<string, Wanted>>();
  readonly #held = new Map<string, Map<string, Held>>();
  readonly #known = new Map<string, Map<string, number>>();
  /** The highest (life, version) that each agent was handed. */
  readonly #seen = new Map<string, { life: number; version: number }>();
  /** Lives whose deletion was discarded. */
  readonly #denied = new Set<string>();
  readonly #faults: string[] = [];
  readonly #todo: (() => void)[] = [];
  readonly #underWay: { readonly fields: EventFields; readonly line: string }[] = [];
  #restarts = 0;
  #hasBackup = false;
  /** A restart loses everything. */
  readonly #forgets: boolean;
  #sequence = 0;
  #ids = 0;

  /** @param slowly one resource is looked at in a turn, and there is one turn between two things that happen */
  constructor(
    type: string,
    massDeletion: MassDeletion | false = false,
    stores: WorldStores = inMemory,
    slowly = false,
  ) {
    this.#type = type;
    if (slowly) this.script.push('option sliceSize 1', 'turns 1');
    this.#forgets = stores === inMemory;
    if (massDeletion !== false) this.script.push(`option massDeletion ${JSON.stringify(massDeletion)}`);
    this.script.push(`use ${type}`);
    this.#world = new World(
      slowly ? { massDeletion, sliceSize: 1 } : { massDeletion },
      {
        wrote: (subscriber, message) => {
          this.#refuseHeld(subscriber, message);
          this.#todo.push(() => this.#receive(subscriber, message));
        },
        ended: () => {},
        noted: () => {},
      },
      stores,
    );
    if (slowly) this.#world.workAtOnce = 1;
    for (const source of SOURCES) {
      this.#wanted.set(source, new Map());
      this.#known.set(source, new Map());
      // A Go source whose list is empty answers no resync: each holds one resource that stays.
      for (const cluster of CLUSTERS)
        this.#wants(source).set(`${cluster}/keep-${source}`, {
          version: 1,
          life: 1,
          ends: new Map(),
          deleted: 'no',
          created: false,
        });
    }
    for (const cluster of CLUSTERS) this.#held.set(cluster, new Map());
    for (const source of SOURCES) this.do({ kind: 'connect-source', source });
    for (const cluster of CLUSTERS) this.do({ kind: 'connect-agent', cluster });
  }

  do(step: Step): void {
    switch (step.kind) {
      case 'create':
      case 'update':
      case 'delete':
      case 'late-update':
        this.#change(step.kind, step.source, `${step.cluster}/${step.id}-${step.source}`);
        break;
      case 'report':
        for (const id of this.#holds(step.cluster).keys()) this.#report(step.cluster, id);
        this.#finalize(step.cluster);
        break;
      case 'drop-agent':
      case 'drop-source':
        this.#drop('cluster' in step ? step.cluster : step.source);
        break;
      case 'connect-agent':
        this.#connectAgent(step.cluster);
        break;
      case 'connect-source':
        this.#connectSource(step.source);
        break;
      case 'freeze':
      case 'thaw':
        if (this.#isHere(step.cluster)) {
          this.script.push(`${step.kind} ${step.cluster}`);
          this.#world[step.kind](step.cluster);
        }
        break;
      case 'resync':
        if (this.#isHere(step.cluster)) this.#resync(step.cluster);
        break;
      case 'wait':
        this.script.push(`wait ${step.seconds}s`);
        this.#world.wait(step.seconds * 1000);
        for (const cluster of CLUSTERS) this.#finalize(cluster);
        break;
      case 'hold':
      case 'release':
        this.#pause(step.kind, step.what, step.name);
        break;
      case 'consent':
        this.#consent(step.cluster);
        break;
      case 'discard':
        this.#discard(step.cluster);
        break;
      case 'arrive':
        this.#arrive();
        break;
      case 'restart':
        this.script.push('restart');
        this.#underWay.length = 0;
        if (this.#forgets) this.#restarts += 1;
        this.#world.restart();
        break;
      case 'backup':
        this.script.push('backup');
        this.#world.backup();
        this.#hasBackup = true;
        break;
      case 'restore':
        if (!this.#hasBackup) break;
        this.script.push('restore');
        this.#underWay.length = 0;
        this.#restarts += 1;
        this.#world.restore();
        break;
    }
    this.#react();
  }

  /** Nothing is held any more, everybody is back, and resyncs; then time passes. */
  comeTogether(): void {
    for (const hold of [...this.#world.core.view.holds.all()]) {
      const name = hold.kind === 'resource' ? `${hold.cluster}/${hold.name}` : hold.name;
      this.do({ kind: 'release', what: hold.kind, name });
    }
    for (let round = 0; round < 3; round += 1) {
      for (const cluster of CLUSTERS) this.do({ kind: 'consent', cluster });
      for (const source of SOURCES) this.do({ kind: 'connect-source', source });
      for (const cluster of CLUSTERS) {
        this.do({ kind: 'connect-agent', cluster });
        this.do({ kind: 'thaw', cluster });
        this.do({ kind: 'resync', cluster });
      }
      for (let n = 0; n < 5; n += 1) this.do({ kind: 'wait', seconds: 11 });
    }
  }

  /** What is not as it should be. */
  wrong(): readonly string[] {
    const wrong = [...this.#faults];
    for (const source of SOURCES) {
      for (const [key, wanted] of this.#wants(source)) {
        const [cluster = '', id = ''] = key.split('/');
        const held = this.#holds(cluster).get(id);
        if (wanted.deleted === 'no') {
          // Nobody knows any more that the resource was deleted in between: neither the broker nor the versions tell.
          const forgotten =
            held !== undefined && (wanted.ends.get(held.life) ?? this.#restarts) < this.#restarts;
          // An operator said that it was not deleted, and the source answers as one that never did would.
          const denied = held !== undefined && !wanted.created && this.#denied.has(`${key} ${held.life}`);
          if (forgotten || denied) continue;
          if (held?.version !== wanted.version || held.life !== wanted.life) {
            wrong.push(
              `${key} should be v${wanted.version} of life ${wanted.life}, is v${held?.version} of life ${held?.life}`,
            );
          } else if (this.#knows(source).get(key) !== held.sequence) {
            wrong.push(
              `${source} should know status ${held.sequence} of ${key}, knows ${this.#knows(source).get(key)}`,
            );
          }
        } else if (held !== undefined && !this.#isOrphan(cluster, id)) wrong.push(`${key} should be gone`);
      }
    }
    return wrong;
  }

  #pause(kind: 'hold' | 'release', what: 'cluster' | 'source' | 'resource', name: string): void {
    const { core, now } = this.#world;
    const [cluster = '', id = ''] = name.split('/');
    const target: HoldTarget =
      what === 'resource'
        ? { kind: what, name: id, cluster, dataType: DATA_TYPES[this.#type] ?? '' }
        : { kind: what, name };
    if ((core.view.holds.find(target) !== undefined) === (kind === 'hold')) return;
    this.script.push(`${kind} ${what} ${name}`);
    if (kind === 'hold') core.hold(target, { by: 'op', reason: '' }, now);
    else core.release(target, 'op', now);
  }

  #consent(cluster: string): void {
    const { core, now } = this.#world;
    if (![...core.view.deletions.all()].some((held) => held.cluster === cluster)) return;
    this.script.push(`release deletions ${cluster}`);
    core.releaseDeletions(cluster, 'op', now);
  }

  #discard(cluster: string): void {
    const { core, now } = this.#world;
    if (![...core.view.deletions.all()].some((held) => held.cluster === cluster)) return;
    this.script.push(`discard ${cluster}`);
    for (const source of SOURCES)
      for (const [key, { ends }] of this.#wants(source))
        if (key.startsWith(`${cluster}/`)) for (const life of ends.keys()) this.#denied.add(`${key} ${life}`);
    const work = core.discard({ cluster }, { by: 'op', now: () => now });
    while (work.next().done !== true);
  }

  /** Nothing that is held may be written to anybody, whatever led to it. */
  #refuseHeld(subscriber: Subscriber, message: Uint8Array): void {
    if (isHeartbeat(message)) return;
    const event = decodeEvent(message);
    const [subResource, action] = event.type.split('.').slice(-2);
    const cluster = readClusterName(event) ?? '';
    const id = readResourceId(event) ?? '';
    if (action === 'resync_request') return;
    const partition = this.#world.core.view.table.find(DATA_TYPES[this.#type] ?? '', cluster);
    const resource = partition?.find(id);
    if (resource === undefined) return;
    const hold = this.#world.core.view.holds.of(resource, {
      kind: subResource === 'spec' ? 'spec' : 'status',
    });
    if (hold !== undefined)
      this.#faults.push(
        `${subscriber.label} got ${subResource} ${cluster}/${id} in spite of a hold of ${hold.kind}`,
      );
  }

  #change(verb: 'create' | 'update' | 'delete' | 'late-update', source: string, key: string): void {
    const wants = this.#wants(source);
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
    wanted.ends.set(wanted.life, this.#restarts);
    if (this.#publishSpec(source, key, 'delete')) wanted.deleted = 'acknowledged';
  }

  /** False when it failed: the source is away. */
  #publishSpec(source: string, key: string, action: string): boolean {
    if (!this.#isHere(source)) return false;
    const fields = this.#specOf(source, key, action);
    const deletion = fields.deletedAt !== undefined && action !== 'delete' ? ' deletion' : '';
    this.script.push(`${source} ${action} ${key} v${fields.version}${deletion}`);
    return this.#publish(fields);
  }

  #specOf(source: string, key: string, action: string): EventFields {
    const wanted = this.#wants(source).get(key);
    const [cluster = '', id = ''] = key.split('/');
    const deletes = wanted === undefined || wanted.deleted !== 'no';
    const verb = action.includes('-') ? action.replace('-', '_') : `${action}_request`;
    return {
      id: this.#newId(),
      source,
      time: this.#stamp(),
      type: `${DATA_TYPES[this.#type]}.spec.${verb}`,
      cluster,
      originalSource: '',
      resourceId: id,
      version: String(wanted?.version ?? 1),
      deletedAt: deletes ? this.#world.now : undefined,
      data: deletes ? undefined : { life: wanted.life },
    };
  }

  /** A second copy of an update, under way for long, perhaps over deletion and re-creation. */
  #arrive(): void {
    const late = this.#underWay.shift();
    if (late === undefined) return;
    this.script.push(`${late.line} time ${new Date(late.fields.time ?? 0).toISOString()}`);
    this.#publish(late.fields);
  }

  #report(cluster: string, id: string): void {
    const held = this.#holds(cluster).get(id);
    if (held === undefined || held.finalizing) return;
    this.#sequence += 1;
    held.sequence = this.#sequence;
    this.#publishStatus(cluster, id, held, false);
  }

  #publishStatus(cluster: string, id: string, held: Held, deleted: boolean): boolean {
    if (!this.#isHere(cluster)) return false;
    if (deleted) this.#sequence += 1;
    const sequence = deleted ? this.#sequence : held.sequence;
    this.script.push(
      `${cluster} status ${id} v${held.version} of ${held.source} seq ${sequence} hash h${sequence}${deleted ? ' deleted' : ''}`,
    );
    return this.#publish({
      id: this.#newId(),
      source: `${cluster}-agent`,
      type: `${DATA_TYPES[this.#type]}.status.update_request`,
      cluster,
      originalSource: held.source,
      resourceId: id,
      version: String(held.version),
      sequenceId: String(sequence),
      statusHash: `h${sequence}`,
      data: bundleStatus(deleted),
    });
  }

  #connectAgent(cluster: string): void {
    if (this.#isHere(cluster)) return;
    this.script.push(`agent ${cluster}`);
    this.#world.subscribe(cluster, {
      source: '',
      clusterName: cluster,
      dataType: DATA_TYPES[this.#type] ?? '',
    });
    this.#resync(cluster);
  }

  #connectSource(source: string): void {
    if (this.#isHere(source)) return;
    this.script.push(`source ${source}`);
    this.#world.subscribe(source, { source, clusterName: '', dataType: DATA_TYPES[this.#type] ?? '' });
    const listed = [...this.#wants(source)].filter(([, wanted]) => wanted.deleted === 'no');
    const statusHashes = listed.map(([key]) => ({
      resourceID: key.split('/')[1],
      statusHash: `h${this.#knows(source).get(key) ?? '-none'}`,
    }));
    const list = statusHashes.map((entry) => `${entry.resourceID} ${entry.statusHash}`).join(', ');
    this.script.push(`${source} resync-status all ${list}`);
    const type = `${DATA_TYPES[this.#type]}.status.resync_request`;
    this.#publish({
      id: this.#newId(),
      source,
      type,
      cluster: '',
      originalSource: '',
      data: { statusHashes },
    });
    this.#world.settle();
  }

  #resync(cluster: string): void {
    const resourceVersions = [...this.#holds(cluster)].map(([resourceID, held]) => ({
      resourceID,
      resourceVersion: held.version,
    }));
    const list = resourceVersions.map((entry) => `${entry.resourceID} v${entry.resourceVersion}`).join(', ');
    this.script.push(`${cluster} resync all ${list}`);
    const type = `${DATA_TYPES[this.#type]}.spec.resync_request`;
    const source = `${cluster}-agent`;
    this.#publish({
      id: this.#newId(),
      source,
      type,
      cluster,
      originalSource: '',
      data: { resourceVersions },
    });
    this.#world.settle();
  }

  #drop(label: string): void {
    if (!this.#isHere(label)) return;
    this.script.push(`drop ${label}`);
    this.#world.drop(label);
  }

  /** Lets everybody react to what they got, until nobody has anything to say. */
  #react(): void {
    this.#world.settle();
    for (let task = this.#todo.shift(); task !== undefined; task = this.#todo.shift()) {
      task();
      this.#world.settle();
    }
  }

  #receive(subscriber: Subscriber, message: Uint8Array): void {
    if (isHeartbeat(message)) return;
    const event = decodeEvent(message);
    const [subResource, action] = event.type.split('.').slice(-2);
    if (this.#world.subscribers.get(subscriber.label) !== subscriber) return;
    const isAgent = CLUSTERS.includes(subscriber.label);
    if (action === 'resync_request') {
      if (isAgent && subResource === 'status') this.#answerStatuses(subscriber.label, event);
      if (!isAgent && subResource === 'spec') this.#answerSpecs(subscriber.label, event);
      return;
    }
    if (isAgent) this.#apply(subscriber.label, event);
    else this.#learn(subscriber.label, event);
  }

  /** A Go source: newer than listed goes, a listed id that it does not hold is deleted. */
  #answerSpecs(source: string, event: Event): void {
    if (readOriginalSource(event) !== source)
      this.#faults.push(`${source} got the list of ${readOriginalSource(event)}`);
    const cluster = readClusterName(event) ?? '';
    const listed = new Map(
      decodeSpecResyncBody(eventDataBytes(event) ?? new Uint8Array()).map((entry) => [
        entry.resourceId,
        Number(entry.resourceVersion),
      ]),
    );
    for (const id of listed.keys()) {
      if (!id.endsWith(`-${source}`)) this.#faults.push(`${source} was asked about ${id}`);
    }
    for (const [key, wanted] of this.#wants(source)) {
      if (!key.startsWith(`${cluster}/`) || wanted.deleted !== 'no') continue;
      const id = key.slice(cluster.length + 1);
      if (wanted.version > (listed.get(id) ?? 0)) this.#publishSpec(source, key, 'resync-response');
    }
    for (const [id, version] of listed) {
      const key = `${cluster}/${id}`;
      const wanted = this.#wants(source).get(key);
      if (wanted?.deleted === 'no') continue;
      if (wanted !== undefined) wanted.version = version;
      const answered = this.#publishSpec(source, key, 'resync-response');
      if (answered && wanted !== undefined) wanted.deleted = 'acknowledged';
    }
  }

  #answerStatuses(cluster: string, event: Event): void {
    const asked = decodeStatusResyncBody(eventDataBytes(event) ?? new Uint8Array());
    const hashes = new Map(asked.map((entry) => [entry.resourceId, entry.statusHash]));
    for (const [id, held] of this.#holds(cluster)) {
      if (held.source !== event.source) continue;
      if (hashes.size > 0 && (!hashes.has(id) || hashes.get(id) === `h${held.sequence}`)) continue;
      this.#publishStatus(cluster, id, held, false);
    }
  }

  /** A Go agent: unknown is added, deleting is deleted, newer is taken, all else is ignored. */
  #apply(cluster: string, event: Event): void {
    const id = readResourceId(event) ?? '';
    const key = `${cluster}/${id}`;
    const held = this.#holds(cluster).get(id);
    if (readDeletionTimestamp(event) !== undefined) {
      this.#applyDeletion(cluster, id, event.source, held);
      return;
    }
    const version = Number(readResourceVersion(event) ?? 0n);
    const life = lifeOf(event);
    const seen = this.#seen.get(key);
    if (seen !== undefined && (life < seen.life || (life === seen.life && version < seen.version))) {
      this.#faults.push(
        `${key} went back from v${seen.version} of life ${seen.life} to v${version} of life ${life}`,
      );
    }
    this.#seen.set(key, { life, version });
    if (held !== undefined && (held.finalizing || version <= held.version)) return;
    this.#holds(cluster).set(id, { version, life, source: event.source, sequence: 0, finalizing: false });
    this.#report(cluster, id);
  }

  #applyDeletion(cluster: string, id: string, source: string, held: Held | undefined): void {
    const wanted = this.#wants(source).get(`${cluster}/${id}`);
    if (held !== undefined && wanted?.deleted === 'no' && held.life === wanted.life) {
      this.#faults.push(`${cluster}/${id} was deleted although ${source} wants it`);
    }
    if (this.#type !== 'bundles') {
      this.#holds(cluster).delete(id);
      return;
    }
    // A work agent adds what it does not know, with its finalizer, and takes its time.
    const gone = held ?? { version: 1, life: 0, source, sequence: 0, finalizing: true };
    gone.finalizing = true;
    this.#holds(cluster).set(id, gone);
  }

  /** A work agent is done with deleting: it says so, and forgets the work once that has been heard. */
  #finalize(cluster: string): void {
    for (const [id, held] of this.#holds(cluster)) {
      if (held.finalizing && this.#publishStatus(cluster, id, held, true)) this.#holds(cluster).delete(id);
    }
  }

  #learn(source: string, event: Event): void {
    const key = `${readClusterName(event)}/${readResourceId(event)}`;
    const sequence = Number(readSequenceId(event) ?? 0);
    const known = this.#knows(source);
    if (!key.endsWith(`-${source}`)) this.#faults.push(`${source} got a status of ${key}`);
    if (sequence > (known.get(key) ?? -1)) known.set(key, sequence);
  }

  #publish(fields: EventFields): boolean {
    const answer = this.#world.publish(publishRequest(fields));
    if (answer.code !== 0) this.#faults.push(`refused: ${answer.message}`);
    return answer.code === 0;
  }

  #isOrphan(cluster: string, id: string): boolean {
    for (const partition of this.#world.core.view.table.ofCluster(cluster, '')) {
      if (partition.orphans.has(id)) return true;
    }
    return false;
  }

  #isHere(label: string): boolean {
    return this.#world.subscribers.has(label);
  }

  #wants(source: string): Map<string, Wanted> {
    return this.#wanted.get(source) ?? new Map();
  }

  #holds(cluster: string): Map<string, Held> {
    return this.#held.get(cluster) ?? new Map();
  }

  #knows(source: string): Map<string, number> {
    return this.#known.get(source) ?? new Map();
  }

  /** Clocks go on between two events. */
  #stamp(): number {
    this.#world.now += 1;
    return this.#world.now;
  }

  #newId(): string {
    this.#ids += 1;
    return `f${this.#ids}`;
  }
}

function lifeOf(event: Event): number {
  const data: unknown = JSON.parse(new TextDecoder().decode(eventDataBytes(event)));
  return typeof data === 'object' && data !== null && 'life' in data && typeof data.life === 'number'
    ? data.life
    : 0;
}
