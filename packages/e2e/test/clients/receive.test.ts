import { CloudEventsType, createEvent, type Event, Extension } from 'ce-broker-proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  classCodec,
  DELETED_AT,
  deleting,
  encodePart,
  eventCodec,
  Inbox,
  makeAgent,
  makeSource,
  PARTS,
  PartList,
  PartStore,
  part,
  RawPeer,
  RIGS,
  type Rig,
  StatusLog,
  TOOLS,
  typeOf,
} from '../../src/client-support/index.js';
import { until } from '../../src/index.js';

const SPEC = typeOf('spec');
const STATUS = typeOf('status');

function without(event: Event, extension: string): Event {
  const extensions = [...event.extensions].filter(([name]) => name !== extension);
  return createEvent({ ...event, extensions });
}

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

  test.each([
    ['a lister with get', PartStore],
    ['a lister without get', PartList],
  ])('what a spec means to an agent is told by %s', async (_, Lister) => {
    const lister = new Lister([
      part('older', 1),
      part('same', 2),
      part('newer', 3),
      part('zero', 0),
      part('zero-held', 0),
      part('zero-got', 4),
      part('going', 5),
      part('foreign', 1, { source: 'other' }),
      part('far', 1, { cluster: 'c2' }),
    ]);
    const inbox = new Inbox();
    const agent = own(await makeAgent(rig.agentOptions('c1', 'c1-agent'), { lister }));
    await agent.subscribe(inbox.take);
    const hub = await RawPeer.subscribe(rig.broker, { source: 'hub' });
    const events = [
      part('unknown', 1),
      deleting('unknown-going', 1),
      part('older', 2),
      part('same', 2),
      part('newer', 2),
      part('zero', 0),
      part('zero-held', 1),
      part('zero-got', 0),
      deleting('going', 1),
      part('foreign', 1),
      part('far', 1),
      part('end', 1),
    ];
    for (const each of events) await hub.publish(encodePart('hub', SPEC, each));
    await until('the last one is there', 5_000, () => inbox.lines.includes('ADDED end 1'));
    expect(inbox.lines).toEqual([
      'ADDED unknown 1',
      'ADDED unknown-going 1',
      'MODIFIED older 2',
      'MODIFIED zero 0',
      'MODIFIED zero-held 1',
      'DELETED going 1',
      'ADDED foreign 1',
      'ADDED far 1',
      'ADDED end 1',
    ]);
    expect(inbox.all[5]?.part.deletionTimestamp).toBe(DELETED_AT);
    await hub.close();
  });

  test('a source hears each status as STATUSMODIFIED, whatever it holds', async () => {
    const inbox = new Inbox();
    const source = own(await makeSource(rig.sourceOptions('hub'), { lister: new PartStore([part('a', 9)]) }));
    await source.subscribe(inbox.take);
    const agent = await RawPeer.subscribe(rig.broker, { cluster: 'c1' });
    for (const each of [part('a', 1, { status: 1 }), part('b', 0), part('a', 9, { status: 2 })]) {
      await agent.publish(encodePart('c1-agent', STATUS, each));
    }
    await until('three', 5_000, () => inbox.all.length >= 3);
    expect(inbox.lines.toSorted()).toEqual([
      'STATUSMODIFIED a 1',
      'STATUSMODIFIED a 9',
      'STATUSMODIFIED b 0',
    ]);
    expect(
      inbox.all.filter(({ part: { uid } }) => uid === 'a').map(({ part: { status } }) => status),
    ).toEqual([1, 2]);
    expect(inbox.all[0]?.context.event.source).toBe('c1-agent');
    await agent.close();
  });

  test('one client has a codec for each data type, of either form; of two for one type the last counts', async () => {
    const inbox = new Inbox();
    const passedOver = { ...eventCodec(TOOLS), decodeEvent: () => Promise.reject() as never };
    const codecs = [eventCodec(PARTS), passedOver, classCodec(TOOLS)];
    const agent = own(await makeAgent(rig.agentOptions('c1', 'c1-agent'), { codecs }));
    await agent.subscribe(inbox.take);
    const source = own(
      await makeSource(rig.sourceOptions('hub'), { codecs: [classCodec(PARTS), eventCodec(TOOLS)] }),
    );
    await source.publish(typeOf('spec', 'create_request', PARTS), part('p', 1, { spec: { bolts: 2 } }));
    await source.publish(typeOf('spec', 'create_request', TOOLS), part('t', 1, { spec: { teeth: 9 } }));
    await until('both', 5_000, () => inbox.all.length === 2);
    expect(inbox.all.map(({ part: { uid, spec, source: from } }) => [uid, spec, from]).toSorted()).toEqual([
      ['p', { bolts: 2 }, 'hub'],
      ['t', { teeth: 9 }, 'hub'],
    ]);
  });

  test('a deletion keeps its time through either form of codec', async () => {
    const inbox = new Inbox();
    const codecs = [classCodec(PARTS), eventCodec(TOOLS)];
    const lister = new PartStore([part('p', 1), part('t', 1)]);
    const agent = own(await makeAgent(rig.agentOptions('c1', 'c1-agent'), { codecs, lister }));
    await agent.subscribe(inbox.take);
    const source = own(await makeSource(rig.sourceOptions('hub'), { codecs }));
    await source.publish(typeOf('spec', 'delete_request', PARTS), deleting('p', 1));
    await source.publish(typeOf('spec', 'delete_request', TOOLS), deleting('t', 1));
    await until('both', 5_000, () => inbox.all.length === 2);
    expect(inbox.lines.toSorted()).toEqual(['DELETED p 1', 'DELETED t 1']);
    for (const { part: got } of inbox.all) {
      expect(new Date(String(got.deletionTimestamp)).toISOString()).toBe(new Date(DELETED_AT).toISOString());
    }
  });

  test('an event that cannot be used is told of, named, and stops nothing', async () => {
    const inbox = new Inbox();
    const codec = {
      ...eventCodec(),
      decodeEvent: (event: Event) => {
        const got = eventCodec().decodeEvent(event);
        if (got.uid === 'broken') throw new Error('no bolts in it');
        return got;
      },
    };
    const lister = new PartStore([part('worded', 1)]);
    const agent = own(await makeAgent(rig.agentOptions('c1', 'c1-agent'), { codecs: [codec], lister }));
    const log = new StatusLog(agent);
    await agent.subscribe(inbox.take);
    const hub = await RawPeer.subscribe(rig.broker, { source: 'hub' });
    await hub.publish(encodePart('hub', SPEC, part('broken', 1)));
    await hub.publish(without(encodePart('hub', SPEC, part('end', 1)), Extension.originalSource));
    await until('the end', 5_000, () => inbox.all.length === 1);
    expect(inbox.lines).toEqual(['ADDED end 1']);
    expect(log.errors('event-dropped')).toEqual(['unknown: no bolts in it']);
    expect(log.all.find(({ type }) => type === 'event-dropped')).toMatchObject({
      eventType: CloudEventsType.parse(String(SPEC)).toString(),
    });
    await hub.close();
  });
});
