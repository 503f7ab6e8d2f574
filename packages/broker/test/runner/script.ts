import { CeBrokerError, codeFromGrpc } from 'ce-broker-proto';
import type { Identity } from '../../src/access/identity.js';
import type { CustodyAction, CustodySubject } from '../../src/core/custody-work.js';
import type { HoldTarget } from '../../src/core/holds.js';
import { countHeldDeletions } from '../../src/core/mass-deletion.js';
import type { CoreOptions } from '../../src/core/options.js';
import { bundleStatus, DATA_TYPES, type EventFields, publishRequest } from './events.js';
import { printAnswer, printDelivery, shortName } from './print.js';
import { inMemory, World, type WorldStores } from './world.js';

/** A script with what really came out in place of what was expected. */
export function runScript(text: string, stores: WorldStores = inMemory): string {
  const result: string[] = [];
  const script = new Script(stores);
  for (const [index, line] of text.split('\n').entries()) {
    if (line.startsWith('  ')) continue;
    result.push(line);
    if (line.trim() === '' || line.startsWith('#')) continue;
    try {
      for (const output of script.run(line.trim().split(/\s+/))) result.push(`  ${output}`);
    } catch (error) {
      throw new Error(
        `line ${index + 1}: ${line}: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
  }
  return result.join('\n');
}

/** Plays one script: each command gives the lines that came of it. docs/architecture.md lists the commands. */
class Script {
  readonly #out: string[] = [];
  readonly #options: Record<string, unknown> = {};
  #world: World | undefined;
  #dataType = 'works';
  readonly #stores: WorldStores;

  constructor(stores: WorldStores) {
    this.#stores = stores;
  }
  #heartbeats = false;

  run(words: readonly string[]): readonly string[] {
    this.#out.length = 0;
    this.#command(words);
    this.#world?.settle();
    return this.#out;
  }

  get #w(): World {
    const options = { ...this.#stores.options, ...this.#options } as Partial<CoreOptions>;
    this.#world ??= new World(
      options,
      {
        wrote: (subscriber, message) => {
          const line = printDelivery(subscriber.label, message);
          if (this.#heartbeats || !line.endsWith('heartbeat')) this.#out.push(line);
        },
        ended: (subscriber) => {
          const { ended } = subscriber;
          const what = ended?.connection === true ? 'connection' : 'stream';
          this.#out.push(`${subscriber.label} is ended with its ${what}: ${codeFromGrpc(ended?.code ?? 2)}`);
        },
        noted: (note) => {
          if (note.kind === 'second-source')
            this.#out.push(`warning: ${note.sources.join(' and ')} both publish ${note.dataType}`);
          if (note.kind === 'reconciling') this.#out.push('reconciling');
          if (note.kind === 'reconciled') this.#out.push('reconciled');
          if (note.kind === 'deletions-held')
            this.#out.push(
              note.again === true
                ? `warning: discarded deletions of ${shortName(note.dataType)} on ${note.cluster} come again, and wait for consent`
                : `warning: ${note.deleted} of ${note.of} ${shortName(note.dataType)} on ${note.cluster} deleted, deletions wait for consent`,
            );
          if (note.kind === 'discarded')
            this.#out.push(`${note.discarded} discarded${note.left > 0 ? `, ${note.left} wait on` : ''}`);
        },
      },
      this.#stores,
    );
    return this.#world;
  }

  #command(words: readonly string[]): void {
    const [first = '', second = '', third = ''] = words;
    switch (first) {
      case 'option':
        this.#options[second] = JSON.parse(third);
        return;
      case 'use':
        this.#dataType = second;
        return;
      case 'show':
        this.#heartbeats = second === 'heartbeats';
        return;
      case 'source':
      case 'agent':
        this.#subscribe(first, second, third);
        return;
      case 'turns':
        this.#w.workAtOnce =
          second === 'by-hand' ? 0 : second === 'all' ? Number.POSITIVE_INFINITY : Number(second);
        return;
      case 'turn':
        this.#w.work(Number(second === '' ? 1 : second));
        return;
      case 'drop':
        this.#w.drop(second);
        return;
      case 'freeze':
        this.#w.freeze(second);
        return;
      case 'thaw':
        this.#w.thaw(second);
        return;
      case 'wait':
        this.#w.wait(Number(second.replace('s', '')) * 1000);
        return;
      case 'restart':
        this.#w.restart(second === 'remembering');
        return;
      case 'hold':
        this.#hold(second, third, words.slice(3).join(' '));
        return;
      case 'release':
        this.#release(second, third);
        return;
      case 'discard':
        this.#discard(second, third);
        return;
      case 'forget':
      case 'delete':
        this.#custody({ kind: first }, words.slice(1));
        return;
      case 'adopt':
        this.#custody({ kind: 'adopt', to: words.at(-1) ?? '' }, words.slice(1, -1));
        return;
      case 'reconciled':
        this.#w.core.reconciled(second === '' ? undefined : second, this.#w.now);
        return;
      case 'backup':
        this.#w.backup();
        return;
      case 'restore':
        this.#w.restore();
        return;
      case 'holds':
        this.#printHolds();
        return;
      case 'state':
      case 'orphans':
      case 'tombstones':
        this.#printState(first);
        return;
      default:
        this.#publish(first, words.slice(1));
    }
  }

  #subscribe(role: string, label: string, type: string): void {
    const name = label.split('/')[0] ?? '';
    const short = type === '' ? this.#dataType : type;
    const dataType = short === '*' ? '' : (DATA_TYPES[short] ?? short);
    const request = {
      source: role === 'source' ? name : '',
      clusterName: role === 'agent' ? name : '',
      dataType,
    };
    try {
      this.#w.subscribe(label, request);
    } catch (error) {
      this.#out.push(`refused ${CeBrokerError.from(error).code}: ${CeBrokerError.from(error).message}`);
    }
  }

  /** `cluster c1`, `source A`, `resource c1/x` */
  #target(kind: string, name: string): HoldTarget {
    if (kind === 'cluster' || kind === 'source') return { kind, name };
    const [cluster = '', id = ''] = name.split('/');
    return { kind: 'resource', name: id, cluster, dataType: DATA_TYPES[this.#dataType] ?? '' };
  }

  #hold(kind: string, name: string, reason: string): void {
    this.#try(() => this.#w.core.hold(this.#target(kind, name), { by: 'op', reason }, this.#w.now));
  }

  #release(kind: string, name: string): void {
    const { core, now } = this.#w;
    if (kind === 'deletions') this.#try(() => core.releaseDeletions(name, 'op', now));
    else this.#try(() => core.release(this.#target(kind, name), 'op', now));
  }

  /** `c1`, and of it only what `A` owns */
  #discard(cluster: string, source: string): void {
    this.#try(() => {
      const { core, now } = this.#w;
      const subject = { cluster, ...(source !== '' && { source }) };
      const work = core.discard(subject, { by: 'op', now: () => now });
      while (work.next().done !== true);
    });
  }

  /** `c1/x`, `source A`, `cluster c1`; `orphans c1`, `tombstones c1`. */
  #custody(action: CustodyAction, [kind = '', name = '']: readonly string[]): void {
    const subject = (): CustodySubject => {
      if (kind === 'source') return { source: name };
      if (kind === 'cluster') return { cluster: name };
      if (kind === 'orphans' || kind === 'tombstones') return { cluster: name, only: kind };
      const [cluster = '', id = ''] = kind.split('/');
      return { cluster, id, dataType: DATA_TYPES[this.#dataType] };
    };
    this.#try(() => {
      const { core, now } = this.#w;
      const work = core.custody(subject(), action, { by: 'op', dryRun: false, now: () => now });
      let step = work.next();
      while (step.done !== true) step = work.next();
      const { orphans, resources, tombstones, unchanged } = step.value;
      const counts = { resources, tombstones, orphans, unchanged };
      const told = Object.entries(counts).flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : []));
      this.#out.push(told.join(', '));
    });
  }

  #try(what: () => unknown): void {
    try {
      what();
    } catch (error) {
      const { code, message } = CeBrokerError.from(error);
      this.#out.push(`refused ${code}: ${message}`);
    }
  }

  #printHolds(): void {
    const { view } = this.#w.core;
    for (const hold of view.holds.all()) {
      const on = hold.kind === 'resource' ? `${hold.cluster}/${hold.name}` : hold.name;
      this.#out.push(`${hold.kind} ${on} held by ${hold.by}: ${hold.reason}`);
    }
    const counts = countHeldDeletions(view);
    for (const held of view.deletions.all()) {
      const of = `${shortName(held.dataType)} on ${held.cluster}`;
      this.#out.push(`${counts.get(held) ?? 0} deletions of ${of} wait for consent`);
    }
    for (const session of view.sessions.all()) {
      const keys = [...session.held.keys()].map((cell) => `${cell.kind} ${cell.resource.id}`);
      if (keys.length > 0) this.#out.push(`${session.about.name} waits for ${keys.join(', ')}`);
    }
    if (this.#out.length === 0) this.#out.push('none');
  }

  #publish(who: string, words: readonly string[]): void {
    const [verb = '', ...rest] = words;
    const { fields, role } = this.#event(who, verb, rest);
    const identity: Identity | undefined = role === undefined ? undefined : { user: who, groups: [], role };
    this.#out.push(printAnswer(this.#w.publish(publishRequest(fields), identity)));
  }

  #event(
    who: string,
    verb: string,
    rest: readonly string[],
  ): { fields: EventFields; role: Identity['role'] } {
    const [target = ''] = rest;
    const words = options(rest.slice(1));
    const short = words.get('type') ?? this.#dataType;
    const dataType = DATA_TYPES[short] ?? short;
    const now = this.#w.now;
    const id = words.get('id') ?? this.#w.newId();
    const time = words.has('time') ? Date.parse(words.get('time') ?? '') : now;
    const base = { id, source: who, time, version: words.get('v'), metadata: words.get('metadata') };
    const role = words.get('role') as Identity['role'];
    if (verb === 'resync')
      return { fields: this.#resync(who, target, dataType, rest.slice(1).join(' '), id), role };
    if (verb === 'resync-status') {
      return { fields: this.#resyncStatus(who, target, dataType, rest.slice(1).join(' '), id), role };
    }
    if (verb === 'status') {
      const gone = words.has('deleted');
      const fields = {
        ...base,
        type: `${dataType}.status.${gone ? 'delete_request' : 'update_request'}`,
        cluster: who.split('/')[0],
        originalSource: words.get('of') ?? '',
        resourceId: target,
        sequenceId: words.get('seq'),
        statusHash: words.get('hash'),
        data: short === 'bundles' ? bundleStatus(gone) : { state: 'applied' },
      };
      return { fields, role };
    }
    const [cluster = '', resourceId = ''] = target.split('/');
    const deletes = verb === 'delete' || words.has('deletion');
    const action = verb.includes('-') ? verb.replace('-', '_') : `${verb}_request`;
    const fields = {
      ...base,
      type: `${dataType}.spec.${action}`,
      cluster,
      originalSource: '',
      resourceId: resourceId === '' ? undefined : resourceId,
      deletedAt: deletes
        ? words.has('deleted-at')
          ? Date.parse(words.get('deleted-at') ?? '')
          : now
        : undefined,
      data: deletes ? undefined : { of: resourceId },
    };
    return { fields, role };
  }

  /** `c1 resync all x v1, y v2` */
  #resync(who: string, named: string, dataType: string, list: string, id: string): EventFields {
    const resourceVersions = entries(list).map(([resourceID, version]) => ({
      resourceID,
      resourceVersion: Number(version.slice(1)),
    }));
    const cluster = who.split('/')[0];
    const originalSource = named === 'all' ? '' : named;
    const type = `${dataType}.spec.resync_request`;
    return { id, source: `${cluster}-agent`, type, cluster, originalSource, data: { resourceVersions } };
  }

  /** `A resync-status c1 x h1, y -` */
  #resyncStatus(who: string, target: string, dataType: string, list: string, id: string): EventFields {
    const statusHashes = entries(list).map(([resourceID, hash]) => ({
      resourceID,
      statusHash: hash === '-' ? '' : hash,
    }));
    const cluster = target === 'all' ? '' : target;
    const type = `${dataType}.status.resync_request`;
    return { id, source: who.split('/')[0] ?? '', type, cluster, originalSource: '', data: { statusHashes } };
  }

  #printState(what: string): void {
    const { table } = this.#w.core.view;
    for (const partition of table.all()) {
      if (what === 'orphans') {
        for (const [id, { version }] of partition.orphans)
          this.#out.push(`${partition.cluster}/${id} v${version}`);
        continue;
      }
      for (const resource of partition.views()) {
        const { request } = resource;
        if (what === 'state' && request !== undefined) {
          this.#out.push(`${partition.cluster}/${resource.id} asked by an agent: v${request.version}`);
          if (resource.spec === undefined && resource.status === undefined) continue;
        }
        if (what === 'tombstones' && resource.tombstone === undefined) continue;
        const spec =
          resource.spec === undefined
            ? '-'
            : `v${resource.spec.version}${resource.spec.deleting ? ' deleted' : ''}`;
        const status = resource.status === undefined ? '-' : `v${resource.status.version}`;
        const owner = resource.owner ?? 'nobody';
        this.#out.push(`${partition.cluster}/${resource.id} of ${owner}: spec ${spec}, status ${status}`);
      }
    }
    if (this.#out.length === 0) this.#out.push('none');
  }
}

/** `v3 seq 7 of A deleted` -> v: 3, seq: 7, of: A, deleted. */
function options(words: readonly string[]): ReadonlyMap<string, string> {
  const flags = new Set(['deleted', 'deletion']);
  const result = new Map<string, string>();
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (/^v-?\d+$/.test(word) || /^v[a-z]+$/.test(word)) result.set('v', word.slice(1));
    else if (flags.has(word)) result.set(word, '');
    else {
      index += 1;
      result.set(word, words[index] ?? '');
    }
  }
  return result;
}

function entries(list: string): [string, string][] {
  if (list.trim() === '') return [];
  return list.split(',').map((entry) => {
    const [id = '', value = ''] = entry.trim().split(/\s+/);
    return [id, value];
  });
}
