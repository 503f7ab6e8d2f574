import { transportSourceOptions } from 'ce-broker-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  agentAt,
  encodePart,
  hubAt,
  Inbox,
  makeAgent,
  makeSource,
  PartList,
  PartStore,
  part,
  RawPeer,
  RIGS,
  type Rig,
  ScriptedServer,
  StatusLog,
  typeOf,
} from '../../src/client-support/index.js';
import { until } from '../../src/index.js';

describe.each(RIGS)('over $name', ({ open }) => {
  let rig: Rig;
  const closing: AsyncDisposable[] = [];
  const own = <C extends AsyncDisposable>(client: C): C => {
    closing.push(client);
    return client;
  };

  beforeEach(async () => {
    rig = await open();
  });
  afterEach(async () => {
    for (const client of closing.splice(0)) await client[Symbol.asyncDispose]();
    await rig.stop();
  });

  test('a client subscribes once, with a handler', async () => {
    const source = own(await makeSource(rig.sourceOptions('hub')));
    await expect(source.subscribe()).rejects.toMatchObject({ code: 'invalid_argument', field: 'handlers' });
    const first = source.subscribe(() => undefined);
    await expect(source.subscribe(() => undefined)).rejects.toMatchObject({
      code: 'failed_precondition',
      message: 'this client is subscribed already: give all handlers to one subscribe(...)',
    });
    await first;
    await expect(source.subscribe(() => undefined)).rejects.toMatchObject({ code: 'failed_precondition' });
  });

  test('a client that only publishes is ready without a subscription; one that subscribes, with it', async () => {
    const source = own(await makeSource(rig.sourceOptions('hub')));
    await source.ready();
    const log = new StatusLog(source);
    void source.subscribe(() => undefined);
    await source.ready();
    await until('it is told', 5_000, () => log.count('subscribed') === 1);
    expect(rig.broker.status().sessions.sources).toBe(1);
    await source.ready({ signal: AbortSignal.timeout(5_000) });
  });

  test('the client comes back after the broker was away: it says so, and what it waits for then arrives', async () => {
    const inbox = new Inbox();
    const source = own(await makeSource(rig.sourceOptions('hub')));
    const log = new StatusLog(source);
    const first = source.reconnected[Symbol.asyncIterator]();
    const second = source.reconnected[Symbol.asyncIterator]();
    await source.subscribe(inbox.take);
    await rig.stop();
    await until('it knows', 5_000, () => log.count('disconnected') > 1);
    await expect(source.publish(typeOf('spec'), part('a', 1))).rejects.toMatchObject({ code: 'unavailable' });
    await rig.start();
    expect(await first.next()).toEqual({ done: false, value: undefined });
    expect(await second.next()).toEqual({ done: false, value: undefined });
    const agent = await RawPeer.subscribe(rig.broker, { cluster: 'c1' });
    await agent.publish(encodePart('c1-agent', typeOf('status'), part('a', 1)));
    await until('the status', 5_000, () => inbox.lines.includes('STATUSMODIFIED a 1'));
    await source.publish(typeOf('spec'), part('a', 2));
    await agent.close();
    expect(log.all.filter(({ type }) => type === 'subscribed')).toEqual([
      { type: 'subscribed', again: false },
      { type: 'subscribed', again: true },
    ]);
  });

  test('a client that only publishes comes back too', async () => {
    const source = own(await makeSource(rig.sourceOptions('hub')));
    await source.publish(typeOf('spec'), part('a', 1));
    await rig.stop();
    await expect(source.publish(typeOf('spec'), part('a', 2))).rejects.toMatchObject({ code: 'unavailable' });
    await rig.start();
    await until('it publishes again', 5_000, () =>
      source.publish(typeOf('spec'), part('a', 3)).then(
        () => true,
        () => false,
      ),
    );
  });

  test('with autoResync both sides heal what went by while they were away', async () => {
    const specs = new PartStore([part('a', 1), part('b', 1)]);
    const applied = new PartStore();
    const source = own(await makeSource(rig.sourceOptions('hub'), { lister: specs, autoResync: true }));
    const reported = new Inbox();
    await source.subscribe(reported.take, (_, { uid, status }) => {
      const held = specs.parts.get(uid);
      if (held !== undefined) specs.put({ ...held, status });
    });
    const inbox = new Inbox();
    const start = async () => {
      const agent = own(
        await makeAgent(rig.agentOptions('c1', 'c1-agent'), { lister: applied, autoResync: true }),
      );
      await agent.subscribe(inbox.take, (_, resource) =>
        applied.put({ ...resource, status: `has ${resource.resourceVersion}` }),
      );
      return agent;
    };
    const agent = await start();
    await until('the agent has both', 5_000, () => inbox.all.length === 2);
    expect(inbox.lines.toSorted()).toEqual(['ADDED a 1', 'ADDED b 1']);
    await agent.close();
    specs.put(part('a', 2));
    await source.publish(typeOf('spec'), part('a', 2));
    await start();
    await until('the newer one', 5_000, () => inbox.lines.includes('MODIFIED a 2'));
    await until('the statuses', 5_000, () =>
      ['a', 'b'].every((uid) => reported.all.some(({ part: got }) => got.uid === uid)),
    );
  });

  test('waitFor: what is held already, what comes later, a signal, a predicate that throws, and close', async () => {
    const lister = new PartStore([part('held', 1, { status: 'ready' })]);
    const source = own(await makeSource(rig.sourceOptions('hub'), { lister }));
    const isReady = ({ status }: { status?: unknown }) => status === 'ready';
    await expect(source.waitFor('held', isReady)).rejects.toMatchObject({ code: 'failed_precondition' });
    await source.subscribe(() => undefined);
    expect(await source.waitFor('held', isReady)).toMatchObject({ uid: 'held' });

    const later = source.waitFor('later', isReady);
    const beside = source.waitFor('later', isReady);
    const agent = await RawPeer.subscribe(rig.broker, { cluster: 'c1' });
    await agent.publish(encodePart('c1-agent', typeOf('status'), part('later', 1, { status: 'pulling' })));
    await agent.publish(encodePart('c1-agent', typeOf('status'), part('later', 2, { status: 'ready' })));
    expect(await later).toMatchObject({ uid: 'later', resourceVersion: '2' });
    expect(await beside).toMatchObject({ uid: 'later', resourceVersion: '2' });

    const given = source.waitFor('never', isReady, { signal: AbortSignal.timeout(20) });
    await expect(given).rejects.toMatchObject({ code: 'deadline_exceeded' });
    await expect(source.waitFor('never', isReady, { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'deadline_exceeded',
      message: 'resource never did not come to be as wanted within 20 ms',
    });
    const thrown = new TypeError('what status?');
    const wrong = () => {
      throw thrown;
    };
    await expect(source.waitFor('held', wrong)).rejects.toMatchObject({ cause: thrown });
    const wrongLater = source.waitFor('other', wrong);
    await agent.publish(encodePart('c1-agent', typeOf('status'), part('other', 1)));
    await expect(wrongLater).rejects.toMatchObject({ cause: thrown });

    const atClose = expect(source.waitFor('never', isReady)).rejects.toMatchObject({ code: 'cancelled' });
    await source.close();
    await atClose;
    await expect(source.waitFor('held', isReady)).rejects.toMatchObject({ code: 'cancelled' });
    await agent.close();
  });

  test('waitFor finds what is held without a get, and ends by its signal while the lister does not answer', async () => {
    const source = own(
      await makeSource(rig.sourceOptions('hub'), {
        lister: new PartList([part('held', 1, { status: 'ready' })]),
      }),
    );
    await source.subscribe(() => undefined);
    expect(await source.waitFor('held', () => true)).toMatchObject({ uid: 'held' });
    const stuck = own(
      await makeSource(rig.sourceOptions('hub2'), { lister: { list: () => new Promise(() => undefined) } }),
    );
    await stuck.subscribe(() => undefined);
    const waiting = stuck.waitFor('held', () => true, { signal: AbortSignal.timeout(20) });
    await expect(waiting).rejects.toMatchObject({ code: 'deadline_exceeded' });
    const atClose = expect(stuck.waitFor('held', () => true)).rejects.toMatchObject({ code: 'cancelled' });
    await stuck.close();
    await atClose;
  });

  test('after close every iterator ends, at once or later, and everything says that the client is closed', async () => {
    const source = await makeSource(rig.sourceOptions('hub'));
    const log = new StatusLog(source);
    const reconnected = source.reconnected[Symbol.asyncIterator]();
    const next = reconnected.next();
    await source.subscribe(() => undefined);
    await Promise.all([source.close(), source.close()]);
    await log.over;
    expect(log.types.at(-1)).toBe('closed');
    expect(await next).toEqual({ done: true, value: undefined });
    expect(await source.status().next()).toEqual({ done: true, value: undefined });
    expect(await source.reconnected[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
    const closed = { code: 'cancelled', message: 'the client is closed' };
    await expect(source.ready()).rejects.toMatchObject(closed);
    await source.close();
    await until('its session is gone', 5_000, () => rig.broker.status().sessions.sources === 0);

    const unsubscribed = await makeSource(rig.sourceOptions('hub'));
    await unsubscribed.close();
    await expect(unsubscribed.subscribe(() => undefined)).rejects.toMatchObject(closed);
  });

  test('handlers learn of the close by their signal, and get nothing after it', async () => {
    const agent = await makeAgent(rig.agentOptions('c1', 'c1-agent'));
    const seen: string[] = [];
    let aborted = false;
    await agent.subscribe(async (_, { uid }, { signal }) => {
      seen.push(uid);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      aborted = true;
    });
    const hub = await RawPeer.subscribe(rig.broker, { source: 'hub' });
    for (const version of [1, 2, 3]) await hub.publish(encodePart('hub', typeOf('spec'), part('a', version)));
    await until('the first is there', 5_000, () => seen.length === 1);
    await agent.close();
    await until('it is told', 5_000, () => aborted);
    expect(seen).toEqual(['a']);
    await hub.close();
  });
});

describe('reading what a client tells', () => {
  let server: ScriptedServer;
  beforeEach(async () => {
    server = await ScriptedServer.start();
  });
  afterEach(() => server.stop());

  test('any number of readers; one that never reads holds up nobody and costs no more than a bound', async () => {
    await using source = await hubAt(server.address, { reconnectDelay: () => 0 });
    const idleStatuses = source.status();
    const idleSignals = source.reconnected[Symbol.asyncIterator]();
    const log = new StatusLog(source);
    await source.subscribe(() => undefined);
    const signals = source.reconnected[Symbol.asyncIterator]();
    for (let loss = 0; loss < 100; loss += 1) {
      server.last.end(14, 'again');
      await signals.next();
    }
    expect(log.count('subscribed')).toBe(101);
    await signals.return?.();
    expect(await signals.next()).toEqual({ done: true, value: undefined });
    await source.close();
    const kept: string[] = [];
    for await (const { type } of idleStatuses) kept.push(type);
    expect(kept.length).toBeLessThanOrEqual(256);
    expect(kept.at(-1)).toBe('closed');
    expect(await idleSignals.next()).toEqual({ done: false, value: undefined });
    expect(await idleSignals.next()).toEqual({ done: true, value: undefined });
  });

  test('an iterator that is left while it waits ends at once', async () => {
    await using source = await hubAt(server.address);
    const signals = source.reconnected[Symbol.asyncIterator]();
    const next = signals.next();
    await signals.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
  });

  test('ready ends by its signal, and leaves the client as it is', async () => {
    server.script = { subscribe: () => undefined };
    await using source = await hubAt(server.address);
    const subscribed = source.subscribe(() => undefined);
    await expect(source.ready({ signal: AbortSignal.timeout(30) })).rejects.toMatchObject({
      code: 'deadline_exceeded',
    });
    await expect(source.ready({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
    await until('the server has the subscription', 5_000, () => server.subscriptions.length > 0);
    server.last.accept();
    await subscribed;
    await source.ready();
  });
});

describe('close', () => {
  test.each([
    ['while the connection is being opened', () => new Promise<never>(() => undefined)],
    ['between two attempts', () => Promise.reject(new Error('away'))],
  ])('%s ends every wait', async (_, open) => {
    const source = await makeSource(transportSourceOptions(open, 'hub'), { reconnectDelay: () => 60_000 });
    const waits = [source.subscribe(() => undefined), source.ready(), source.waitFor('a', () => false)];
    const ended = Promise.allSettled(waits);
    await source.close();
    expect((await ended).map((each) => each.status === 'rejected' && each.reason.code)).toEqual([
      'cancelled',
      'cancelled',
      'cancelled',
    ]);
  });

  test('does not wait for a transport that does not let go', async () => {
    const source = await makeSource(
      transportSourceOptions(
        () => ({
          publish: () => new Promise(() => undefined),
          subscribe: () => new Promise(() => undefined),
          close: () => new Promise(() => undefined),
          [Symbol.asyncDispose]: () => new Promise(() => undefined),
        }),
        'hub',
      ),
    );
    const subscribed = source.subscribe(() => undefined);
    await source.close();
    await expect(subscribed).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('ends a publish that waits for the answer of a connection on its way out', async () => {
    const server = await ScriptedServer.start({ publish: () => undefined });
    const agent = await agentAt(server.address, { reconnectDelay: () => 60_000 });
    const log = new StatusLog(agent);
    await agent.subscribe(() => undefined);
    const sent = agent.publish(typeOf('status'), part('a', 1));
    sent.catch(() => undefined);
    await until('it is on its way', 5_000, () => server.published.length === 1);
    server.goAway();
    await until('the client knows', 5_000, () => log.count('disconnected') === 1);
    await agent.close();
    const ended = sent.then(
      () => 'answered',
      (error: unknown) => error,
    );
    const turn = new Promise((resolve) => setImmediate(() => resolve('still waiting')));
    expect(await Promise.race([ended, turn])).toMatchObject({ name: 'CeBrokerError' });
    await until('the connection is gone', 5_000, () => server.openConnections === 0);
    await server.stop();
  });
});
