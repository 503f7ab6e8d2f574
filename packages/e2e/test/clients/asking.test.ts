import {
  decodeSpecResyncBody,
  decodeStatusResyncBody,
  type Event,
  Extension,
  eventDataBytes,
  readClusterName,
} from 'ce-broker-proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  agentAt,
  eventCodec,
  hubAt,
  PARTS,
  PartStore,
  part,
  ScriptedServer,
  StatusLog,
  TOOLS,
  typeOf,
} from '../../src/client-support/index.js';
import { until } from '../../src/index.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await ScriptedServer.start();
});
afterEach(() => server.stop());

const text = (event: Event): string => Buffer.from(eventDataBytes(event) ?? []).toString();
const word = (event: Event, name: string) => {
  const value = event.extensions.get(name);
  return value?.kind === 'string' ? value.value : value;
};

describe('a client that asks', () => {
  test('a source: one question for each data type, with every hash; to one cluster or to all', async () => {
    const lister = new PartStore([part('a', 1, { status: 1 }), part('b', 1, { cluster: 'c2' })]);
    await using source = await hubAt(server.address, { lister, codecs: [eventCodec(), eventCodec(TOOLS)] });
    await source.resync();
    await source.resync('c2');
    expect(server.published.map(({ type, source: from }) => [type, from])).toEqual([
      [String(typeOf('status', 'resync_request', PARTS)), 'hub'],
      [String(typeOf('status', 'resync_request', TOOLS)), 'hub'],
      [String(typeOf('status', 'resync_request', PARTS)), 'hub'],
      [String(typeOf('status', 'resync_request', TOOLS)), 'hub'],
    ]);
    expect(server.published.map((event) => readClusterName(event))).toEqual(['', '', 'c2', 'c2']);
    expect(server.published.map((event) => word(event, Extension.originalSource))).toEqual(['', '', '', '']);
    expect(server.published.map((event) => event.dataContentType)).toEqual(Array(4).fill('application/json'));
    expect(decodeStatusResyncBody(eventDataBytes(server.published[0] as Event))).toEqual([
      { resourceId: 'a', statusHash: 'hash of 1' },
      { resourceId: 'b', statusHash: 'hash of undefined' },
    ]);
    expect(lister.asked[0]).toEqual({ clusterName: '', source: 'hub', dataType: PARTS });
    expect(lister.asked[3]).toEqual({ clusterName: 'c2', source: 'hub', dataType: TOOLS });
  });

  test('an agent: one question for each data type, with every version', async () => {
    const lister = new PartStore([part('a', '9223372036854775807'), part('b', 0, { source: 'other' })]);
    await using agent = await agentAt(server.address, { lister });
    await agent.resync();
    await agent.resync('other');
    expect(server.published.map((event) => word(event, Extension.originalSource))).toEqual(['', 'other']);
    expect(server.published.map((event) => readClusterName(event))).toEqual(['c1', 'c1']);
    expect(server.published.map(text)).toEqual([
      '{"resourceVersions":[{"resourceID":"a","resourceVersion":9223372036854775807},{"resourceID":"b","resourceVersion":0}]}',
      '{"resourceVersions":[{"resourceID":"b","resourceVersion":0}]}',
    ]);
    expect(decodeSpecResyncBody(eventDataBytes(server.published[1] as Event))).toHaveLength(1);
  });

  test('an empty list is [] on the wire', async () => {
    await using source = await hubAt(server.address);
    await using agent = await agentAt(server.address);
    await source.resync();
    await agent.resync();
    expect(server.published.map(text)).toEqual(['{"statusHashes":[]}', '{"resourceVersions":[]}']);
  });

  test('a long list of hashes goes out in parts under 4 MiB, none of them empty, whatever the ids are made of', async () => {
    const ids = Array.from({ length: 30_000 }, (_, index) => `${'部品'.repeat(40)}-${index}`);
    const lister = new PartStore(ids.map((uid) => part(uid, 1)));
    await using source = await hubAt(server.address, { lister });
    await source.resync();
    expect(server.published.length).toBeGreaterThan(1);
    const lists = server.published.map((event) => decodeStatusResyncBody(eventDataBytes(event)));
    expect(lists.every((list) => list.length > 0)).toBe(true);
    expect(lists.flat().map(({ resourceId }) => resourceId)).toEqual(ids);
    const largest = Math.max(...server.published.map((event) => eventDataBytes(event)?.length ?? 0));
    expect(largest).toBeLessThan(4 * 1024 * 1024 - 1024);
  });

  test('a version that is no number, a hash getter and a lister that throw end it, and nothing was sent', async () => {
    await using agent = await agentAt(server.address, { lister: new PartStore([part('a', 'v7')]) });
    await expect(agent.resync()).rejects.toMatchObject({
      code: 'invalid_argument',
      field: 'resourceVersion',
      message: 'resource a: the version "v7" is no whole number of 64 bits',
    });
    const thrown = new RangeError('no hash');
    await using source = await hubAt(server.address, {
      lister: new PartStore([part('a', 1)]),
      statusHashGetter: () => {
        throw thrown;
      },
    });
    await expect(source.resync()).rejects.toBe(thrown);
    const cause = new Error('the database is away');
    await using third = await hubAt(server.address, { lister: { list: () => Promise.reject(cause) } });
    await expect(third.resync()).rejects.toMatchObject({
      code: 'internal',
      field: 'lister',
      message: 'the lister failed: list() threw: the database is away',
      cause,
    });
    expect(server.published).toEqual([]);
  });

  test('a question asked while the subscription is not there yet waits for it', async () => {
    server.script = { subscribe: () => undefined };
    await using agent = await agentAt(server.address);
    const subscribed = agent.subscribe(() => undefined);
    await until('it has asked to subscribe', 5_000, () => server.subscriptions.length === 1);
    const asked = agent.resync();
    await agent.publish(typeOf('status'), part('a', 1));
    expect(server.published.map(({ type }) => type)).toEqual([String(typeOf('status'))]);
    server.last.accept();
    await asked;
    await subscribed;
    expect(server.published.map(({ type }) => type)).toEqual([
      String(typeOf('status')),
      String(typeOf('spec', 'resync_request')),
    ]);
  });

  test('a question that waits for the subscription ends by its signal', async () => {
    server.script = { subscribe: () => undefined };
    await using agent = await agentAt(server.address);
    void agent.subscribe(() => undefined);
    await until('it has asked to subscribe', 5_000, () => server.subscriptions.length === 1);
    const giveUp = new AbortController();
    const asked = agent.resync('', { signal: giveUp.signal });
    giveUp.abort();
    await expect(asked).rejects.toMatchObject({ code: 'cancelled' });
    await expect(agent.resync('', { timeoutMs: 20 })).rejects.toMatchObject({ code: 'deadline_exceeded' });
  });
});

describe('autoResync', () => {
  test('asks at each subscription, the first included, and again until the list can be had', async () => {
    let away = true;
    const lister = {
      list: () => {
        if (away) throw new Error('not yet');
        return [part('a', 1)];
      },
    };
    await using agent = await agentAt(server.address, { lister, autoResync: true });
    const log = new StatusLog(agent);
    await agent.subscribe(() => undefined);
    await until('it failed', 5_000, () => log.count('resync-failed') === 1);
    expect(log.errors('resync-failed')).toEqual(['internal: the lister failed: list() threw: not yet']);
    away = false;
    await until('it asked', 5_000, () => server.published.length === 1);
    server.last.end(14, 'come again');
    await until('it asked again', 5_000, () => server.published.length === 2);
    expect(server.published.map(text)).toEqual(
      Array(2).fill('{"resourceVersions":[{"resourceID":"a","resourceVersion":1}]}'),
    );
  });

  test('off: nothing is asked, before or after a loss', async () => {
    await using agent = await agentAt(server.address, { autoResync: false });
    const reconnected = agent.reconnected[Symbol.asyncIterator]();
    await agent.subscribe(() => undefined);
    server.last.end(14, 'come again');
    await reconnected.next();
    await agent.publish(typeOf('status'), part('a', 1));
    expect(server.published.map(({ type }) => type)).toEqual([String(typeOf('status'))]);
  });
});
