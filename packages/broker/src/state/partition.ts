import type { Asked, Place } from './place.js';
import { Resource, type ResourceView } from './resource.js';

/** What an agent listed and nobody owns. */
export interface Orphan {
  readonly version: bigint;
  readonly since: number;
}

/** Where resources are that are not in memory. */
export interface ColdResources {
  load(partition: Partition, id: string): Resource | undefined;
  /** What the store has of the partition beside those of `skip`, each loaded for the moment. */
  scan(partition: Partition, skip: ReadonlySet<string>): Iterable<Resource>;
  /** One of those stays. */
  adopt(partition: Partition, resource: Resource): void;
}

/** All resources of one data type on one cluster: the unit of routing and of resync. */
export class Partition implements Place {
  readonly dataType: string;
  readonly cluster: string;
  readonly keep: Place['keep'];
  readonly orphans = new Map<string, Orphan>();
  /** Resources of which what was known is damaged, also whose they are; until that is known again. */
  readonly damaged = new Set<string>();
  /** An agent asked for specs here since the broker started: sources that connect later are asked in its place. */
  agentAsked = false;
  readonly asked = new Map<string, Asked>();
  /** How many resources here are known, in memory or not. */
  size = 0;
  /** How many resources here hold a request of an agent. */
  requests = 0;
  /** How many resources each source owns here. */
  readonly owned = new Map<string, number>();
  /** Its number in the store; 0: the store does not know it. */
  number = 0;
  revision = 0;
  storedRevision = -1;
  /** Whoever goes through the resources over several turns is told of one before its spec changes, and of one that has changed. */
  readonly beforeChange = new Set<(resource: Resource) => void>();
  readonly afterChange = new Set<(resource: Resource) => void>();
  /** Those in memory. */
  readonly hot = new Map<string, Resource>();
  readonly #cold: ColdResources | undefined;

  /** @param cold where the rest is; undefined: all are in memory */
  constructor(dataType: string, cluster: string, keep: Place['keep'] = 'latest', cold?: ColdResources) {
    this.dataType = dataType;
    this.cluster = cluster;
    this.keep = keep;
    this.#cold = cold;
  }

  /** The resource of that id, when anything is known of it. The object is the one of its kind as long as anybody holds it. */
  find(id: string): Resource | undefined {
    const resource = this.hot.get(id) ?? this.#load(id);
    if (resource === undefined || resource.isBlank) return undefined;
    resource.usedIn = 0;
    return resource;
  }

  /** The resource of that id to read, when anything is known of it: it does not come into memory for that. */
  peek(id: string): ResourceView | undefined {
    const hot = this.hot.get(id);
    if (hot !== undefined) return hot.isBlank ? undefined : hot;
    return this.number === 0 ? undefined : this.#cold?.load(this, id);
  }

  /** The resource of that id, made when it is new. */
  resource(id: string): Resource {
    let resource = this.hot.get(id) ?? this.#load(id);
    if (resource === undefined) {
      resource = new Resource(this, id);
      this.hot.set(id, resource);
    }
    resource.usedIn = 0;
    return resource;
  }

  /**
   * Every resource here, to read: those in memory first. It may be walked over several turns, while things change: what was here from
   * beginning to end comes exactly once.
   */
  *views(): Iterable<ResourceView> {
    const cold = this.number === 0 ? undefined : this.#cold;
    const seen = new Set<string>();
    for (const resource of this.hot.values()) {
      if (cold !== undefined) {
        // It left memory meanwhile, and is back.
        if (seen.has(resource.id)) continue;
        seen.add(resource.id);
      }
      if (!resource.isBlank) yield resource;
    }
    if (cold === undefined) return;
    for (const resource of cold.scan(this, seen)) {
      const now = this.hot.get(resource.id) ?? resource;
      if (!now.isBlank) yield now;
    }
  }

  /** The resource that was just seen, to change or to keep: in the same turn. */
  hold(view: ResourceView): Resource {
    const hot = this.hot.get(view.id);
    if (hot !== undefined) {
      hot.usedIn = 0;
      return hot;
    }
    const resource = view as Resource;
    this.#cold?.adopt(this, resource);
    return resource;
  }

  #load(id: string): Resource | undefined {
    if (this.#cold === undefined || this.number === 0) return undefined;
    const resource = this.#cold.load(this, id);
    if (resource !== undefined) this.#cold.adopt(this, resource);
    return resource;
  }
}
