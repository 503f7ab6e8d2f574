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
  /** Nothing has changed since it was loaded. */
  isAsStored(resource: Resource): boolean;
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
  readonly #hot = new Map<string, Resource>();
  readonly #cold: ColdResources | undefined;

  /** @param cold where the rest is; undefined: all are in memory */
  constructor(dataType: string, cluster: string, keep: Place['keep'] = 'latest', cold?: ColdResources) {
    this.dataType = dataType;
    this.cluster = cluster;
    this.keep = keep;
    this.#cold = cold;
  }

  /** Those in memory. */
  get hot(): ReadonlyMap<string, Resource> {
    return this.#hot;
  }

  /** From now on it is the one of its kind. */
  take(resource: Resource): void {
    resource.inMemory = true;
    this.#hot.set(resource.id, resource);
  }

  /** It leaves memory: whoever still has it may not change it. */
  letGo(resource: Resource): void {
    resource.inMemory = false;
    if (this.#hot.get(resource.id) === resource) this.#hot.delete(resource.id);
  }

  /** The resource of that id, when anything is known of it. The object is the one of its kind as long as anybody holds it. */
  find(id: string): Resource | undefined {
    const hot = this.#hot.get(id);
    if (hot === undefined) return this.#load(id);
    hot.usedIn = 0;
    return hot.isBlank ? undefined : hot;
  }

  /** The resource of that id to read, when anything is known of it: it does not come into memory for that. */
  peek(id: string): ResourceView | undefined {
    const hot = this.#hot.get(id);
    if (hot !== undefined) return hot.isBlank ? undefined : hot;
    return this.number === 0 ? undefined : this.#cold?.load(this, id);
  }

  /** The resource of that id, made when it is new. */
  resource(id: string): Resource {
    const hot = this.#hot.get(id);
    if (hot !== undefined) {
      hot.usedIn = 0;
      return hot;
    }
    const loaded = this.#load(id);
    if (loaded !== undefined) return loaded;
    const resource = new Resource(this, id);
    if (this.#cold === undefined) this.take(resource);
    else this.#cold.adopt(this, resource);
    return resource;
  }

  /**
   * Every resource here, to read: those in memory first. It may be walked over several turns, while things change: what was here from
   * beginning to end comes exactly once.
   */
  *views(): Iterable<ResourceView> {
    const cold = this.number === 0 ? undefined : this.#cold;
    const seen = new Set<string>();
    for (const resource of this.#hot.values()) {
      if (cold !== undefined) {
        // It left memory meanwhile, and is back.
        if (seen.has(resource.id)) continue;
        seen.add(resource.id);
      }
      if (!resource.isBlank) yield resource;
    }
    if (cold === undefined) return;
    for (const resource of cold.scan(this, seen)) {
      const now = this.#hot.get(resource.id) ?? resource;
      if (!now.isBlank) yield now;
    }
  }

  /** The resource that was seen, to change or to keep. It is as it is now: what has changed since it was seen is loaded again. */
  hold(view: ResourceView): Resource {
    const hot = this.#hot.get(view.id);
    if (hot !== undefined) {
      hot.usedIn = 0;
      return hot;
    }
    const seen = view as Resource;
    if (this.#cold === undefined || !this.#cold.isAsStored(seen)) return this.resource(view.id);
    this.#cold.adopt(this, seen);
    return seen;
  }

  #load(id: string): Resource | undefined {
    if (this.#cold === undefined || this.number === 0) return undefined;
    const resource = this.#cold.load(this, id);
    if (resource !== undefined) this.#cold.adopt(this, resource);
    return resource;
  }
}
