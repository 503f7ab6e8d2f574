import type { Envelope } from '../wire/envelope.js';
import type { DataTypePolicy } from './data-type-policy.js';
import type { Identity } from './identity.js';

/**
 * Which way an event goes. A Publish does not say who sends it, and the subresource alone does not tell, so this is
 * decided in one place: the identity's role, then the policy of the data type, then the subresource.
 */
export type Direction =
  | 'spec-to-agents'
  | 'spec-to-sources'
  | 'status-to-source'
  | 'spec-resync'
  | 'status-resync'
  | 'undecidable';

export function directionOf(event: Envelope, policy: DataTypePolicy, identity: Identity): Direction {
  const { subResource, action } = event.type;
  if (action === 'resync_request') return subResource === 'spec' ? 'spec-resync' : 'status-resync';
  if (subResource === 'status') return 'status-to-source';
  if (identity.role !== undefined) return identity.role === 'agent' ? 'spec-to-sources' : 'spec-to-agents';
  if (policy.writer === 'ambiguous') return 'undecidable';
  return policy.writer === 'agent' ? 'spec-to-sources' : 'spec-to-agents';
}
