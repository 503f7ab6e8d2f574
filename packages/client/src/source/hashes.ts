import { setImmediate as turn } from 'node:timers/promises';
import type { ResourceStatusHash } from 'ce-broker-proto';
import type { StatusHashGetter } from '../generic/lister.js';
import type { ResourceObject } from '../generic/resource.js';

/** How long the process may be kept from everything else. */
const SLICE_MS = 10;

/** The hash of each status, in slices with turns of the event loop between; `alive` throws what ends it. */
export async function statusHashes<T extends ResourceObject>(
  resources: readonly T[],
  hashOf: StatusHashGetter<T>,
  alive: () => void,
): Promise<ResourceStatusHash[]> {
  const hashes: ResourceStatusHash[] = [];
  let begun = performance.now();
  for (const resource of resources) {
    hashes.push({ resourceId: resource.uid, statusHash: hashOf(resource) });
    if (performance.now() - begun < SLICE_MS) continue;
    await turn();
    alive();
    begun = performance.now();
  }
  return hashes;
}
