import { CeBrokerError } from 'ce-broker-proto';
import type { EventStore, StoredPartition, StoreTable } from './event-store.js';
import { Partition } from './partition.js';
import type { Place } from './place.js';
import { MOST_AT_REST, Residents } from './residents.js';
import { Resource } from './resource.js';
import { restoreResource } from './resource-codec.js';
import { SharedStrings } from './shared-strings.js';

/** Counts of changes begin anew above it. */
const MOST_CHANGES = 0x3fff_ffff;

/** All partitions, by cluster and data type, and by the sources that own something in them. */
export class ResourceTable implements StoreTable {
  readonly #byCluster = new Map<string, Map<string, Partition>>();
  readonly #bySource = new Map<string, Set<Partition>>();
  readonly #all = new Set<Partition>();
  readonly #store: EventStore;
  readonly #keepOf: (dataType: string) => Place['keep'];
  readonly #dataTypes: SharedStrings;
  /** How often something has changed. */
  #changes = 0;
  /** Which of those that the store has are in memory. */
  readonly residents: Residents;
  /** Resources whose newest spec is a deletion that nobody confirmed yet. */
  readonly tombstones = new Set<Resource>();
  /** Resources whose deletion was confirmed. */
  readonly graves = new Set<Resource>();
  /** Resources whose newest request is a deletion. */
  readonly endedRequests = new Set<Resource>();
  /** Resources that were created again before their deletion was confirmed. */
  readonly farewells = new Set<Resource>();

  /**
   * @param keepOf what the policy of a data type says
   * @param mostAtRest resources that stay in memory although they are in the store and nobody holds them
   * @param dataTypes the strings that sessions compare theirs with
   */
  constructor(
    store: EventStore,
    keepOf: (dataType: string) => Place['keep'] = () => 'durable',
    mostAtRest = MOST_AT_REST,
    dataTypes = new SharedStrings(),
  ) {
    this.#dataTypes = dataTypes;
    this.#store = store;
    this.#keepOf = keepOf;
    this.residents = new Residents(store, mostAtRest);
  }

  find(dataType: string, cluster: string): Partition | undefined {
    return this.#byCluster.get(cluster)?.get(dataType);
  }

  partition(dataType: string, cluster: string): Partition {
    return this.find(dataType, cluster) ?? this.#make(dataType, cluster);
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

  /** Gives the resource to `owner`, or to nobody, and keeps the indexes. Say `changed` afterwards. */
  setOwner(resource: Resource, owner: string | undefined): void {
    if (resource.owner === owner) return;
    const partition = this.#partitionOf(resource);
    const before = resource.owner;
    resource.owner = owner;
    if (before !== undefined) this.#own(partition, before, -1);
    if (owner === undefined) return;
    partition.orphans.delete(resource.id);
    partition.damaged.delete(resource.id);
    this.#own(partition, owner, 1);
  }

  /**
   * Something about the resource is different now: counts and indexes follow, and the store hears of it. Throws when it is not the one of
   * its kind: what is known of it may be older than what others were told, and must not take its place.
   */
  changed(resource: Resource): void {
    const partition = this.#partitionOf(resource);
    if (!resource.inMemory && partition.number > 0) throw hasLeft(resource);
    this.#changes = (this.#changes + 1) & MOST_CHANGES;
    this.#count(resource);
    this.#index(resource);
    if (partition.keep === 'durable') this.#store.changed(resource, partition);
    // One that a store has stays until the store has forgotten it too.
    if (partition.number === 0 && resource.isBlank) partition.letGo(resource);
    if (partition.afterChange.size > 0) for (const hear of partition.afterChange) hear(resource);
  }

  /** The resource is again what the store has of it; undefined: the store has nothing. */
  restore(resource: Resource, record: Uint8Array | undefined): void {
    this.#changes = (this.#changes + 1) & MOST_CHANGES;
    const owner = resource.owner;
    restoreResource(resource, record);
    const restored = resource.owner;
    resource.owner = owner;
    this.setOwner(resource, restored);
    this.#count(resource);
    this.#index(resource);
    const partition = this.#partitionOf(resource);
    if (resource.isBlank) partition.letGo(resource);
    if (partition.afterChange.size > 0) for (const hear of partition.afterChange) hear(resource);
  }

  addPartition({ cluster, dataType, number, owned, requests, size }: StoredPartition): Partition | undefined {
    if (this.#keepOf(dataType) !== 'durable') return undefined;
    const partition = this.partition(dataType, cluster);
    partition.number = number;
    partition.size = size;
    partition.requests = requests;
    for (const [source, count] of owned) this.#own(partition, source, count);
    partition.storedRevision = partition.revision;
    return partition;
  }

  addResource({ cluster, dataType }: Place, id: string, record: Uint8Array): Resource {
    const partition = this.partition(dataType, cluster);
    const resource = this.#restored(partition, id, record);
    this.#keepHot(partition, resource);
    return resource;
  }

  /**
   * Resources leave memory that the store has and that nobody holds.
   * @param isHeld whether somebody outside of the table holds it
   */
  sweep(isHeld: (resource: Resource) => boolean): void {
    this.residents.sweep(this.#all, isHeld);
  }

  /** Forgets a partition in which nothing is and that nobody asks about. */
  dropIfEmpty(partition: Partition): void {
    if (partition.size > 0 || partition.orphans.size > 0 || partition.hot.size > 0) return;
    this.#all.delete(partition);
    const types = this.#byCluster.get(partition.cluster);
    types?.delete(partition.dataType);
    if (types?.size === 0) this.#byCluster.delete(partition.cluster);
    this.#store.dropPartition(partition);
  }

  readonly #cold = {
    load: (partition: Partition, id: string): Resource | undefined => {
      const record = this.#store.load(partition, id);
      return record === undefined ? undefined : this.#restored(partition, id, record);
    },
    scan: (partition: Partition, skip: ReadonlySet<string>): Iterable<Resource> =>
      this.#scan(partition, skip),
    isAsStored: (resource: Resource): boolean => resource.seenAt === this.#changes,
    adopt: (partition: Partition, resource: Resource): void => this.#keepHot(partition, resource),
  };

  *#scan(partition: Partition, skip: ReadonlySet<string>): Iterable<Resource> {
    for (const [id, record] of this.#store.scan(partition, skip)) yield this.#restored(partition, id, record);
  }

  /** A resource as it comes out of the store: its partition has counted it already. */
  #restored(partition: Partition, id: string, record: Uint8Array | undefined): Resource {
    const resource = new Resource(partition, id);
    resource.seenAt = this.#changes;
    restoreResource(resource, record);
    resource.mayBeInEnds = resource.endsByItself;
    resource.counted = !resource.isBlank;
    resource.countedRequest = resource.request !== undefined;
    return resource;
  }

  /** What was loaded stays in memory; those with an end ahead are found without a walk over all. */
  #keepHot(partition: Partition, resource: Resource): void {
    partition.take(resource);
    this.#index(resource);
    this.residents.came(resource);
  }

  #make(name: string, cluster: string): Partition {
    const dataType = this.#dataTypes.of(name);
    const keep = this.#keepOf(dataType);
    const partition = new Partition(dataType, cluster, keep, keep === 'durable' ? this.#cold : undefined);
    let types = this.#byCluster.get(cluster);
    if (types === undefined) {
      types = new Map();
      this.#byCluster.set(cluster, types);
    }
    types.set(dataType, partition);
    this.#all.add(partition);
    return partition;
  }

  #own(partition: Partition, source: string, by: number): void {
    const count = (partition.owned.get(source) ?? 0) + by;
    partition.revision += 1;
    if (count > 0) {
      partition.owned.set(source, count);
      this.#partitionsOf(source).add(partition);
      return;
    }
    partition.owned.delete(source);
    const partitions = this.#bySource.get(source);
    partitions?.delete(partition);
    if (partitions?.size === 0) this.#bySource.delete(source);
  }

  #partitionsOf(source: string): Set<Partition> {
    let partitions = this.#bySource.get(source);
    if (partitions === undefined) {
      partitions = new Set();
      this.#bySource.set(source, partitions);
    }
    return partitions;
  }

  #count(resource: Resource): void {
    const partition = this.#partitionOf(resource);
    const counted = !resource.isBlank;
    if (counted !== resource.counted) {
      resource.counted = counted;
      partition.size += counted ? 1 : -1;
      partition.revision += 1;
      if (!counted) this.setOwner(resource, undefined);
    }
    const countedRequest = resource.request !== undefined;
    if (countedRequest === resource.countedRequest) return;
    resource.countedRequest = countedRequest;
    partition.requests += countedRequest ? 1 : -1;
    partition.revision += 1;
  }

  #index(resource: Resource): void {
    keepIn(this.tombstones, resource, resource.tombstone !== undefined);
    keepIn(this.graves, resource, resource.grave !== undefined);
    keepIn(this.farewells, resource, resource.farewell !== undefined);
    keepIn(this.endedRequests, resource, resource.request?.deleting === true);
  }

  #partitionOf({ place }: Resource): Partition {
    return this.partition(place.dataType, place.cluster);
  }
}

function keepIn(set: Set<Resource>, resource: Resource, wanted: boolean): void {
  if (wanted) set.add(resource);
  else if (set.size > 0) set.delete(resource);
}

function hasLeft({ id, place: { cluster, dataType } }: Resource): CeBrokerError {
  return new CeBrokerError(
    'internal',
    `resource ${id} of ${dataType} on cluster ${cluster} is to be changed as it was before it left memory: a defect of the broker`,
  );
}
