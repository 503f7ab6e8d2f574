import { manifestWorkStatusHash } from 'ce-broker-client';
import {
  createEvent,
  encodeSpecResyncBody,
  encodeStatusResyncBody,
  readResourceId,
  statusHash,
} from 'ce-broker-proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  agentAt,
  type Changes,
  encodePart,
  hubAt,
  Inbox,
  type Part,
  PartList,
  PartStore,
  part,
  ScriptedServer,
  specQuestion,
  statusHashOf,
  statusQuestion,
  typeOf,
} from '../../src/client-support/index.js';
import { until } from '../../src/index.js';

/** Counts how often each part is looked at: any property of it that is read. */
class Counted {
  looks = 0;

  part(uid: string, version: number, status: unknown = 's'): Part {
    const counted = this;
    return {
      get uid() {
        counted.looks += 1;
        return uid;
      },
      resourceVersion: String(version),
      cluster: 'c1',
      source: 'hub',
      status,
    };
  }
}

const many = (count: number) => Array.from({ length: count }, (_, index) => `part-${index}`);
const FEW = 2_000;
const TIMES = 10;

describe('the work of a resync grows with the number of resources, not with its square', () => {
  let server: ScriptedServer;
  beforeEach(async () => {
    server = await ScriptedServer.start();
  });
  afterEach(() => server.stop());

  /** All ids are listed as they are held but the last two, which are owed; the one beyond them is gone. */
  async function specAnswer(count: number) {
    const counted = new Counted();
    const lister = new PartList();
    for (const uid of many(count)) lister.parts.set(uid, counted.part(uid, 1));
    lister.parts.set('owed', counted.part('owed', 2));
    const body = encodeSpecResyncBody([
      ...many(count).map((resourceId) => ({ resourceId, resourceVersion: 1n })),
      { resourceId: 'owed', resourceVersion: 1n },
      { resourceId: 'gone', resourceVersion: 1n },
    ]);
    await using source = await hubAt(server.address, { lister });
    await source.subscribe(() => undefined);
    const before = server.published.length;
    server.last.send(specQuestion(body));
    await until('the answers', 20_000, () => server.published.length === before + 2);
    expect(server.published.slice(before).map((event) => readResourceId(event))).toEqual(['owed', 'gone']);
    return { looks: counted.looks, lists: lister.lists, listed: lister.listed };
  }

  async function statusAnswer(count: number, lister: PartList) {
    const counted = new Counted();
    for (const uid of many(count)) lister.parts.set(uid, counted.part(uid, 1, 'same'));
    lister.parts.set('owed', counted.part('owed', 1, 'new'));
    const hash = statusHashOf(part('any', 1, { status: 'same' }));
    const body = encodeStatusResyncBody(
      [...many(count), 'owed', 'unknown'].map((resourceId) => ({ resourceId, statusHash: hash })),
    );
    let hashed = 0;
    const changes: Changes = {
      lister,
      statusHashGetter: (resource) => {
        hashed += 1;
        return statusHashOf(resource);
      },
    };
    await using agent = await agentAt(server.address, changes);
    await agent.subscribe(() => undefined);
    const before = server.published.length;
    server.last.send(statusQuestion(body));
    await until('the answer', 20_000, () => server.published.length === before + 1);
    return {
      looks: counted.looks,
      lists: lister.lists,
      hashed,
      gets: lister instanceof PartStore ? lister.gets : 0,
    };
  }

  test('a source that answers about 2,000 and about 20,000', async () => {
    const few = await specAnswer(FEW);
    const more = await specAnswer(FEW * TIMES);
    expect(few).toMatchObject({ lists: 1, listed: FEW + 1 });
    expect(more).toMatchObject({ lists: 1, listed: FEW * TIMES + 1 });
    expect(more.looks).toBeLessThanOrEqual(few.looks * TIMES);
  });

  test.each([
    ['looks each up', PartStore],
    ['lists once', PartList],
  ])('an agent that %s', async (_, Lister) => {
    const few = await statusAnswer(FEW, new Lister());
    const more = await statusAnswer(FEW * TIMES, new Lister());
    expect(more.hashed).toBe(FEW * TIMES + 1);
    expect(more.lists).toBe(few.lists);
    expect(more.lists + Math.sign(more.gets)).toBe(1);
    expect(more.gets).toBe(Lister === PartStore ? FEW * TIMES + 3 : 0);
    expect(more.looks).toBeLessThanOrEqual(few.looks * TIMES);
  });

  test('an agent whose lister has get is never asked for a list by an event; and one look-up is enough', async () => {
    const lister = new PartStore(many(20_000).map((uid) => part(uid, 1)));
    const inbox = new Inbox();
    await using agent = await agentAt(server.address, { lister });
    await agent.subscribe(inbox.take);
    for (const uid of many(1_000)) server.last.send(encodePart('hub', typeOf('spec'), part(uid, 2)));
    await until('all', 20_000, () => inbox.all.length === 1_000);
    expect({ lists: lister.lists, gets: lister.gets }).toEqual({ lists: 0, gets: 1_000 });
  });
});

test('a source that holds 200,000 resources answers an agent that lists 60,000 of them', {
  timeout: 120_000,
}, async () => {
  const server = await ScriptedServer.start();
  const total = 200_000;
  const lister = new PartList(many(total).map((uid) => part(uid, 1)));
  await using source = await hubAt(server.address, { lister });
  await source.subscribe(() => undefined);
  const listed = many(total).map((resourceId) => ({ resourceId, resourceVersion: 1n }));
  // Under 4 MiB, as it must be: the rest is owed, and its first answers show that the whole was worked through.
  server.last.send(specQuestion(encodeSpecResyncBody(listed.slice(0, 60_000))));
  await until('the first answers', 60_000, () => server.published.length > 100);
  expect(server.published.map((event) => readResourceId(event)).slice(0, 10)).toEqual(
    many(60_010).slice(60_000),
  );
  expect(lister.lists).toBe(1);
  await source.close();
  await server.stop();
});

describe('the hash of a status', () => {
  const status = { resourceStatus: { manifests: [] }, conditions: [{ type: 'Applied', status: 'True' }] };

  test.each([
    ['v1.3', statusHash],
    ['v0.15', manifestWorkStatusHash],
    ["the agent's own, echoed", () => 'as the agent said'],
  ])('%s: goes out as it is, and what is equal is not sent again', async (_, hashOf) => {
    const server = await ScriptedServer.start();
    const held = part('a', 1, { status });
    const hash = hashOf(status as never);
    const statusHashGetter = () => hash;
    await using source = await hubAt(server.address, { lister: new PartStore([held]), statusHashGetter });
    await source.resync();
    await using agent = await agentAt(server.address, {
      lister: new PartStore([held, part('end', 1)]),
      statusHashGetter,
    });
    await agent.subscribe(() => undefined);
    const [asked] = server.published;
    if (asked === undefined) throw new Error('nothing was asked');
    expect(asked.data?.kind === 'binary' && JSON.parse(Buffer.from(asked.data.value).toString())).toEqual({
      statusHashes: [{ resourceID: 'a', statusHash: hash }],
    });
    server.last.send(asked);
    server.last.send(
      createEvent({
        ...asked,
        data: {
          kind: 'binary',
          value: encodeStatusResyncBody([{ resourceId: 'end', statusHash: 'another' }]),
        },
      }),
    );
    await until('the end', 5_000, () => server.published.length > 1);
    expect(server.published.slice(1).map((event) => readResourceId(event))).toEqual(['end']);
    await agent.close();
    await server.stop();
  });
});
