import type { Event } from 'ce-broker-proto';

/**
 * What the clients must know of a resource, whatever else it holds (Go: `generic.ResourceObject`, whose three getters are the
 * three properties here).
 */
export interface ResourceObject {
  /** The resource id, unique among the resources of its data type and cluster (Go: `GetUID`). */
  readonly uid: string;
  /** A whole number of 64 bits in decimal; `"0"`: this resource has no versions, and order is by arrival (Go: `GetResourceVersion`). */
  readonly resourceVersion: string;
  /** When its deletion was asked for; absent while it is not deleting (Go: `GetDeletionTimestamp`). A string is RFC 3339; null, which rows of a database hold, is none. */
  readonly deletionTimestamp?: Date | string | null | undefined;
}

/**
 * What a received event means to its receiver (Go: `types.ResourceAction`). An agent gets `added`, `modified` and `deleted`, a
 * source `statusModified`.
 */
export const ResourceAction = Object.freeze({
  /** The lister does not know it; it may be deleting all the same. */
  added: 'ADDED',
  /** It is newer than what the lister has, or neither has a version. */
  modified: 'MODIFIED',
  /** Its deletion is asked for. */
  deleted: 'DELETED',
  /** An agent has reported. */
  statusModified: 'STATUSMODIFIED',
});

/** One of the values of {@link ResourceAction}. */
export type ResourceAction = (typeof ResourceAction)[keyof typeof ResourceAction];

/** What a handler can know beside the resource. */
export interface HandlerContext {
  /** The event as it came, every attribute in its exact kind. */
  readonly event: Event;
  /** Aborted when the client closes: give up what takes long. */
  readonly signal: AbortSignal;
}

/**
 * Called for each received resource (Go: `generic.ResourceHandler`). Events of one resource come one after the other, in the
 * order of the wire: the next one waits until the promise settles. Other resources go on meanwhile. What it throws is reported
 * (`status()`, the logger), and the next handler still runs; nothing is retried.
 */
export type ResourceHandler<T extends ResourceObject> = (
  action: ResourceAction,
  resource: T,
  context: HandlerContext,
) => void | Promise<void>;

/** Whether its deletion was asked for. */
export function isDeleting(resource: ResourceObject): boolean {
  const at = resource.deletionTimestamp;
  return at !== undefined && at !== null && at !== '';
}
