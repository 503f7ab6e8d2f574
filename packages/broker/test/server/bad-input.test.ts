import { createEvent, encodeEvent, encodePublishRequest, encodeSubscriptionRequest } from 'ce-broker-proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { frame } from '../rpc/support/raw-client.js';
import {
  eventOf,
  openSubscription,
  PUBLISH,
  publish,
  Running,
  requestOf,
  SUBSCRIBE,
  subscribed,
} from './support/running.js';

const INVALID_ARGUMENT = 3;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;

let running: Running;
beforeAll(async () => {
  running = await Running.start();
});
afterAll(() => running[Symbol.asyncDispose]());

/** Length-delimited protobuf field. */
function field(number: number, bytes: Uint8Array | string): Buffer {
  const body = Buffer.from(bytes);
  const length = [];
  for (let left = body.length; ; left >>>= 7) {
    if (left < 0x80) {
      length.push(left);
      break;
    }
    length.push((left & 0x7f) | 0x80);
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), body]);
}

function varintField(number: number, value: bigint): Buffer {
  const bytes = [number << 3];
  for (let left = value; ; left >>= 7n) {
    if (left < 0x80n) {
      bytes.push(Number(left));
      break;
    }
    bytes.push(Number(left & 0x7fn) | 0x80);
  }
  return Buffer.from(bytes);
}

/** An event with one further attribute, written by hand where the encoder would refuse it. */
function withAttribute(name: string, value: Buffer): Buffer {
  const event = encodeEvent(eventOf());
  const entry = field(5, Buffer.concat([field(1, name), field(2, value)]));
  return encodePublishRequest(Buffer.concat([event, entry]));
}

const structured = (json: string) =>
  encodePublishRequest(
    Buffer.concat([
      field(1, 'x'),
      field(2, 'x'),
      field(3, '1.0'),
      field(4, 'x'),
      field(5, Buffer.concat([field(1, 'contenttype'), field(2, field(3, 'application/cloudevents+json'))])),
      field(6, json),
    ]),
  );

describe('a Publish that cannot be taken is refused, and the field is named', () => {
  it.each<[string, () => Uint8Array, RegExp]>([
    ['no event', () => new Uint8Array(0), /event/],
    ['an empty type', () => requestOf(createEvent({ ...eventOf(), type: '' })), /type/],
    [
      'a type of three parts',
      () => requestOf(createEvent({ ...eventOf(), type: 'a.b.c' })),
      /type "a\.b\.c".*3 parts/,
    ],
    [
      'neither spec nor status',
      () => requestOf(createEvent({ ...eventOf(), type: 'a.b.c.d.e' })),
      /"spec" or "status"/,
    ],
    [
      'no resourceid',
      () =>
        requestOf(
          createEvent({ ...eventOf(), extensions: [['clustername', { kind: 'string', value: 'c1' }]] }),
        ),
      /resourceid is missing/,
    ],
    [
      'no clustername',
      () =>
        requestOf(
          createEvent({ ...eventOf(), extensions: [['resourceid', { kind: 'string', value: 'r1' }]] }),
        ),
      /clustername is missing/,
    ],
    ['an empty clustername', () => requestOf(eventOf({ cluster: '' })), /clustername is empty/],
    [
      'a version that is no number',
      () => requestOf(eventOf({ extensions: { resourceversion: 'abc' } })),
      /resourceversion/,
    ],
    ['an integer over 32 bits', () => withAttribute('ce-big', varintField(2, 2n ** 31n)), /ce-big/],
    ['structured mode with broken JSON', () => structured('{"id":'), /JSON/i],
    [
      'structured mode without a type',
      () => structured('{"specversion":"1.0","id":"1","source":"s"}'),
      /type/,
    ],
    ['ce-id in the map', () => withAttribute('ce-id', field(3, 'other')), /ce-id/],
    ['an attribute without a value', () => withAttribute('ce-none', Buffer.alloc(0)), /ce-none/],
    [
      'a broken deletiontimestamp',
      () => requestOf(eventOf({ extensions: { deletiontimestamp: 'soon' } })),
      /deletiontimestamp/,
    ],
    ['bytes that are no protobuf', () => Buffer.from('ffffffff', 'hex'), /request|event|protobuf/],
    [
      'a resync whose list is broken',
      () => requestOf(eventOf({ action: 'resync_request', data: '{"resourceVersions":5}' })),
      /resourceVersions/,
    ],
  ])('%s', async (_name, request, message) => {
    const outcome = await running.client().call(PUBLISH, request());
    expect(outcome.status).toBe(INVALID_ARGUMENT);
    expect(outcome.message).toMatch(message);
  });

  it('5 MiB: RESOURCE_EXHAUSTED, and the connection goes on', async () => {
    const client = running.client();
    const large = eventOf({ data: JSON.stringify('x'.repeat(5 * 1024 * 1024)) });
    const outcome = await publish(client, large);
    expect(outcome.status).toBe(RESOURCE_EXHAUSTED);
    expect(outcome.message).toMatch(/4194304/);
    expect((await publish(client, eventOf({ resourceId: 'after' }))).status).toBe(0);
  });

  it('an id of another source: PERMISSION_DENIED', async () => {
    const client = running.client();
    await publish(client, eventOf({ resourceId: 'owned', source: 's1' }));
    const outcome = await publish(client, eventOf({ resourceId: 'owned', source: 's2' }));
    expect(outcome).toMatchObject({ status: 7 });
    expect(outcome.message).toMatch(/owned.*s1/);
  });

  it('a text of a stranger is not sent back at full length', async () => {
    const outcome = await publish(
      running.client(),
      createEvent({
        ...eventOf(),
        source: `s${'x'.repeat(100_000)}`,
        type: `${'y'.repeat(100_000)}.v1.z.spec.create_request`,
        extensions: [['a', { kind: 'string', value: 'b' }]],
      }),
    );
    expect(outcome.status).toBe(INVALID_ARGUMENT);
    expect(outcome.message?.length).toBeLessThanOrEqual(4_096);
  });

  it('a method that is not served: UNIMPLEMENTED', async () => {
    expect(
      (await running.client().call('/io.cloudevents.v1.CloudEventService/Nope', new Uint8Array(0))).status,
    ).toBe(UNIMPLEMENTED);
  });
});

describe('a Subscribe that cannot be taken ends its stream, and its connection lives on', () => {
  it.each([
    ['neither source nor cluster', {}, /source and cluster_name are both empty/],
    ['a data type of two parts', { clusterName: 'c1', dataType: 'a.b' }, /data_type/],
  ])('%s', async (_name, request, message) => {
    const client = running.client();
    const outcome = await openSubscription(client, request).done;
    expect(outcome).toMatchObject({ status: INVALID_ARGUMENT });
    expect(outcome.message).toMatch(message);
    expect(
      (await (await subscribed(client, { clusterName: 'c1' })).headers)['subscription-id'],
    ).toBeDefined();
  });

  it('invalid UTF-8 in the request', async () => {
    const bytes = Buffer.from(
      encodeSubscriptionRequest({ source: '', clusterName: 'cluster', dataType: '' }),
    );
    bytes[bytes.length - 1] = 0xff;
    const outcome = await running.client().open(SUBSCRIBE, frame(bytes)).read().done;
    expect(outcome).toMatchObject({ status: INVALID_ARGUMENT });
    expect(outcome.message).toMatch(/cluster_name/);
  });
});
