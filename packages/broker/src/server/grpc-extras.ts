import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Server } from '@grpc/grpc-js';

const EVENTS = 'io.cloudevents.v1.CloudEventService';

/** gRPC health and reflection, to be added to a server of ours. */
export interface GrpcExtras {
  addTo(server: Server): void;
  /** Health of the broker and of its service: NOT_SERVING while it drains. */
  setServing(serving: boolean): void;
}

/** Loads health and reflection; they take time to load, so nobody does it before a server wants them. */
export async function loadGrpcExtras(): Promise<GrpcExtras> {
  const [health, reflection, loader] = await Promise.all([
    import('grpc-health-check'),
    import('@grpc/reflection'),
    import('@grpc/proto-loader'),
  ]);
  const require = createRequire(import.meta.url);
  const ownProtos = dirname(fileURLToPath(import.meta.resolve('ce-broker-proto/package.json')));
  const reflectionProtos = join(dirname(require.resolve('@grpc/reflection')), '..', 'proto');
  const healthProtos = dirname(dirname(dirname(health.protoPath)));
  const described = loader.loadSync(
    [
      'io/cloudevents/v1/cloudevents.proto',
      'health/v1/health.proto',
      'grpc/reflection/v1/reflection.proto',
      'grpc/reflection/v1alpha/reflection.proto',
    ],
    {
      includeDirs: [ownProtos, healthProtos, reflectionProtos],
      keepCase: true,
      longs: String,
      enums: String,
    },
  );
  const reflectionService = new reflection.ReflectionService(described);
  const healthService = new health.HealthImplementation({ '': 'SERVING', [EVENTS]: 'SERVING' });
  return {
    addTo(server) {
      healthService.addToServer(server);
      reflectionService.addToServer(server);
    },
    setServing(serving) {
      for (const service of ['', EVENTS])
        healthService.setStatus(service, serving ? 'SERVING' : 'NOT_SERVING');
    },
  };
}
