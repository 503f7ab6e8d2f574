import type { Asked, Place } from './place.js';
import { Resource } from './resource.js';

/** What an agent listed and nobody owns. */
export interface Orphan {
  readonly version: bigint;
  readonly since: number;
}

/** All resources of one data type on one cluster: the unit of routing and of resync. */
export class Partition implements Place {
  readonly dataType: string;
  readonly cluster: string;
  readonly resources = new Map<string, Resource>();
  readonly orphans = new Map<string, Orphan>();
  /** An agent asked for specs here since the broker started: sources that connect later are asked in its place. */
  agentAsked = false;
  readonly asked = new Map<string, Asked>();
  /** How many resources here hold a request of an agent. */
  requests = 0;
  /** How many resources each source owns here. */
  readonly owned = new Map<string, number>();

  constructor(dataType: string, cluster: string) {
    this.dataType = dataType;
    this.cluster = cluster;
  }

  /** The resource of that id, made when it is new. */
  resource(id: string): Resource {
    let resource = this.resources.get(id);
    if (resource === undefined) {
      resource = new Resource(this, id);
      this.resources.set(id, resource);
    }
    return resource;
  }
}
