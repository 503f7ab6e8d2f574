import { grpcAgentOptions, grpcSourceOptions } from 'ce-broker-client';
import {
  createEvent,
  type Event,
  Extension,
  encodeSpecResyncBody,
  encodeStatusResyncBody,
  eventDataBytes,
  readDeletionTimestamp,
  readResourceId,
  readResourceVersion,
} from 'ce-broker-proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  hubAt,
  makeAgent,
  makeSource,
  type Part,
  PartStore,
  part,
  ScriptedServer,
  StatusLog,
  specQuestion,
  statusQuestion,
  typeOf,
} from '../../src/client-support/index.js';
import { until } from '../../src/index.js';

// What goes on beside the answer to a resync request, which takes its time within the rate limit.

const SLOW = { qps: 200, burst: 1 };
const HELD = 100;

let server: ScriptedServer;
beforeEach(async () => {
  server = await ScriptedServer.start();
});
afterEach(() => server.stop());

const ids = Array.from({ length: HELD }, (_, index) => `w${index}`);
const LAST = `w${HELD - 1}`;

function shown(event: Event): string {
  const { type } = event;
  const action = type.slice(type.lastIndexOf('.') + 1);
  const gone = readDeletionTimestamp(event) === undefined ? '' : ' deleting';
  return `${action} ${readResourceId(event)} ${readResourceVersion(event)}${gone}`;
}

function put(store: PartStore, held: Part): Part {
  store.parts.set(held.uid, held);
  return held;
}

const about = (uid: string) => server.published.filter((event) => readResourceId(event) === uid);
const answers = () => server.published.filter(({ type }) => type.endsWith('.resync_response'));

describe('while a source answers', () => {
  const slowHub = (store: PartStore) =>
    makeSource(grpcSourceOptions({ url: server.address }, 'hub', SLOW), { lister: store });

  test('what it publishes meanwhile is neither followed by an older version nor deleted', async () => {
    const store = new PartStore(ids.map((uid) => part(uid, 1)));
    await using source = await slowHub(store);
    await source.subscribe(() => undefined);
    server.last.send(specQuestion(encodeSpecResyncBody([{ resourceId: 'x', resourceVersion: 5n }])));
    await until('it has begun', 10_000, () => answers().length > 3);
    const updated = put(store, part(LAST, 2));
    await source.publish(typeOf('spec', 'update_request'), updated);
    await source.publish(typeOf('spec', 'create_request'), put(store, part('x', 6)));
    await until('all have gone out', 20_000, () => answers().length === HELD - 1);
    // A further question is answered behind the first.
    server.last.send(
      specQuestion(encodeSpecResyncBody([{ resourceId: 'y', resourceVersion: 1n }]), { id: 'q2' }),
    );
    await until('the second is under way', 20_000, () => answers().length > HELD);
    expect(about(LAST).slice(0, 1).map(shown)).toEqual([`update_request ${LAST} 2`]);
    expect(about('x').slice(0, 1).map(shown)).toEqual(['create_request x 6']);
    expect(about('x').filter((event) => readDeletionTimestamp(event) !== undefined)).toEqual([]);
  });

  test('its own publishes do not wait behind the answer', async () => {
    const store = new PartStore(ids.map((uid) => part(uid, 1)));
    await using source = await slowHub(store);
    await source.subscribe(() => undefined);
    server.last.send(specQuestion(encodeSpecResyncBody([])));
    await until('it has begun', 10_000, () => answers().length > 3);
    const before = answers().length;
    for (let version = 1; version <= 10; version += 1) {
      await source.publish(typeOf('spec', 'update_request'), part('own', version));
    }
    const own = about('own').length;
    expect(own).toBe(10);
    // Turn and turn about: some answers more may have had theirs while a publish was on its way.
    expect(answers().length - before).toBeLessThan(40);
  });

  test('the same agent that asks again and again is answered once more', async () => {
    const store = new PartStore(ids.map((uid) => part(uid, 1)));
    await using source = await slowHub(store);
    await source.subscribe(() => undefined);
    for (let index = 0; index < 10; index += 1) {
      server.last.send(specQuestion(encodeSpecResyncBody([]), { id: `question-${index}` }));
    }
    await until('both answers are out', 20_000, () => answers().length >= 2 * HELD);
    await source.publish(typeOf('spec', 'update_request'), part('end', 1));
    expect(answers().length).toBe(2 * HELD);
  });

  test('a connection that is lost in the middle does not cost the rest of the answer', async () => {
    const store = new PartStore(ids.map((uid) => part(uid, 1)));
    await using source = await slowHub(store);
    await source.subscribe(() => undefined);
    server.last.send(specQuestion(encodeSpecResyncBody([])));
    await until('it has begun', 10_000, () => answers().length > 10);
    server.reset();
    await until('each has gone out', 25_000, () => new Set(answers().map(readResourceId)).size === HELD);
  });
});

describe('while an agent answers', () => {
  test('the status that it publishes meanwhile is not followed by the older one', async () => {
    const store = new PartStore(ids.map((uid) => part(uid, 1, { status: 'Pending' })));
    const options = grpcAgentOptions({ url: server.address }, 'c1', 'c1-agent', SLOW);
    await using agent = await makeAgent(options, { lister: store });
    await agent.subscribe(() => undefined);
    server.last.send(statusQuestion(encodeStatusResyncBody([])));
    await until('it has begun', 10_000, () => answers().length > 3);
    const ready = put(store, part(LAST, 1, { status: 'Ready' }));
    await agent.publish(typeOf('status', 'update_request'), ready);
    await until('all others have gone out', 20_000, () => answers().length === HELD - 1);
    const text = (event: Event) => Buffer.from(eventDataBytes(event) ?? []).toString();
    expect(about(LAST).map(text)).toEqual(['{"status":"Ready"}']);
  });
});

test('publishes that wait for the connection go out before those that come when it stands', async () => {
  await using source = await hubAt(server.address);
  const order: Promise<void>[] = [];
  const log = (async () => {
    for await (const { type } of source.status()) {
      if (type !== 'connected') continue;
      order.push(source.publish(typeOf('spec', 'update_request'), part('a', 3)));
      return;
    }
  })();
  order.push(source.publish(typeOf('spec', 'create_request'), part('a', 1)));
  order.push(source.publish(typeOf('spec', 'update_request'), part('a', 2)));
  await log;
  await Promise.all(order);
  expect(about('a').map(shown)).toEqual(['create_request a 1', 'update_request a 2', 'update_request a 3']);
});

test('a client whose handlers are behind says so, and names the resource', async () => {
  const store = new PartStore();
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await using source = await hubAt(server.address, { lister: store, maxPendingBytes: 20_000 });
  const log = new StatusLog(source);
  await source.subscribe(() => held);
  for (const uid of ids.slice(0, 30)) {
    server.last.send(
      createEvent({
        id: uid,
        source: 'c1-agent',
        type: String(typeOf('status', 'update_request')),
        extensions: [
          [Extension.resourceId, { kind: 'string', value: uid }],
          [Extension.resourceVersion, { kind: 'string', value: '1' }],
          [Extension.clusterName, { kind: 'string', value: 'c1' }],
          [Extension.originalSource, { kind: 'string', value: 'hub' }],
        ],
        dataContentType: 'application/json',
        data: { kind: 'binary', value: Buffer.from('{}') },
      }),
    );
  }
  await until('it is told', 10_000, () => log.count('paused') > 0);
  expect(log.all.find(({ type }) => type === 'paused')).toMatchObject({ resourceId: 'w0' });
  release();
  await until('it goes on', 10_000, () => log.count('resumed') > 0);
});
