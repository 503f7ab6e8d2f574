import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Client, credentials } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { frame } from '../rpc/support/raw-client.js';
import { reflectionMethod } from './support/proto-method.js';
import { Running } from './support/running.js';

const SERVICE = 'io.cloudevents.v1.CloudEventService';
const NOT_FOUND = 5;
const UNIMPLEMENTED = 12;

interface Answer {
  readonly message_response: string;
  readonly original_request: object;
  readonly error_response?: { readonly error_code: number; readonly error_message: string };
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] };
}

/** File names of a descriptor answer. */
function filesIn(answer: Answer | undefined): string[] {
  const files = answer?.file_descriptor_response?.file_descriptor_proto ?? [];
  return files.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

describe.each(['v1', 'v1alpha'])('reflection %s', (version) => {
  const info = reflectionMethod(version);

  /** Asks all of it on one stream, and then ends it. */
  function ask(running: Running, ...questions: object[]): Promise<Answer[]> {
    const client = new Client(`127.0.0.1:${running.port}`, credentials.createInsecure());
    return new Promise<Answer[]>((resolve, reject) => {
      const answers: Answer[] = [];
      const call = client.makeBidiStreamRequest(info.path, info.requestSerialize, info.responseDeserialize);
      call.on('data', (answer: Answer) => answers.push(answer));
      call.on('error', reject);
      call.on('end', () => resolve(answers));
      for (const question of questions) call.write(question);
      call.end();
    }).finally(() => client.close());
  }

  it('lists the services', async () => {
    await using running = await Running.start();
    const [listed] = await ask(running, { list_services: '*' });
    expect(listed?.list_services_response?.service.map(({ name }) => name).sort()).toEqual([
      'ce_broker.v1.Broker',
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
      SERVICE,
    ]);
  });

  it.each([
    ['a service', SERVICE],
    ['a method', `${SERVICE}.Subscribe`],
    ['a message', 'io.cloudevents.v1.CloudEvent'],
    ['an enum within a message', 'grpc.health.v1.HealthCheckResponse.ServingStatus'],
    ['a field', 'io.cloudevents.v1.SubscriptionRequest.cluster_name'],
  ])('finds the file of %s by its symbol, and the same file by its name', async (_what, symbol) => {
    await using running = await Running.start();
    const [bySymbol] = await ask(running, { file_containing_symbol: symbol });
    const names = filesIn(bySymbol);
    expect(names).not.toEqual([]);
    const [byName] = await ask(running, { file_by_filename: names[0] });
    expect(filesIn(byName)).toEqual(names);
    expect(byName?.file_descriptor_response).toEqual(bySymbol?.file_descriptor_response);
  });

  it.each([
    ['a symbol', { file_containing_symbol: 'no.such.Symbol' }],
    ['a file', { file_by_filename: 'no/such.proto' }],
    [
      'an extension',
      {
        file_containing_extension: { containing_type: 'io.cloudevents.v1.CloudEvent', extension_number: 100 },
      },
    ],
    ['the extensions of a type', { all_extension_numbers_of_type: 'io.cloudevents.v1.CloudEvent' }],
  ])('%s that is not there is an answer NOT_FOUND, and the stream goes on', async (_what, question) => {
    await using running = await Running.start();
    const [missing, listed] = await ask(running, { host: 'here', ...question }, { list_services: '' });
    expect(missing).toMatchObject({
      message_response: 'error_response',
      error_response: { error_code: NOT_FOUND, error_message: expect.stringMatching(/not found/) },
      original_request: { host: 'here', ...question },
    });
    expect(listed?.message_response).toBe('list_services_response');
  });

  it('a request that asks nothing is an answer UNIMPLEMENTED', async () => {
    await using running = await Running.start();
    const [answer] = await ask(running, { host: 'here' });
    expect(answer?.error_response?.error_code).toBe(UNIMPLEMENTED);
  });

  it('answers many requests on one stream, in their order', async () => {
    await using running = await Running.start();
    const symbols = Array.from({ length: 500 }, (_, index) =>
      index % 2 === 0 ? SERVICE : `no.such.Symbol${index}`,
    );
    const answers = await ask(running, ...symbols.map((symbol) => ({ file_containing_symbol: symbol })));
    expect(answers.map(({ original_request }) => original_request)).toMatchObject(
      symbols.map((symbol) => ({ file_containing_symbol: symbol })),
    );
    for (const [index, answer] of answers.entries()) {
      expect(answer.message_response).toBe(index % 2 === 0 ? 'file_descriptor_response' : 'error_response');
    }
  });

  it('a client that asks and does not read is asked for no more: what waits for it stays within its stream', async () => {
    await using running = await Running.start({ streamBufferBytes: 64 * 1024 });
    const client = running.client();
    const question = frame(info.requestSerialize({ file_containing_symbol: SERVICE }));
    const call = client.open(info.path, undefined);
    for (let sent = 0; sent < 2_000; sent += 1) call.stream.write(question);
    call.stream.end();
    await call.headers;
    const other = running.client();
    const next = other.open(info.path, question);
    next.read();
    expect((await next.done).messages).toHaveLength(1);
    expect(running.broker.status().connections.bufferedBytes).toBeLessThan(256 * 1024);
    // Once it reads it gets all of them.
    call.read();
    const { messages, status } = await call.done;
    expect([messages.length, status]).toEqual([2_000, 0]);
  });

  it('a message that is no request ends the stream INTERNAL, and needs no token', async () => {
    await using running = await Running.start({ tokens: [{ token: 'abc', user: 'alice' }] });
    const outcome = await running.client().call(info.path, Buffer.from([0x0f]));
    expect(outcome).toMatchObject({ status: 13, message: expect.stringMatching(/ServerReflectionRequest/) });
    expect(running.lines.some(({ message }) => /defect/.test(message))).toBe(false);
  });
});
