import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { loadSync } from '@grpc/proto-loader';

export interface ProtoMethod {
  readonly path: string;
  readonly requestSerialize: (value: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

/** A method of a service in a proto file, with what encodes and decodes its messages. */
export function protoMethod(file: string, service: string, name: string): ProtoMethod {
  const options = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };
  const definition = loadSync(file, options)[service] as unknown as Record<string, ProtoMethod>;
  const found = definition[name];
  if (found === undefined) throw new Error(`no ${service}.${name} in ${file}`);
  return found;
}

export function reflectionMethod(version: string): ProtoMethod {
  const require = createRequire(import.meta.url);
  const protos = join(dirname(require.resolve('@grpc/reflection')), '..', 'proto');
  const file = join(protos, 'grpc', 'reflection', version, 'reflection.proto');
  return protoMethod(file, `grpc.reflection.${version}.ServerReflection`, 'ServerReflectionInfo');
}
