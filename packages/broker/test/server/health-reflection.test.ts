import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';
import { describe, expect, it } from 'vitest';
import { DATA_TYPE, gate, publish, Running, statusOf } from './support/running.js';

const SERVICE = 'io.cloudevents.v1.CloudEventService';
const require = createRequire(import.meta.url);
const OPTIONS = { keepCase: true, longs: String, enums: String, defaults: true };

interface Method {
  readonly path: string;
  readonly requestSerialize: (value: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

/** A method of a service in a proto file. */
function method(file: string, service: string, name: string): Method {
  const definition = loadSync(file, OPTIONS)[service] as unknown as Record<string, Method>;
  const found = definition[name];
  if (found === undefined) throw new Error(`no ${service}.${name}`);
  return found;
}

const check = method(protoPath, 'grpc.health.v1.Health', 'Check');
const watch = method(protoPath, 'grpc.health.v1.Health', 'Watch');

function health(client: Client, service: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      check.path,
      check.requestSerialize,
      check.responseDeserialize,
      { service },
      (error, answer) => (error === null ? resolve(answer) : reject(error)),
    );
  });
}

function clientOf(running: Running): Client {
  return new Client(`127.0.0.1:${running.port}`, credentials.createInsecure());
}

describe('gRPC health', () => {
  it('is SERVING, for the whole and for the service', async () => {
    await using running = await Running.start();
    const client = clientOf(running);
    expect(await health(client, '')).toEqual({ status: 'SERVING' });
    expect(await health(client, SERVICE)).toEqual({ status: 'SERVING' });
    expect(await health(client, 'ce_broker.v1.Broker')).toEqual({ status: 'SERVING' });
    await expect(health(client, 'nope')).rejects.toMatchObject({ code: 5 });
    client.close();
  });

  it('who watches is told NOT_SERVING when it drains, and does not hold it', async () => {
    await using running = await Running.start();
    const handled = gate();
    const release = gate();
    running.broker.registerService(DATA_TYPE, {
      list: () => [],
      handle: () => {
        handled.open();
        return release.opened;
      },
    });
    const client = clientOf(running);
    const stream = client.makeServerStreamRequest(
      watch.path,
      watch.requestSerialize,
      watch.responseDeserialize,
      { service: SERVICE },
    );
    stream.on('error', () => undefined);
    const seen: unknown[] = [];
    const first = gate();
    stream.on('data', (answer: { status: string }) => {
      seen.push(answer.status);
      first.open();
    });
    const over = gate();
    stream.on('status', () => over.open());
    await first.opened;
    const inFlight = publish(running.client(), statusOf());
    await handled.opened;
    const closing = running.broker.close();
    await over.opened;
    expect(seen).toEqual(['SERVING', 'NOT_SERVING']);
    release.open();
    await inFlight;
    await closing;
    client.close();
  });

  it('can be left out', async () => {
    await using running = await Running.start({ healthAndReflection: false });
    const client = clientOf(running);
    await expect(health(client, '')).rejects.toMatchObject({ code: 12 });
    client.close();
  });
});

describe.each(['v1', 'v1alpha'])('reflection %s', (version) => {
  const proto = join(
    dirname(require.resolve('@grpc/reflection')),
    '..',
    'proto',
    'grpc',
    'reflection',
    version,
    'reflection.proto',
  );
  const info = method(proto, `grpc.reflection.${version}.ServerReflection`, 'ServerReflectionInfo');

  function ask(client: Client, question: object): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      const call = client.makeBidiStreamRequest(info.path, info.requestSerialize, info.responseDeserialize);
      call.on('data', (answer: Record<string, unknown>) => {
        resolve(answer);
        call.end();
      });
      call.on('error', reject);
      call.write(question);
    });
  }

  it('lists the services, and describes them', async () => {
    await using running = await Running.start();
    const client = clientOf(running);
    const listed = await ask(client, { list_services: '' });
    const services = (listed['list_services_response'] as { service: { name: string }[] }).service.map(
      ({ name }) => name,
    );
    for (const name of [
      SERVICE,
      'ce_broker.v1.Broker',
      'grpc.health.v1.Health',
      `grpc.reflection.${version}.ServerReflection`,
    ])
      expect(services).toContain(name);
    const described = await ask(client, { file_containing_symbol: SERVICE });
    const files = (described['file_descriptor_response'] as { file_descriptor_proto: Buffer[] })
      .file_descriptor_proto;
    expect(Buffer.concat(files).includes('CloudEventAttributeValue')).toBe(true);
    expect(Buffer.concat(files).includes('SubscriptionRequest')).toBe(true);
    client.close();
  });
});
