import type { AuthenticatorChain } from '../access/authenticator.js';
import type { BrokerCore } from '../core/index.js';
import type { Clock } from './clock.js';
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
  const [{ AdminServer }, { Metrics }, { SessionRows }, { StateRows }] = await Promise.all([
    import('./admin.js'),
    import('./metrics.js'),
    import('./session-rows.js'),
    import('./state-rows.js'),
  ]);
  const status = () => broker.status();
  const admin = new AdminServer({
    status,
    metrics: new Metrics({ status, view: core.view, traffic }),
    sessions: new SessionRows(core.view, clock),
    rows: new StateRows(core.view, clock),
    isKnown: (authorization) => chain.knowsToken(authorization),
    onFault,
  });
  broker.accompany(admin);
  broker.useAdmin(await admin.listen(resolved.admin));
}
