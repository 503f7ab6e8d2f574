import { decodeEvent, isHeartbeat, readClusterName, readResourceId } from 'ce-broker-proto';
import type { MassDeletion } from '../../src/core/deletion-guard.js';
import type { HoldTarget } from '../../src/core/holds.js';
import { DATA_TYPES } from './events.js';
import { FleetAgents } from './fleet-agents.js';
import { CLUSTERS, SOURCES, type Step } from './fleet-model.js';
import { FleetSources } from './fleet-sources.js';
import { FleetWire } from './fleet-wire.js';
import { inMemory, type Subscriber, World, type WorldStores } from './world.js';

/**
 * Sources and agents that behave as the Go SDK's do, around one broker core: the small model that the random histories are held
 * against. What it did stands in `script`, in the words of the rule scripts.
 */
export class Fleet {
  readonly #world: World;
  readonly #wire: FleetWire;
  readonly #sources: FleetSources;
  readonly #agents: FleetAgents;
  /** Lives whose deletion was discarded. */
  readonly #denied = new Set<string>();
  readonly #todo: (() => void)[] = [];
  #hasBackup = false;
  /** A restart loses everything. */
  readonly #forgets: boolean;

  /** @param slowly one resource is looked at in a turn, and there is one turn between two things that happen */
  constructor(
    type: string,
    massDeletion: MassDeletion | false = false,
    stores: WorldStores = inMemory,
    slowly = false,
  ) {
    this.#forgets = stores === inMemory;
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
    this.#wire = new FleetWire(type, this.#world);
    if (slowly) this.script.push('option sliceSize 1', 'turns 1');
    if (massDeletion !== false) this.script.push(`option massDeletion ${JSON.stringify(massDeletion)}`);
    this.script.push(`use ${type}`);
    this.#sources = new FleetSources(this.#wire);
    this.#agents = new FleetAgents(this.#wire, this.#sources);
    for (const source of SOURCES) this.do({ kind: 'connect-source', source });
    for (const cluster of CLUSTERS) this.do({ kind: 'connect-agent', cluster });
  }

  /** What it did. */
  get script(): string[] {
    return this.#wire.script;
  }

  do(step: Step): void {
    switch (step.kind) {
      case 'create':
      case 'update':
      case 'delete':
      case 'late-update':
        this.#sources.change(step.kind, step.source, `${step.cluster}/${step.id}-${step.source}`);
        break;
      case 'report':
        for (const id of this.#agents.holds(step.cluster).keys()) this.#agents.report(step.cluster, id);
        this.#agents.finalize(step.cluster);
        break;
      case 'drop-agent':
      case 'drop-source':
        this.#drop('cluster' in step ? step.cluster : step.source);
        break;
      case 'connect-agent':
        this.#agents.connect(step.cluster);
        break;
      case 'subscribe-agent':
        this.#agents.subscribe(step.cluster);
        break;
      case 'connect-source':
        this.#sources.connect(step.source);
        break;
      case 'freeze':
      case 'thaw':
        if (this.#wire.isHere(step.cluster)) {
          this.script.push(`${step.kind} ${step.cluster}`);
          this.#world[step.kind](step.cluster);
        }
        break;
      case 'resync':
        if (this.#wire.isHere(step.cluster)) this.#agents.resync(step.cluster);
        break;
      case 'wait':
        this.script.push(`wait ${step.seconds}s`);
        this.#world.wait(step.seconds * 1000);
        for (const cluster of CLUSTERS) this.#agents.finalize(cluster);
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
        this.#sources.arrive();
        break;
      case 'restart':
        this.script.push('restart');
        this.#sources.lose();
        if (this.#forgets) this.#wire.restarts += 1;
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
        this.#sources.lose();
        this.#wire.restarts += 1;
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
    const wrong = [...this.#wire.faults];
    for (const source of SOURCES) {
      for (const [key, wanted] of this.#sources.wants(source)) {
        const [cluster = '', id = ''] = key.split('/');
        const held = this.#agents.holds(cluster).get(id);
        if (wanted.deleted === 'no') {
          // Nobody knows any more that the resource was deleted in between: neither the broker nor the versions tell.
          const forgotten =
            held !== undefined && (wanted.ends.get(held.life) ?? this.#wire.restarts) < this.#wire.restarts;
          // An operator said that it was not deleted, and the source answers as one that never did would.
          const denied = held !== undefined && !wanted.created && this.#denied.has(`${key} ${held.life}`);
          if (forgotten || denied) continue;
          if (held?.version !== wanted.version || held.life !== wanted.life) {
            wrong.push(
              `${key} should be v${wanted.version} of life ${wanted.life}, is v${held?.version} of life ${held?.life}`,
            );
          } else if (this.#sources.knows(source).get(key) !== held.sequence) {
            wrong.push(
              `${source} should know status ${held.sequence} of ${key}, knows ${this.#sources.knows(source).get(key)}`,
            );
          }
        } else if (held !== undefined && !this.#wire.isOrphan(cluster, id))
          wrong.push(`${key} should be gone`);
      }
    }
    return wrong;
  }

  #pause(kind: 'hold' | 'release', what: 'cluster' | 'source' | 'resource', name: string): void {
    const { core, now } = this.#world;
    const [cluster = '', id = ''] = name.split('/');
    const target: HoldTarget =
      what === 'resource'
        ? { kind: what, name: id, cluster, dataType: DATA_TYPES[this.#wire.type] ?? '' }
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
      for (const [key, { ends }] of this.#sources.wants(source))
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
    const partition = this.#world.core.view.table.find(DATA_TYPES[this.#wire.type] ?? '', cluster);
    const resource = partition?.find(id);
    if (resource === undefined) return;
    const hold = this.#world.core.view.holds.of(resource, {
      kind: subResource === 'spec' ? 'spec' : 'status',
    });
    if (hold !== undefined)
      this.#wire.faults.push(
        `${subscriber.label} got ${subResource} ${cluster}/${id} in spite of a hold of ${hold.kind}`,
      );
  }

  #drop(label: string): void {
    if (!this.#wire.isHere(label)) return;
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
      if (isAgent && subResource === 'status') this.#agents.answer(subscriber.label, event);
      if (!isAgent && subResource === 'spec') this.#sources.answer(subscriber.label, event);
      return;
    }
    if (isAgent) this.#agents.apply(subscriber.label, event);
    else this.#sources.learn(subscriber.label, event);
  }
}
