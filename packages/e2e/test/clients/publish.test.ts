import { startBroker } from 'ce-broker';
import { transportSourceOptions } from 'ce-broker-client';
import { CloudEventsDataType, type CloudEventTransport, createEvent, Extension } from 'ce-broker-proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  agentAt,
  classCodec,
  eventCodec,
  hubAt,
  makeAgent,
  makeSource,
  type Part,
  PartStore,
  part,
  RawPeer,
  RIGS,
  type Rig,
  ScriptedServer,
  typeOf,
} from '../../src/client-support/index.js';
import { until } from '../../src/index.js';

const NOBODYS = CloudEventsDataType.parse('io.ce-broker.behaviour.v1.nobodys');
const failing = (thrown: unknown) => ({
  ...eventCodec(),
  encodeEvent: (): never => {
    throw thrown;
  },
});

describe.each(RIGS)('over $name', ({ open }) => {
  let rig: Rig;
  const closing: AsyncDisposable[] = [];
  const own = <C extends AsyncDisposable>(client: C): C => {
    closing.push(client);
    return client;
  };

  beforeEach(async () => {
    rig = await open({ store: 'none' });
  });
  afterEach(async () => {
    for (const client of closing.splice(0)) await client[Symbol.asyncDispose]();
    await rig.stop();
  });

  test('a spec goes from the source to its cluster, a status from the agent to its source', async () => {
    const c1 = await RawPeer.subscribe(rig.broker, { cluster: 'c1' });
    const c2 = await RawPeer.subscribe(rig.broker, { cluster: 'c2' });
    const hub = await RawPeer.subscribe(rig.broker, { source: 'hub' });
    const source = own(await makeSource(rig.sourceOptions('hub')));
    const agent = own(await makeAgent(rig.agentOptions('c1', 'c1-agent')));
    await source.publish(typeOf('spec', 'create_request'), part('a', 3, { spec: 'x' }));
    await agent.publish(typeOf('status'), part('a', 3, { status: 'y' }));
    await until('both are there', 5_000, () => c1.got.length === 1 && hub.got.length === 1);
    expect(c1.got[0]).toMatchObject({ source: 'hub', type: String(typeOf('spec', 'create_request')) });
    expect(hub.got[0]).toMatchObject({ source: 'c1-agent', type: String(typeOf('status')) });
    expect(hub.got[0]?.extensions.get(Extension.originalSource)).toEqual({ kind: 'string', value: 'hub' });
    expect(c2.got).toEqual([]);
    await Promise.all([c1.close(), c2.close(), hub.close()]);
  });

  test('a source looks at the subresource first, then for a codec; an agent the other way round', async () => {
    const source = own(await makeSource(rig.sourceOptions('hub')));
    const agent = own(await makeAgent(rig.agentOptions('c1', 'c1-agent')));
    const tried = async (publish: Promise<void>) => {
      const error = await publish.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ name: 'CeBrokerError', code: 'invalid_argument' });
      return String(error);
    };
    const nobodys = (sub: 'spec' | 'status') => typeOf(sub, 'update_request', NOBODYS);
    expect([
      await tried(source.publish(typeOf('status'), part('a', 1))),
      await tried(source.publish(nobodys('status'), part('a', 1))),
      await tried(source.publish(nobodys('spec'), part('a', 1))),
      await tried(agent.publish(typeOf('spec'), part('a', 1))),
      await tried(agent.publish(nobodys('spec'), part('a', 1))),
      await tried(agent.publish(nobodys('status'), part('a', 1))),
    ]).toMatchInlineSnapshot(`
      [
        "CeBrokerError: a source publishes specs only, not io.ce-broker.behaviour.v1.parts.status.update_request",
        "CeBrokerError: a source publishes specs only, not io.ce-broker.behaviour.v1.nobodys.status.update_request",
        "CeBrokerError: there is no codec for the data type io.ce-broker.behaviour.v1.nobodys; this client has: io.ce-broker.behaviour.v1.parts",
        "CeBrokerError: an agent publishes statuses only, not io.ce-broker.behaviour.v1.parts.spec.update_request",
        "CeBrokerError: there is no codec for the data type io.ce-broker.behaviour.v1.nobodys; this client has: io.ce-broker.behaviour.v1.parts",
        "CeBrokerError: there is no codec for the data type io.ce-broker.behaviour.v1.nobodys; this client has: io.ce-broker.behaviour.v1.parts",
      ]
    `);
  });

  test.each(['event', 'class'] as const)('what a codec throws comes back unchanged (%s)', async (form) => {
    const thrown = new TypeError('a part without bolts');
    const codecs =
      form === 'event'
        ? [failing(thrown)]
        : [
            {
              ...classCodec(),
              encode: (): never => {
                throw thrown;
              },
            },
          ];
    const source = own(await makeSource(rig.sourceOptions('hub'), { codecs }));
    const agent = own(await makeAgent(rig.agentOptions('c1', 'c1-agent'), { codecs }));
    await expect(source.publish(typeOf('spec'), part('a', 1))).rejects.toBe(thrown);
    await expect(agent.publish(typeOf('status'), part('a', 1))).rejects.toBe(thrown);
  });

  test.each(['id', 'source', 'type'] as const)('an event with a blank %s is never sent', async (field) => {
    const agent = await RawPeer.subscribe(rig.broker, { cluster: 'c1' });
    let blank = true;
    const codec = {
      ...eventCodec(),
      encodeEvent: (...given: Parameters<ReturnType<typeof eventCodec>['encodeEvent']>) => {
        const event = eventCodec().encodeEvent(...given);
        return blank ? createEvent({ ...event, [field]: ' \t' }) : event;
      },
    };
    const source = own(await makeSource(rig.sourceOptions('hub'), { codecs: [codec] }));
    await expect(source.publish(typeOf('spec'), part('a', 1))).rejects.toMatchObject({
      code: 'invalid_argument',
      field,
      message: `the ${field} of the event is blank`,
    });
    blank = false;
    await source.publish(typeOf('spec'), part('b', 1));
    await until('the other one', 5_000, () => agent.got.length > 0);
    expect(agent.got).toHaveLength(1);
    await agent.close();
  });

  test("the server's refusal is the result, with its code", async () => {
    const source = own(await makeSource(rig.sourceOptions('hub')));
    const big = part('a', 1, { spec: 'x'.repeat(5 * 1024 * 1024) });
    await expect(source.publish(typeOf('spec'), big)).rejects.toMatchObject({ code: 'resource_exhausted' });
    await source.publish(typeOf('spec'), part('a', 1));
  });

  test('what one caller publishes without waiting arrives in that order, also what was published before the connection stood', async () => {
    const c1 = await RawPeer.subscribe(rig.broker, { cluster: 'c1' });
    const source = own(await makeSource(rig.sourceOptions('hub')));
    const sent: Promise<void>[] = [];
    let version = 0;
    const next = () => {
      version += 1;
      sent.push(source.publish(typeOf('spec'), part('a', version)));
    };
    for (let each = 0; each < 20; each += 1) next();
    const ready = source.ready().then(() => {
      for (let each = 0; each < 20; each += 1) next();
    });
    await ready;
    await Promise.all(sent);
    await until('all are there', 5_000, () => c1.got.length === 40);
    const versions = c1.got.map((event) => eventCodec().decodeEvent(event).resourceVersion);
    expect(versions).toEqual(Array.from({ length: 40 }, (_, index) => String(index + 1)));
    await c1.close();
  });

  test('after close a publish is refused, and says why', async () => {
    const source = await makeSource(rig.sourceOptions('hub'));
    await source.publish(typeOf('spec'), part('a', 1));
    await source.close();
    await expect(source.publish(typeOf('spec'), part('a', 2))).rejects.toMatchObject({ code: 'cancelled' });
    await expect(source.resync()).rejects.toMatchObject({
      code: 'cancelled',
      message: 'the client is closed',
    });
  });

  test('a publish waits for the rate limit, first in first out, and gives its place up when told to', async () => {
    const c1 = await RawPeer.subscribe(rig.broker, { cluster: 'c1' });
    const source = own(await makeSource(rig.sourceOptions('hub', { qps: 20, burst: 1 })));
    const leaving = new AbortController();
    const publish = (version: number, signal?: AbortSignal) =>
      source.publish(typeOf('spec'), part('a', version), { signal });
    const all = [publish(1), publish(2), publish(3, leaving.signal), publish(4)];
    leaving.abort();
    const ended = await Promise.allSettled(all);
    expect(ended.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(ended[2]).toMatchObject({ reason: { code: 'cancelled' } });
    await until('three', 5_000, () => c1.got.length === 3);
    expect(c1.got.map((event) => eventCodec().decodeEvent(event).resourceVersion)).toEqual(['1', '2', '4']);
    await c1.close();
  });
});

describe('against a server that takes its time', () => {
  let server: ScriptedServer;
  beforeEach(async () => {
    server = await ScriptedServer.start();
  });
  afterEach(() => server.stop());

  test('a publish that is never answered ends by its deadline, and others go on', async () => {
    server.script = {
      publish: (call) => {
        if (eventCodec().decodeEvent(call.event).uid !== 'lost') call.ok();
      },
    };
    await using source = await hubAt(server.address, { publishTimeoutMs: 200 });
    const lost = source.publish(typeOf('spec'), part('lost', 1));
    const others = Array.from({ length: 20 }, (_, index) =>
      source.publish(typeOf('spec'), part(`p${index}`, 1)),
    );
    await Promise.all(others);
    await expect(lost).rejects.toMatchObject({ code: 'deadline_exceeded' });
    await expect(source.publish(typeOf('spec'), part('lost', 1), { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'deadline_exceeded',
    });
    await source.publish(typeOf('spec'), part('last', 1));
  });

  test('a publish that is under way ends by its signal', async () => {
    server.script = { publish: () => undefined };
    await using source = await hubAt(server.address);
    const giveUp = new AbortController();
    const sent = source.publish(typeOf('spec'), part('a', 1), { signal: giveUp.signal });
    await until('it is on its way', 5_000, () => server.published.length === 1);
    giveUp.abort();
    await expect(sent).rejects.toMatchObject({ code: 'cancelled' });
    await expect(
      source.publish(typeOf('spec'), part('a', 1), { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'cancelled' });
    await expect(
      source.publish(typeOf('spec'), part('a', 1), { signal: AbortSignal.timeout(50) }),
    ).rejects.toMatchObject({ code: 'deadline_exceeded' });
  });

  test('a publish is sent once, whatever became of it', async () => {
    server.script = { publish: (call) => call.fail(14, 'try later') };
    await using source = await hubAt(server.address);
    await expect(source.publish(typeOf('spec'), part('a', 1))).rejects.toMatchObject({ code: 'unavailable' });
    server.script = {};
    await source.publish(typeOf('spec'), part('b', 1));
    expect(server.published.map((event) => eventCodec().decodeEvent(event).uid)).toEqual(['a', 'b']);
  });

  test.each([
    [3, 'invalid_argument'],
    [7, 'permission_denied'],
    [8, 'resource_exhausted'],
    [9, 'failed_precondition'],
    [13, 'internal'],
    [16, 'unauthenticated'],
  ])('the status %i of a server is %s, with its text', async (status, code) => {
    server.script = { publish: (call) => call.fail(status, 'because: 100 % sure, jawohl – ü') };
    await using agent = await agentAt(server.address);
    await expect(agent.publish(typeOf('status'), part('a', 1))).rejects.toMatchObject({
      code,
      message: 'because: 100 % sure, jawohl – ü',
    });
  });

  test('while the server is away a publish fails at once, as in Go, and says when the next attempt is', async () => {
    await using source = await hubAt(server.address, { reconnectDelay: () => 60_000 });
    await source.ready();
    await server.stop();
    const away = async () => {
      const sent = source.publish(typeOf('spec'), part('a', 1));
      return sent.then(
        () => '',
        (error: unknown) => String(error),
      );
    };
    await until('it knows', 5_000, async () => (await away()).includes('not ready'));
    expect((await away()).replaceAll(/127\S+|\d+\.\d/g, '…')).toMatchInlineSnapshot(
      `"CeBrokerError: the cloudevents client is not ready: the connection to … was lost: the server has closed it, is about to, or no longer answers (the next attempt begins in … s)"`,
    );
  });

  test('a publish that was under way when the connection was lost is unavailable, not cancelled', async () => {
    server.script = { publish: () => undefined };
    await using source = await hubAt(server.address, { lister: new PartStore() });
    await source.subscribe(() => undefined);
    const sent = source.publish(typeOf('spec'), part('a', 1));
    await until('it is on its way', 5_000, () => server.published.length === 1);
    server.reset();
    await expect(sent).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('a publish that was under way when only the subscription ended is unavailable, not cancelled', async () => {
    server.script = { publish: () => undefined };
    await using source = await hubAt(server.address);
    await source.subscribe(() => undefined);
    const sent = source.publish(typeOf('spec'), part('a', 1));
    await until('it is on its way', 5_000, () => server.published.length === 1);
    server.last.end(1, 'CANCELLED');
    await expect(sent).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('what the connection took is not there for the answer', async () => {
    const given: (number | undefined)[] = [];
    const transport: CloudEventTransport = {
      publish: async (_, options) => {
        given.push(options?.timeoutMs);
      },
      subscribe: () => Promise.reject(new Error('not asked for')),
      close: async () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    };
    let open: () => void = () => undefined;
    const opened = new Promise<CloudEventTransport>((resolve) => {
      open = () => resolve(transport);
    });
    await using source = await makeSource(transportSourceOptions(() => opened, 'hub'));
    const sent = source.publish(typeOf('spec'), part('a', 1), { timeoutMs: 5_000 });
    setTimeout(open, 30);
    await sent;
    await source.publish(typeOf('spec'), part('a', 1), { timeoutMs: 5_000 });
    expect(given[0]).toBeLessThan(5_000);
    expect(given[1]).toBe(5_000);
  });

  test('a publish without a limit of time has none, over a transport of any kind', async () => {
    const broker = await startBroker({ listen: false });
    await using source = await makeSource(transportSourceOptions(() => broker.inProcessTransport(), 'hub'));
    await source.publish(typeOf('spec'), part('a', 1), { timeoutMs: Number.POSITIVE_INFINITY });
    await source.publish(typeOf('spec'), part('a', 2), { timeoutMs: 2 ** 31 });
    await broker.close();
  });

  test('the time for a publish counts the wait for the connection', async () => {
    let accept: () => void = () => undefined;
    const transport = new Promise<never>((_, reject) => {
      accept = () => reject(new Error('never'));
    });
    await using source = await makeSource(
      { sourceId: 'hub', cloudEventsOptions: { server: 'nowhere', connect: () => transport } },
      { connectTimeoutMs: 60_000 },
    );
    const resource: Part = part('a', 1);
    await expect(source.publish(typeOf('spec'), resource, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'deadline_exceeded',
      message: 'there is no connection to nowhere within 50 ms',
    });
    accept();
  });
});
