import { type AttributeValue, CeBrokerError, decodeEvent, timestampFromMillis } from 'ce-broker-proto';
import type { Partition } from '../state/partition.js';
import type { Resource } from '../state/resource.js';
import { buildEvent, type WireAttribute } from '../wire/build-event.js';
import type { Core } from './core.js';
import { readOrDrop } from './damaged.js';
import { forgetRequest, forgetResource } from './keep.js';
import { publishSpec } from './publish.js';
import { forgetReconciling } from './reconcile.js';
import { askForSpecs } from './spec-ask.js';
import { scheduleStatusAsk } from './status-ask.js';

/** The source of a deletion that nobody else stands for. */
const NOBODY = 'ce-broker';
const INT32_MAX = 2_147_483_647n;

/** What an operator does by hand to what nobody looks after any more, one resource at a time. The core decides nothing of it by itself. */
export class Custody {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /**
   * The broker knows nothing of it any more, and tells nobody: what an agent has, it keeps.
   * @param requests what agents ask for goes too
   */
  forget(resource: Resource, requests: boolean): void {
    const core = this.#core;
    for (const session of [
      ...core.sessions.agentsOf(resource.place.cluster),
      ...core.sessions.of('source', ''),
    ]) {
      for (const cell of [resource.spec, resource.status, requests ? resource.request : undefined]) {
        if (cell === undefined) continue;
        session.dirty.delete(cell);
        session.held.delete(cell);
        session.later.delete(cell);
      }
    }
    if (requests) forgetRequest(core, resource);
    forgetResource(core, resource);
  }

  /** A deletion in the name of its owner is kept, and goes to the agents until they confirm it. Throws what a Publish is refused with. */
  delete(resource: Resource, by: string, now: number): void {
    const version = this.#versionOf(resource);
    this.#publishDeletion(resource.place, resource.id, resource.owner ?? NOBODY, version, by, now);
  }

  /**
   * It is `to`'s from now on. What the earlier owner wanted stays, and goes to agents that lack it, until `to` publishes it, whatever its
   * version; `to` is never asked whether it has it, since a Go source deletes what it is asked about and does not have.
   */
  adopt(resource: Resource, to: string): void {
    const core = this.#core;
    const { owner, spec } = resource;
    if (owner === to) return;
    core.table.setOwner(resource, to);
    if (owner !== undefined) core.adoptions.record(owner, to);
    core.adoptions.returned(to);
    if (spec !== undefined) spec.inherited = true;
    core.table.changed(resource);
  }

  /** `to` sends what it has of the cluster and type, and the agents their statuses for it. */
  askHeir(partition: Partition, to: string, now: number): void {
    askForSpecs(this.#core, to, partition, now, { fresh: true });
    scheduleStatusAsk(this.#core, partition, to, now);
  }

  /** An orphan is shown no more, until an agent lists it again. */
  forgetOrphan(partition: Partition, id: string): void {
    partition.orphans.delete(id);
  }

  /** The agents of the cluster are told to delete an orphan. */
  deleteOrphan(partition: Partition, id: string, by: string, now: number): void {
    const orphan = partition.orphans.get(id);
    if (orphan === undefined) return;
    const resource = partition.find(id);
    const version =
      (resource === undefined ? undefined : this.#versionOf(resource)) ?? numeric(orphan.version);
    this.#publishDeletion(partition, id, NOBODY, version, by, now);
    partition.orphans.delete(id);
  }

  /** A connected source is asked about an orphan: it sends it, or deletes it. Throws `failed_precondition` when it is not there. */
  offerOrphan(partition: Partition, id: string, to: string, now: number): void {
    const core = this.#core;
    const { cluster, dataType } = partition;
    if (!core.sessions.ofSource(to).some((session) => session.takes(dataType, cluster))) {
      throw new CeBrokerError(
        'failed_precondition',
        `orphan ${id} on ${cluster}: source ${to} is not connected, and only it can say what ${id} should be: connect it, then adopt`,
        { field: 'to' },
      );
    }
    askForSpecs(core, to, partition, now, { listed: new Map([[id, 0n]]), fresh: true });
  }

  /** A source is gone for good: a status that names it does not bring it back, until it publishes again. */
  retire(source: string): void {
    this.#core.adoptions.retire(source);
  }

  /** Nothing is left of the partition but, perhaps, its orphans. */
  clear(partition: Partition, now: number): void {
    partition.orphans.clear();
    partition.agentAsked = false;
    partition.asked.clear();
    forgetReconciling(this.#core, partition, now);
  }

  #publishDeletion(
    { cluster, dataType }: { readonly cluster: string; readonly dataType: string },
    id: string,
    source: string,
    version: AttributeValue | undefined,
    by: string,
    now: number,
  ): void {
    const core = this.#core;
    const time = timestampFromMillis(now);
    const attributes: WireAttribute[] = [
      { name: 'ce-time', kind: 'timestamp', value: time },
      { name: 'ce-clustername', kind: 'string', value: cluster },
      { name: 'ce-originalsource', kind: 'string', value: '' },
      { name: 'ce-resourceid', kind: 'string', value: id },
      { name: 'ce-deletiontimestamp', kind: 'timestamp', value: time },
    ];
    if (version !== undefined) attributes.push({ name: 'ce-resourceversion', ...version });
    const type = `${dataType}.spec.delete_request`;
    const event = core.scanner.scanEvent(buildEvent({ id: core.port.newId(), source, type, attributes }));
    publishSpec(core, undefined, event, core.policies.of(dataType), now, by);
  }

  /** As its last spec, or status, has it: agents of different types read different kinds. */
  #versionOf(resource: Resource): AttributeValue | undefined {
    for (const cell of [resource.spec, resource.status]) {
      if (cell === undefined) continue;
      const bytes = readOrDrop(this.#core, cell, cell.stored);
      const version = bytes === undefined ? undefined : decodeEvent(bytes).extensions.get('resourceversion');
      if (version !== undefined) return version;
    }
    return undefined;
  }
}

function numeric(version: bigint): AttributeValue | undefined {
  return version > 0n && version <= INT32_MAX ? { kind: 'integer', value: Number(version) } : undefined;
}
