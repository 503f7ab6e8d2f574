import { CeBrokerError, parseInt64 } from 'ce-broker-proto';
import { isDeleting, ResourceAction, type ResourceObject } from '../generic/resource.js';

/**
 * What a received spec means beside what the agent holds (Go: `specAction`); undefined: nothing new. Throws `invalid_argument` for a
 * version that is no whole number of 64 bits.
 */
export function specAction(
  received: ResourceObject,
  held: ResourceObject | undefined,
): ResourceAction | undefined {
  if (held === undefined) return ResourceAction.added;
  if (isDeleting(received)) return ResourceAction.deleted;
  if (received.resourceVersion === '0' && held.resourceVersion === '0') return ResourceAction.modified;
  return versionOf(received) > versionOf(held) ? ResourceAction.modified : undefined;
}

/** The version as a number. Throws `invalid_argument` that names the resource. */
export function versionOf({ uid, resourceVersion }: ResourceObject): bigint {
  const version = parseInt64(resourceVersion);
  if (version !== undefined) return version;
  throw new CeBrokerError(
    'invalid_argument',
    `resource ${uid}: the version ${JSON.stringify(resourceVersion)} is no whole number of 64 bits`,
    { field: 'resourceVersion' },
  );
}
