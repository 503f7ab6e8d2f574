import { CeBrokerError, type Event, encodeEvent } from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import { kubernetesRefusal, type Service, type ServiceListOptions } from '../../src/index.js';
import {
  DATA_TYPE,
  eventOf,
  events,
  eventWhere,
  gate,
  publish,
  Running,
  statusOf,
  subscribed,
} from './support/running.js';

const DEADLINE_EXCEEDED = 4;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;

/** A service that lists what it is given and keeps what it is handed. */
class TestService implements Service {
  readonly handled: Event[] = [];
  readonly users: string[] = [];
  readonly asked: ServiceListOptions[] = [];
  listed: Event[] = [];
  refusal: unknown;

  list(options: ServiceListOptions): Event[] {
    this.asked.push(options);
    return this.listed;
  }

  handle(event: Event, { identity }: Parameters<Service['handle']>[1]): void {
    if (this.refusal !== undefined) throw this.refusal;
    this.handled.push(event);
    this.users.push(identity.user);
  }
}

const isResponse = (event: Event) => event.type === `${DATA_TYPE}.spec.resync_response`;
const idOf = (event: Event) => event.extensions.get('resourceid')?.value;

function resync(versions: Readonly<Record<string, number>>): Event {
  const resourceVersions = Object.entries(versions).map(([resourceID, resourceVersion]) => ({
    resourceID,
    resourceVersion,
  }));
  return eventOf({
    source: 'c1-agent',
    action: 'resync_request',
    data: JSON.stringify({ resourceVersions }),
    extensions: { originalsource: '' },
  });
}

describe('a service handles what is published of its data type', () => {
  it('decoded, with the identity of the publisher, and the answer waits for it', async () => {
    await using running = await Running.start({ tokens: [{ token: 'abc', user: 'alice' }] });
    const service = new TestService();
    running.broker.registerService(DATA_TYPE, service);
    const status = statusOf({ data: '{"ok":true}' });
    expect((await publish(running.client(), status, { authorization: 'Bearer abc' })).status).toBe(0);
    expect(service.users).toEqual(['alice']);
    expect(service.handled[0]).toMatchObject({
      id: status.id,
      type: status.type,
      data: { kind: 'binary', value: Buffer.from('{"ok":true}') },
    });
    expect(service.handled[0]?.extensions).toEqual(status.extensions);
  });

  it('other data types go their usual way', async () => {
    await using running = await Running.start();
    const service = new TestService();
    running.broker.registerService(DATA_TYPE, service);
    expect((await publish(running.client(), eventOf({ dataType: 'a.v1.b' }))).status).toBe(0);
    expect(service.handled).toEqual([]);
  });

  it('it takes token requests, which nobody can route', async () => {
    await using running = await Running.start();
    const dataType = 'authentication.k8s.io.v1.tokenrequests';
    const client = running.client();
    const question = eventOf({ dataType });
    expect((await publish(client, question)).status).toBe(FAILED_PRECONDITION);
    const service = new TestService();
    running.broker.registerService(dataType, service);
    const agent = await subscribed(client, { clusterName: 'c1', dataType });
    expect((await publish(client, question)).status).toBe(0);
    expect(service.handled).toHaveLength(1);
    expect(await agent.messages(0)).toEqual([]);
  });

  it.each<[string, unknown, object]>([
    [
      'an error',
      new Error('no such tenant'),
      { message: 'no such tenant', reason: 'InternalError', code: 500 },
    ],
    [
      'a CeBrokerError',
      new CeBrokerError('permission_denied', 'not yours'),
      { message: 'not yours', reason: 'Forbidden', code: 403 },
    ],
    [
      'a Kubernetes Status',
      kubernetesRefusal({
        message: 'works "a" not found',
        reason: 'NotFound',
        code: 404,
        details: { name: 'a', kind: 'works' },
      }),
      {
        message: 'works "a" not found',
        reason: 'NotFound',
        code: 404,
        details: { name: 'a', kind: 'works' },
      },
    ],
    ['something that is no error', 'no', { message: 'no', reason: 'InternalError', code: 500 }],
  ])(
    "%s is the publisher's FAILED_PRECONDITION, as the JSON that Go clients read",
    async (_name, refusal, status) => {
      await using running = await Running.start();
      const service = new TestService();
      service.refusal = refusal;
      running.broker.registerService(DATA_TYPE, service);
      const outcome = await publish(running.client(), statusOf());
      expect(outcome.status).toBe(FAILED_PRECONDITION);
      expect(JSON.parse(outcome.message ?? '')).toEqual({
        ErrStatus: { metadata: {}, status: 'Failure', ...status },
      });
      expect(running.broker.status().counters.refused).toEqual({ failed_precondition: 1 });
    },
  );

  it('a rejected promise refuses too, and a refusal too large to travel keeps its reason', async () => {
    await using running = await Running.start();
    running.broker.registerService(DATA_TYPE, {
      list: () => [],
      handle: () =>
        Promise.reject(
          kubernetesRefusal({
            message: 'm',
            reason: 'Invalid',
            code: 422,
            details: { causes: 'x'.repeat(100_000) },
          }),
        ),
    });
    const outcome = await publish(running.client(), statusOf());
    expect(outcome.status).toBe(FAILED_PRECONDITION);
    expect(JSON.parse(outcome.message ?? '')).toMatchObject({ ErrStatus: { reason: 'Invalid', code: 422 } });
  });

  it('one that does not answer in time: DEADLINE_EXCEEDED, and its signal is aborted', async () => {
    await using running = await Running.start({ publishTimeoutMs: 100 });
    const given = gate<AbortSignal>();
    running.broker.registerService(DATA_TYPE, {
      list: () => [],
      handle: (_event, { signal }) => {
        given.open(signal);
        return new Promise(() => undefined);
      },
    });
    const outcome = await publish(running.client(), statusOf());
    expect(outcome.status).toBe(DEADLINE_EXCEEDED);
    expect((await given.opened).aborted).toBe(true);
  });

  it('what it has in hand is bounded in bytes', async () => {
    await using running = await Running.start({ serviceBytes: 64 * 1024 });
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
    const data = JSON.stringify('x'.repeat(40 * 1024));
    const first = publish(client, statusOf({ data }));
    await handled.opened;
    expect((await publish(client, statusOf({ data }))).status).toBe(RESOURCE_EXHAUSTED);
    release.open();
    expect((await first).status).toBe(0);
    expect(running.broker.status().services).toMatchObject({ callsInHand: 0, heldBytes: 0 });
  });
});

describe('a service is the source of its specs', () => {
  it('what it publishes goes to the agents of the cluster, and is kept for late ones', async () => {
    await using running = await Running.start();
    const service = new TestService();
    const registration = running.broker.registerService(DATA_TYPE, service);
    const early = await subscribed(running.client(), { clusterName: 'c1', dataType: DATA_TYPE });
    const spec = eventOf({ source: 'backend' });
    await registration.publish(spec);
    expect((await events(early, 1))[0]?.id).toBe(spec.id);
    const client = running.client();
    const late = await subscribed(client, { clusterName: 'c1', dataType: DATA_TYPE });
    expect((await publish(client, resync({}))).status).toBe(0);
    expect((await eventWhere(late, ({ id }) => id === spec.id)).source).toBe('backend');
  });

  it('it publishes specs of its own data type only', async () => {
    await using running = await Running.start();
    const registration = running.broker.registerService(DATA_TYPE, new TestService());
    await expect(registration.publish(eventOf({ dataType: 'a.v1.b' }))).rejects.toMatchObject({
      code: 'invalid_argument',
      field: 'type',
    });
    await expect(registration.publish(eventOf({ action: 'resync_request' }))).rejects.toMatchObject({
      code: 'invalid_argument',
      field: 'type',
    });
    await expect(registration.publish(statusOf())).rejects.toMatchObject({
      code: 'invalid_argument',
      field: 'type',
    });
    await expect(registration.publish(eventOf({ cluster: '' }))).rejects.toMatchObject({
      code: 'invalid_argument',
      field: 'clustername',
    });
  });

  it('a resync is answered from its list: what is newer, what has version 0, what is being deleted', async () => {
    await using running = await Running.start();
    const service = new TestService();
    service.listed = [
      eventOf({ source: 'backend', resourceId: 'newer', version: 4 }),
      eventOf({ source: 'backend', resourceId: 'same', version: 3 }),
      eventOf({ source: 'backend', resourceId: 'zero', version: 0 }),
      eventOf({ source: 'backend', resourceId: 'absent', version: 1 }),
      eventOf({
        source: 'backend',
        resourceId: 'going',
        version: 3,
        extensions: { deletiontimestamp: '2026-01-01T00:00:00Z' },
      }),
    ];
    running.broker.registerService(DATA_TYPE, service);
    const client = running.client();
    const agent = await subscribed(client, { clusterName: 'c1', dataType: DATA_TYPE });
    await publish(client, resync({ newer: 3, same: 3, zero: 0, going: 3, gone: 7 }));
    const answers = (await events(agent, 5)).filter(isResponse);
    expect(new Set(answers.map(idOf))).toEqual(new Set(['newer', 'zero', 'absent', 'going', 'gone']));
    const gone = answers.find((event) => idOf(event) === 'gone');
    expect(gone?.source).toBe('backend');
    expect(gone?.extensions.has('deletiontimestamp')).toBe(true);
    expect(gone?.extensions.get('resourceversion')?.value).toBe('7');
    expect(service.asked[0]).toMatchObject({ clusterName: 'c1', dataType: DATA_TYPE });
  });

  it('an empty list deletes nothing', async () => {
    await using running = await Running.start();
    const service = new TestService();
    const registration = running.broker.registerService(DATA_TYPE, service);
    const client = running.client();
    const agent = await subscribed(client, { clusterName: 'c1', dataType: DATA_TYPE });
    await publish(client, resync({ a: 1, b: 2 }));
    await expect.poll(() => service.asked.length).toBe(1);
    // A spec that is sent after it shows that nothing came before.
    const later = eventOf({ resourceId: 'later' });
    await registration.publish(later);
    expect(await events(agent, 1)).toEqual([expect.objectContaining({ id: later.id })]);
  });

  it('a list that fails is logged, and the broker goes on', async () => {
    await using running = await Running.start();
    running.broker.registerService(DATA_TYPE, {
      list: () => Promise.reject(new Error('the database is away')),
      handle: () => undefined,
    });
    const client = running.client();
    await subscribed(client, { clusterName: 'c1', dataType: DATA_TYPE });
    expect((await publish(client, resync({}))).status).toBe(0);
    await running.log.said(/could not list/);
    expect((await publish(client, statusOf())).status).toBe(0);
  });

  it('many agents that ask at once share lists', async () => {
    await using running = await Running.start();
    const release = gate<Event[]>();
    let lists = 0;
    running.broker.registerService(DATA_TYPE, {
      list: () => {
        lists += 1;
        return release.opened;
      },
      handle: () => undefined,
    });
    const client = running.client();
    await subscribed(client, { clusterName: 'c1', dataType: DATA_TYPE });
    for (let index = 0; index < 10; index += 1) await publish(client, resync({ [`r${index}`]: 1 }));
    release.open([]);
    await expect.poll(() => lists).toBeGreaterThan(0);
    expect(lists).toBeLessThanOrEqual(2);
  });
});

describe('registration', () => {
  it('one service for a data type; after close another may come, and publishes are routed again', async () => {
    await using running = await Running.start();
    const first = new TestService();
    const registration = running.broker.registerService(DATA_TYPE, first);
    expect(() => running.broker.registerService(DATA_TYPE, new TestService())).toThrow(
      expect.objectContaining({ code: 'already_exists' }),
    );
    expect(() => running.broker.registerService('a.b', first)).toThrow(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
    await registration.close();
    await registration.close();
    await expect(registration.publish(eventOf())).rejects.toMatchObject({ code: 'unavailable' });
    const client = running.client();
    const source = await subscribed(client, { source: 's1', dataType: DATA_TYPE });
    expect((await publish(client, statusOf())).status).toBe(0);
    expect(await source.messages(1)).toHaveLength(1);
    expect(first.handled).toEqual([]);
    running.broker.registerService(DATA_TYPE, new TestService());
  });

  it('a client inside the process reaches it too', async () => {
    await using running = await Running.start();
    const service = new TestService();
    running.broker.registerService(DATA_TYPE, service);
    await using transport = running.broker.inProcessTransport({ user: 'local' });
    await transport.publish(encodeEvent(statusOf()));
    expect(service.users).toEqual(['local']);
  });
});
