import { Partition } from './partition.js';
import type { Resource } from './resource.js';

/** All partitions, by cluster and data type, and by the sources that own something in them. */
export class ResourceTable {
  readonly #byCluster = new Map<string, Map<string, Partition>>();
  readonly #bySource = new Map<string, Set<Partition>>();
  readonly #all = new Set<Partition>();
  /** Resources whose newest spec is a deletion that nobody confirmed yet, oldest first. */
  readonly tombstones = new Set<Resource>();
  /** Resources whose deletion was confirmed, oldest first. */
  readonly graves = new Set<Resource>();
  /** Resources whose newest request is a deletion, oldest first. */
  readonly endedRequests = new Set<Resource>();
  /** Resources that were created again before their deletion was confirmed. */
  readonly farewells = new Set<Resource>();

  find(dataType: string, cluster: string): Partition | undefined {
    return this.#byCluster.get(cluster)?.get(dataType);
  }

  partition(dataType: string, cluster: string): Partition {
    let types = this.#byCluster.get(cluster);
    if (types === undefined) {
      types = new Map();
      this.#byCluster.set(cluster, types);
    }
    let partition = types.get(dataType);
    if (partition === undefined) {
      partition = new Partition(dataType, cluster);
      types.set(dataType, partition);
      this.#all.add(partition);
    }
    return partition;
  }

  /** Partitions of a cluster; `dataType` `""` means all of them. */
  *ofCluster(cluster: string, dataType: string): Iterable<Partition> {
    const types = this.#byCluster.get(cluster);
    if (types === undefined) return;
    if (dataType === '') {
      yield* types.values();
      return;
    }
    const partition = types.get(dataType);
    if (partition !== undefined) yield partition;
  }

  /** Partitions in which a source owns something; `dataType` `""` means all of them. */
  *ofSource(source: string, dataType: string): Iterable<Partition> {
    for (const partition of this.#bySource.get(source) ?? []) {
      if (dataType === '' || partition.dataType === dataType) yield partition;
    }
  }

  /** Every partition; `dataType` `""` means all types. */
  *all(dataType = ''): Iterable<Partition> {
    for (const partition of this.#all) {
      if (dataType === '' || partition.dataType === dataType) yield partition;
    }
  }

  /** Gives the resource to `owner`, or to nobody, and keeps the indexes. */
  setOwner(resource: Resource, owner: string | undefined): void {
    if (resource.owner === owner) return;
    const partition = this.partition(resource.place.dataType, resource.place.cluster);
    const before = resource.owner;
    resource.owner = owner;
    if (before !== undefined) {
      const left = (partition.owned.get(before) ?? 1) - 1;
      if (left > 0) partition.owned.set(before, left);
      else {
        partition.owned.delete(before);
        this.#bySource.get(before)?.delete(partition);
      }
    }
    if (owner === undefined) return;
    partition.orphans.delete(resource.id);
    partition.owned.set(owner, (partition.owned.get(owner) ?? 0) + 1);
    let partitions = this.#bySource.get(owner);
    if (partitions === undefined) {
      partitions = new Set();
      this.#bySource.set(owner, partitions);
    }
    partitions.add(partition);
  }

  /** Forgets the resource itself, once both of its cells are empty. */
  remove(resource: Resource): void {
    this.setOwner(resource, undefined);
    this.tombstones.delete(resource);
    this.graves.delete(resource);
    this.farewells.delete(resource);
    this.endedRequests.delete(resource);
    this.find(resource.place.dataType, resource.place.cluster)?.resources.delete(resource.id);
  }

  /** Forgets a partition in which nothing is and that nobody asks about. */
  dropIfEmpty(partition: Partition): void {
    if (partition.resources.size > 0 || partition.orphans.size > 0) return;
    this.#all.delete(partition);
    const types = this.#byCluster.get(partition.cluster);
    types?.delete(partition.dataType);
    if (types?.size === 0) this.#byCluster.delete(partition.cluster);
  }
}
