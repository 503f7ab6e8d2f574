import type { Audit } from './audit.js';
import type { AdminRoute } from './route.js';

/** Who changed what by hand. */
export function auditRoutes(audit: Audit): readonly AdminRoute[] {
  return [
    { method: 'GET', path: '/audit', who: 'trusted', query: [], answer: () => ({ rows: audit.rows() }) },
  ];
}
