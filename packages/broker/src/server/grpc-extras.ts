import { dirname } from 'node:path';
import type { Server, UntypedHandleCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import { addLazyReflection } from './lazy-reflection.js';

const SERVICES = ['', 'io.cloudevents.v1.CloudEventService', 'ce_broker.v1.Broker'] as const;

/** An open Watch call of the health service. */
interface Watcher {
  end(): void;
  once(event: 'close' | 'cancelled', done: () => void): unknown;
}

/** gRPC health and reflection, to be added to a server of ours. */
export interface GrpcExtras {
  addTo(server: Server): void;
  /** Health of the broker and of its services: NOT_SERVING while it drains. */
  setServing(serving: boolean): void;
}

/** Loads the health service; reflection loads itself with the first question. */
export async function loadGrpcExtras(): Promise<GrpcExtras> {
  const health = await import('grpc-health-check');
  const healthProtos = dirname(dirname(dirname(health.protoPath)));
  const healthService = new health.HealthImplementation(
    Object.fromEntries(SERVICES.map((service) => [service, 'SERVING'])),
  );
  const watchers = new Set<Watcher>();
  return {
    addTo(server) {
      healthService.addToServer({
        addService: (service, implementation) =>
          server.addService(service, endable(implementation, watchers)),
      });
      addLazyReflection(server, healthProtos);
    },
    setServing(serving) {
      for (const service of SERVICES) healthService.setStatus(service, serving ? 'SERVING' : 'NOT_SERVING');
      // Whoever watches has been told; an open watch would hold its connection.
      if (!serving) for (const watcher of watchers) watcher.end();
    },
  };
}

/** Keeps the Watch calls, so that they can be ended: the health service itself never does. */
function endable(
  implementation: UntypedServiceImplementation,
  watchers: Set<Watcher>,
): UntypedServiceImplementation {
  const { watch } = implementation;
  if (watch === undefined) return implementation;
  const kept = (call: Watcher): void => {
    watchers.add(call);
    for (const event of ['close', 'cancelled'] as const) call.once(event, () => watchers.delete(call));
    Reflect.apply(watch, undefined, [call]);
  };
  return { ...implementation, watch: kept as UntypedHandleCall };
}
