import type { ResourceView } from '../../state/resource.js';

/**
 * How what is reported stands to what is wanted. `answered`: the newest status answers the newest spec. `no-status`: nothing was
 * reported yet. `behind`: what was reported is of an earlier spec. `unconfirmed`: a deletion waits for its confirmation.
 */
export type Sync = 'answered' | 'no-status' | 'behind' | 'unconfirmed';

/**
 * Undefined: nothing is wanted. A status answers the version that it carries, and all before it; where one of the two has no version
 * (0, the default of Go's clients), it answers what came before it.
 */
export function syncOf({
  earlierVersion,
  newestVersion,
  spec,
  status,
}: Pick<ResourceView, 'earlierVersion' | 'newestVersion' | 'spec' | 'status'>): Sync | undefined {
  if (spec === undefined) return undefined;
  if (spec.deleting) return 'unconfirmed';
  if (status === undefined) return 'no-status';
  if (status.position > spec.position && (spec.version === 0n || status.version === 0n)) return 'answered';
  if (spec.version === 0n || status.version === 0n) return 'behind';
  // A higher version than this life ever had, reported before this life's newest: it is of the life before.
  const ofEarlierLife =
    earlierVersion !== undefined && status.version > newestVersion && status.position < spec.position;
  return status.version >= spec.version && !ofEarlierLife ? 'answered' : 'behind';
}
