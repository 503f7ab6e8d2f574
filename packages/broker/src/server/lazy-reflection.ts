import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { handleBidiStreamingCall, Server, UntypedServiceImplementation } from '@grpc/grpc-js';
import { completeDescriptors } from './complete-descriptors.js';

type Handler = handleBidiStreamingCall<object, object>;

/** The one method of a reflection service, as @grpc/reflection makes it. */
interface Method {
  readonly handler: Handler;
  readonly serialize: (answer: object) => Buffer;
  readonly deserialize: (question: Buffer) => object;
}

const VERSIONS = ['v1', 'v1alpha'] as const;

/**
 * gRPC reflection of our services, of health and of itself. Reading the proto files and indexing them takes a tenth of a second, and
 * few ever ask: it happens with the first question, and a start need not wait for it.
 *
 * @param healthProtos folder of the health service's proto files
 */
export function addLazyReflection(server: Server, healthProtos: string): void {
  let loaded: ReadonlyMap<string, Method> | undefined;
  for (const version of VERSIONS) {
    const service = `grpc.reflection.${version}.ServerReflection`;
    const method = (): Method => {
      loaded ??= loadReflection(healthProtos);
      const found = loaded.get(service);
      if (found === undefined) throw new Error(`@grpc/reflection does not serve ${service}`);
      return found;
    };
    server.register<object, object>(
      `/${service}/ServerReflectionInfo`,
      ((call) => method().handler(call)) as Handler,
      (answer) => method().serialize(answer),
      (question) => method().deserialize(question),
      'bidi',
    );
  }
}

/** Loaded by `require`, because a call that has come in waits for it. */
function loadReflection(healthProtos: string): ReadonlyMap<string, Method> {
  const require = createRequire(import.meta.url);
  const reflection = require('@grpc/reflection') as typeof import('@grpc/reflection');
  const loader = require('@grpc/proto-loader') as typeof import('@grpc/proto-loader');
  const ownProtos = dirname(require.resolve('ce-broker-proto/package.json'));
  const reflectionProtos = join(dirname(require.resolve('@grpc/reflection')), '..', 'proto');
  const described = loader.loadSync(
    [
      'io/cloudevents/v1/cloudevents.proto',
      'ce_broker/v1/broker.proto',
      'health/v1/health.proto',
      ...VERSIONS.map((version) => `grpc/reflection/${version}/reflection.proto`),
    ],
    {
      includeDirs: [ownProtos, healthProtos, reflectionProtos],
      keepCase: true,
      longs: String,
      enums: String,
    },
  );
  const methods = new Map<string, Method>();
  new reflection.ReflectionService(completeDescriptors(described)).addToServer({
    addService(definition, implementation: UntypedServiceImplementation) {
      for (const [name, { path, requestDeserialize, responseSerialize }] of Object.entries(definition)) {
        methods.set(path.slice(1, path.lastIndexOf('/')), {
          handler: implementation[name] as Handler,
          serialize: responseSerialize,
          deserialize: requestDeserialize,
        });
      }
    },
  });
  return methods;
}
