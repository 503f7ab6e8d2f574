import type { CloudEventsDataType } from 'ce-broker-proto';
import type { ResourceObject } from './resource.js';

/** Every cluster, as a source's target of `resync` (Go: `types.ClusterAll`). */
export const CLUSTER_ALL = '';
/** Every source, as an agent's target of `resync` (Go: `types.SourceAll`). */
export const SOURCE_ALL = '';

/** Which resources are asked for (Go: `types.ListOptions`). */
export interface ListOptions {
  /** Only of this cluster; empty means every cluster. */
  readonly clusterName: string;
  /** Only of this source; empty means every source. */
  readonly source: string;
  readonly dataType: CloudEventsDataType;
}

/**
 * Gives the resources that the caller holds (Go: `generic.Lister`). Asked at each resync, at each answer to one, and, by an agent
 * and where there is no `get`, for each received spec; nothing is cached. What it throws, or rejects with, ends what asked.
 */
export interface Lister<T extends ResourceObject> {
  /** All of that cluster, source and data type: to who asks, what is not in the list is not there. */
  list(options: ListOptions): Iterable<T> | Promise<Iterable<T>>;
  /**
   * The one resource with this id, or undefined: what `list` would give, found without listing. Beyond Go, and optional; without it
   * an agent with many resources pays a whole list for each event.
   */
  get?(uid: string, options: ListOptions): T | undefined | Promise<T | undefined>;
}

/**
 * The hash of a resource's status (Go: `generic.StatusHashGetter`). In a `resync` what it throws rejects the call; in the answer to a
 * resync request the resource is left out.
 */
export type StatusHashGetter<T extends ResourceObject> = (resource: T) => string;
