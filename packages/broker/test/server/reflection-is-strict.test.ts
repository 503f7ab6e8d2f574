import { create, createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Client, credentials } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { reflectionMethod } from './support/proto-method.js';
import { Running } from './support/running.js';

interface Answer {
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] } | null;
}

/** Asks for the file that holds a symbol; the answer has all files that it needs. */
async function filesOf(running: Running, symbol: string): Promise<readonly Buffer[]> {
  const client = new Client(`127.0.0.1:${running.port}`, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = reflectionMethod('v1');
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const answer = new Promise<Answer>((resolve, reject) => {
    call.once('data', (data: Answer) => resolve(data));
    call.once('error', reject);
  });
  call.write({ file_containing_symbol: symbol });
  const files = (await answer).file_descriptor_response?.file_descriptor_proto ?? [];
  call.end();
  client.close();
  return files;
}

for (const [service, mapField] of [
  ['io.cloudevents.v1.CloudEventService', 'io.cloudevents.v1.CloudEvent.AttributesEntry'],
  ['grpc.health.v1.Health', 'grpc.health.v1.HealthListResponse.StatusesEntry'],
] as const) {
  it(`the files of ${service} stand by themselves: imports named, map entries named as protoc does`, async () => {
    await using running = await Running.start();
    const file = (await filesOf(running, service)).map((bytes) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );
    const names = new Set(file.map(({ name }) => name));
    for (const { dependency } of file) expect([...names]).toEqual(expect.arrayContaining(dependency));
    // The first file needs all the others, and these need none.
    const needed = file.map((one) => one.dependency.length).reduce((all, count) => all + count, 0);
    expect(needed).toBe(file.length - 1);
    const set = create(FileDescriptorSetSchema, { file: [...file].reverse() });
    expect(createFileRegistry(set).getService(service)?.methods.length).toBeGreaterThan(0);
    const entries = file.flatMap(({ messageType, package: scope }) =>
      messageType.flatMap(({ name, nestedType }) =>
        nestedType.map((nested) => `${scope}.${name}.${nested.name}`),
      ),
    );
    expect(entries).toContain(mapField);
  });
}
