import type { AuthenticatorChain } from '../access/authenticator.js';
import type { BrokerCore } from '../core/index.js';
import type { Clock } from './clock.js';
import { BrokerHolds } from './holds.js';
import type { ResolvedOptions } from './options.js';
import type { RunningBroker } from './running-broker.js';
import type { Traffic } from './traffic.js';

export interface AdminAround {
  readonly resolved: ResolvedOptions;
  readonly core: BrokerCore;
  readonly clock: Clock;
  readonly traffic: Traffic;
  readonly chain: AuthenticatorChain;
  readonly onFault: (error: unknown) => void;
}

/** Opens the admin port, where the options name one; what it needs is loaded only then. */
export async function startAdmin(broker: RunningBroker, around: AdminAround): Promise<void> {
  const { resolved, core, clock, traffic, chain, onFault } = around;
  if (resolved.admin === false) return;
  const [
    { AdminServer },
    { Audit },
    { auditRoutes },
    { backupRoutes },
    { exportRoutes },
    { custodyRoutes },
    { BrokerCustody },
    { explainRoutes },
    { holdsRoutes },
    { plainRoutes },
    { stateRoutes },
    { Metrics },
    { SessionRows },
    { StateRows },
    { StuckRows },
    { StuckWalk },
  ] = await Promise.all([
    import('./admin/admin-server.js'),
    import('./admin/audit.js'),
    import('./admin/audit-routes.js'),
    import('./admin/backup-routes.js'),
    import('./admin/export-routes.js'),
    import('./admin/custody-routes.js'),
    import('./custody.js'),
    import('./admin/explain-routes.js'),
    import('./admin/holds-routes.js'),
    import('./admin/plain-routes.js'),
    import('./admin/state-routes.js'),
    import('./metrics.js'),
    import('./admin/session-rows.js'),
    import('./admin/state-rows.js'),
    import('./admin/stuck-rows.js'),
    import('./stuck-walk.js'),
  ]);
  const status = () => broker.status();
  const audit = new Audit(core.view.store, clock);
  const rows = new StateRows(core.view, clock);
  const stuck = new StuckRows(core.view, clock, rows);
  const walk = new StuckWalk((filter) => stuck.rows(filter), clock, { onFault });
  const metrics = new Metrics({ status, view: core.view, traffic, clock, walk });
  const admin = new AdminServer({
    // Whoever adds something that operators read or change adds its routes here.
    routes: [
      ...plainRoutes(status, metrics),
      ...stateRoutes(rows, new SessionRows(core.view, clock)),
      ...explainRoutes(core.view, rows, stuck),
      ...auditRoutes(audit),
      ...backupRoutes(core.view.store),
      ...exportRoutes(core, clock),
      ...custodyRoutes(new BrokerCustody(core, clock)),
      ...holdsRoutes(new BrokerHolds(core, clock, resolved.publishTimeoutMs)),
    ],
    audit,
    saved: () => new Promise((resolve) => core.whenHoldsSaved(resolve)),
    identityOf: (authorization) => chain.ofToken(authorization),
    onFault,
    onClose: () => metrics.close(),
  });
  broker.accompany(admin);
  broker.useAdmin(await admin.listen(resolved.admin));
}
