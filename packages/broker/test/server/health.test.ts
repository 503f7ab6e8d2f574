import { gzipSync } from 'node:zlib';
import { protoPath } from 'grpc-health-check';
import { describe, expect, it } from 'vitest';
import { frame, type Outcome, type RawCall, type RawClient } from '../rpc/support/raw-client.js';
import { protoMethod } from './support/proto-method.js';
import { DATA_TYPE, gate, publish, Running, statusOf } from './support/running.js';

const SERVICE = 'io.cloudevents.v1.CloudEventService';
const HEALTH = 'grpc.health.v1.Health';
const check = protoMethod(protoPath, HEALTH, 'Check');
const list = protoMethod(protoPath, HEALTH, 'List');
const watch = protoMethod(protoPath, HEALTH, 'Watch');

function asked(service: string): Buffer {
  return check.requestSerialize({ service });
}

function answered({ messages }: Pick<Outcome, 'messages'>): unknown[] {
  return messages.map((message) => check.responseDeserialize(message));
}

function watching(client: RawClient, service: string): RawCall {
  return client.open(watch.path, frame(asked(service))).read();
}

describe('Check and List', () => {
  it('SERVING, for the whole and for each service', async () => {
    await using running = await Running.start();
    const client = running.client();
    for (const service of ['', SERVICE, 'ce_broker.v1.Broker']) {
      const outcome = await client.call(check.path, asked(service));
      expect([outcome.status, ...answered(outcome)]).toEqual([0, { status: 'SERVING' }]);
    }
    const all = await client.call(list.path, Buffer.alloc(0));
    expect(all.messages.map((message) => list.responseDeserialize(message))).toEqual([
      {
        statuses: {
          '': { status: 'SERVING' },
          [SERVICE]: { status: 'SERVING' },
          'ce_broker.v1.Broker': { status: 'SERVING' },
        },
      },
    ]);
  });

  it('a service that is not there is NOT_FOUND, by its name, however long that is', async () => {
    await using running = await Running.start();
    const client = running.client();
    const outcome = await client.call(check.path, asked('nope'));
    expect(outcome).toMatchObject({ status: 5, message: 'this broker has no service "nope"' });
    const long = await client.call(check.path, asked('x'.repeat(1_000_000)));
    expect(long.status).toBe(5);
    expect(long.message?.length).toBeLessThan(5_000);
  });

  it('a request that is no HealthCheckRequest is INTERNAL, as of every gRPC server; unknown fields are skipped', async () => {
    await using running = await Running.start();
    const client = running.client();
    expect(await client.call(check.path, Buffer.from([0x0a, 0x05, 0x61]))).toMatchObject({
      status: 13,
      message: expect.stringMatching(/HealthCheckRequest/),
    });
    expect((await client.call(watch.path, Buffer.from([0x0a, 0x05, 0x61]))).status).toBe(13);
    const more = Buffer.concat([asked(SERVICE), Buffer.from([0x10, 0x01])]);
    expect(answered(await client.call(check.path, more))).toEqual([{ status: 'SERVING' }]);
  });

  it('a compressed request is answered', async () => {
    await using running = await Running.start();
    const body = frame(gzipSync(asked(SERVICE)), 1);
    const outcome = await running.client().open(check.path, body, { 'grpc-encoding': 'gzip' }).read().done;
    expect(outcome.status).toBe(0);
    expect(answered(outcome)).toEqual([{ status: 'SERVING' }]);
  });

  it('a probe needs no token', async () => {
    await using running = await Running.start({ tokens: [{ token: 'abc', user: 'alice' }] });
    expect((await running.client().call(check.path, asked(''))).status).toBe(0);
  });

  it('can be left out', async () => {
    await using running = await Running.start({ healthAndReflection: false });
    expect((await running.client().call(check.path, asked(''))).status).toBe(12);
  });
});

describe('Watch', () => {
  it('says SERVING at once, and SERVICE_UNKNOWN of what is not there, and stays open', async () => {
    await using running = await Running.start();
    const client = running.client();
    const known = watching(client, SERVICE);
    const unknown = watching(client, 'nope');
    expect(answered({ messages: await known.messages(1) })).toEqual([{ status: 'SERVING' }]);
    expect(answered({ messages: await unknown.messages(1) })).toEqual([{ status: 'SERVICE_UNKNOWN' }]);
    expect(known.stream.closed || unknown.stream.closed).toBe(false);
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
    const client = running.client();
    const known = watching(client, SERVICE);
    const unknown = watching(client, 'nope');
    await Promise.all([known.messages(1), unknown.messages(1)]);
    const inFlight = publish(running.client(), statusOf());
    await handled.opened;
    const closing = running.broker.close();
    const outcome = await known.done;
    expect(outcome.status).toBe(0);
    expect(answered(outcome)).toEqual([{ status: 'SERVING' }, { status: 'NOT_SERVING' }]);
    expect(answered(await unknown.done)).toEqual([{ status: 'SERVICE_UNKNOWN' }]);
    release.open();
    expect((await inFlight).status).toBe(0);
    await closing;
  });
});
