import {
  type Event,
  Extension,
  encodeSpecResyncBody,
  encodeStatusResyncBody,
  eventDataBytes,
  readClusterName,
  readDeletionTimestamp,
  readResourceId,
} from 'ce-broker-proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  agentAt,
  type Changes,
  deleting,
  hubAt,
  PARTS,
  type Part,
  PartList,
  PartStore,
  part,
  ScriptedServer,
  StatusLog,
  specQuestion,
  statusHashOf,
  statusQuestion,
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

/** The question of an agent names the source that it is for: whatever stands there, the source answers. */
const askedOf = { originalSource: 'somebody else' };

/** Asks the client on the line, then something that it always answers; gives what it answered to the first. */
async function answersTo(question: Event, end: Event, isEnd: (event: Event) => boolean): Promise<Event[]> {
  const before = server.published.length;
  server.last.send(question);
  server.last.send(end);
  await until('the last answer', 5_000, () => server.published.slice(before).some(isEnd));
  return server.published.slice(before).filter((event) => !isEnd(event));
}

async function answersOfHub(parts: readonly Part[], body: Uint8Array | undefined, changes: Changes = {}) {
  const lister = new PartList([...parts, deleting('end', 1, { cluster: 'end' })]);
  await using source = await hubAt(server.address, { lister, ...changes });
  const log = new StatusLog(source);
  await source.subscribe(() => undefined);
  // Questions about another cluster are answered beside this one: the end is asked for when the answers are in.
  const before = server.published.length;
  server.last.send(specQuestion(body, askedOf));
  server.last.send(specQuestion(undefined, askedOf));
  await until('both questions are answered', 5_000, () => log.count('resync-failed') > 0);
  return { log, lister, answers: server.published.slice(before) };
}

const shown = (event: Event): string =>
  [
    event.type.split('.').slice(-2).join('.'),
    readResourceId(event),
    word(event, Extension.resourceVersion),
    ...(readDeletionTimestamp(event) === undefined ? [] : ['deleting']),
    ...(event.data === undefined ? ['no data'] : []),
  ].join(' ');

describe('a source that is asked for specs', () => {
  test('sends what is deleting, has version 0 or is newer than listed, then deletions for listed ids that it does not hold', async () => {
    const { answers, lister } = await answersOfHub(
      [
        part('older', 1),
        part('same', 2),
        part('newer', 3),
        part('zero', 0),
        part('unlisted', 1),
        part('unlisted-negative', -1),
        part('wrong', 'v7'),
        part('huge', '9223372036854775808'),
        part('largest', '9223372036854775807'),
        deleting('going', 1),
        deleting('going-wrong', 'v7'),
        part('far', 5, { cluster: 'c2' }),
      ],
      encodeSpecResyncBody([
        ...['older', 'same', 'newer', 'zero', 'wrong', 'going'].map((resourceId) => ({
          resourceId,
          resourceVersion: 2n,
        })),
        { resourceId: 'largest', resourceVersion: 9223372036854775806n },
        { resourceId: 'gone', resourceVersion: 7n },
        { resourceId: 'far', resourceVersion: 5n },
      ]),
    );
    const lines = answers.map(shown);
    expect(lines.slice(0, -2).toSorted()).toEqual([
      'spec.resync_response going 1 deleting',
      'spec.resync_response going-wrong v7 deleting',
      'spec.resync_response largest 9223372036854775807',
      'spec.resync_response newer 3',
      'spec.resync_response unlisted 1',
      'spec.resync_response zero 0',
    ]);
    expect(lines.slice(-2).toSorted()).toEqual([
      'spec.resync_response far 5 deleting no data',
      'spec.resync_response gone 7 deleting no data',
    ]);
    const gone = answers.find((event) => readResourceId(event) === 'gone');
    expect(gone).toMatchObject({ source: 'hub' });
    expect(gone && readClusterName(gone)).toBe('c1');
    expect(lister.asked).toEqual([{ clusterName: 'c1', source: 'hub', dataType: PARTS }]);
  });

  test.each([
    '{"resourceVersions":[]}',
    '{"resourceVersions":null}',
    '{}',
    'null',
    '{"RESOURCEversions":[]}',
  ])('takes %s for a list that is empty: everything goes, and nothing is deleted', async (body) => {
    const { answers } = await answersOfHub([part('a', 1), part('b', 2)], Buffer.from(body));
    expect(answers.map(shown).toSorted()).toEqual(['spec.resync_response a 1', 'spec.resync_response b 2']);
  });

  test('that holds nothing says nothing, and deletes nothing', async () => {
    const { answers } = await answersOfHub(
      [part('elsewhere', 1, { cluster: 'c2' })],
      encodeSpecResyncBody([{ resourceId: 'a', resourceVersion: 1n }]),
    );
    expect(answers).toEqual([]);
  });

  test.each([
    ['no data', undefined, 'the request holds no data'],
    ['a body that is no JSON', Buffer.from('{'), undefined],
  ])('answers %s with nothing, and tells of it', async (_, body, message) => {
    const { answers, log } = await answersOfHub([part('a', 1)], body);
    expect(answers).toEqual([]);
    expect(log.errors('resync-failed')[0]).toContain(message ?? 'invalid_argument');
  });

  test('an answer that is refused keeps none of the others back, and is told of', async () => {
    server.script = { publish: (call) => call.fail(7, 'not you') };
    await using source = await hubAt(server.address, { lister: new PartList([part('a', 1)]) });
    const log = new StatusLog(source);
    await source.subscribe(() => undefined);
    server.last.send(
      specQuestion(encodeSpecResyncBody([{ resourceId: 'gone', resourceVersion: 1n }]), askedOf),
    );
    await until('it is told of', 5_000, () => log.count('resync-failed') === 1);
    expect(log.errors('resync-failed')).toEqual([
      'permission_denied: not you (and 1 more answers were refused)',
    ]);
    expect(server.published.map(shown)).toEqual([
      'spec.resync_response a 1',
      'spec.resync_response gone 1 deleting no data',
    ]);
  });

  test('answers that are lost go out again while the subscription stands, without those that were taken, at most 64 at a time', async () => {
    const parts = Array.from({ length: 500 }, (_, index) => part(`p${index}`, 1));
    const taken: (string | undefined)[] = [];
    let losses = 0;
    let underWay = 0;
    let most = 0;
    server.script = {
      publish: (call) => {
        underWay += 1;
        most = Math.max(most, underWay);
        setImmediate(() => {
          underWay -= 1;
          if (taken.length >= 100 && losses < 64) {
            losses += 1;
            call.fail(14, 'too busy');
          } else {
            taken.push(readResourceId(call.event));
            call.ok();
          }
        });
      },
    };
    await using source = await hubAt(server.address, { lister: new PartList(parts) });
    const log = new StatusLog(source);
    await source.subscribe(() => undefined);
    server.last.send(specQuestion(encodeSpecResyncBody([]), askedOf));
    await until('all are taken', 10_000, () => taken.length >= 500);
    await source.publish(typeOf('spec'), part('end', 1));
    expect(taken.slice(0, -1).toSorted()).toEqual(parts.map(({ uid }) => uid).toSorted());
    expect(log.errors('resync-failed')[0]).toBe('unavailable: too busy');
    expect(most).toBeLessThanOrEqual(64);
    expect(losses).toBeLessThanOrEqual(64);
  });

  test.each([
    [
      'of the wrong subresource',
      statusQuestion(encodeStatusResyncBody([])),
      /^invalid_argument: source hub expects no event of type/,
    ],
    [
      'for a data type that it does not know',
      specQuestion(encodeSpecResyncBody([]), { ...askedOf, dataType: TOOLS }),
      /no codec for the data type io\.ce-broker\.behaviour\.v1\.tools/,
    ],
    [
      'without a cluster',
      specQuestion(encodeSpecResyncBody([]), { ...askedOf, cluster: null }),
      /no ce-clustername/,
    ],
  ])('tells of a question %s', async (_, question, message) => {
    await using source = await hubAt(server.address, { lister: new PartList([part('a', 1)]) });
    const log = new StatusLog(source);
    await source.subscribe(() => undefined);
    server.last.send(question);
    await until('it is told of', 5_000, () => log.count('resync-failed') + log.count('event-dropped') === 1);
    expect([...log.errors('resync-failed'), ...log.errors('event-dropped')][0]).toMatch(message);
    expect(server.published).toEqual([]);
  });
});

describe('an agent that is asked for statuses', () => {
  const parts = [
    part('a', 1, { status: 'A' }),
    part('b', 1, { status: 'B' }),
    part('throws', 1, { status: 'no hash' }),
    part('foreign', 1, { status: 'F', source: 'other' }),
  ];
  const hashOf = (resource: Part): string => {
    if (resource.uid === 'throws') throw new Error('no hash today');
    return statusHashOf(resource);
  };
  const hashes = (entries: Record<string, string>) =>
    encodeStatusResyncBody(
      Object.entries(entries).map(([resourceId, statusHash]) => ({ resourceId, statusHash })),
    );

  async function answersOfAgent(body: Uint8Array, lister: PartList) {
    await using agent = await agentAt(server.address, { lister, statusHashGetter: hashOf });
    await agent.subscribe(() => undefined);
    const end = statusQuestion(hashes({ end: 'asked' }));
    lister.put(part('end', 1, { status: 'end' }));
    return await answersTo(
      statusQuestion(body),
      end,
      (event) => readResourceId(event) === 'end' && !text(event).includes('never'),
    );
  }

  describe.each([
    ['a lister with get', PartStore],
    ['a lister without get', PartList],
  ])('%s', (_, Lister) => {
    test('sends the listed ones whose hash differs, and no others', async () => {
      const same = hashOf(part('a', 1, { status: 'A' }));
      const answers = await answersOfAgent(
        hashes({ a: same, b: 'another', throws: 'x', foreign: 'x', unknown: 'x' }),
        new Lister(parts),
      );
      expect(answers.map(shown)).toEqual(['status.resync_response b 1']);
      expect(answers[0]).toMatchObject({ source: 'c1-agent' });
      expect(answers.map((event) => word(event, Extension.originalSource))).toEqual(['hub']);
      expect(answers.map(text)).toEqual(['{"status":"B"}']);
    });
  });

  test.each(['{"statusHashes":[]}', '{"statusHashes":null}', '{}', 'null'])(
    'takes %s for a list that is empty: all that the asker owns goes',
    async (body) => {
      const lister = new PartStore(parts);
      await using agent = await agentAt(server.address, { lister, statusHashGetter: hashOf });
      await agent.subscribe(() => undefined);
      server.last.send(statusQuestion(Buffer.from(body)));
      await until('three answers', 5_000, () => server.published.length === 3);
      expect(server.published.map((event) => readResourceId(event)).toSorted()).toEqual(['a', 'b', 'throws']);
      expect(lister.asked).toEqual([{ clusterName: 'c1', source: 'hub', dataType: PARTS }]);
    },
  );
});
