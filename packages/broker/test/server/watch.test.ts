import { describe, expect, it } from 'vitest';
import { describeBroker, extensionClient, Publishing, Watcher } from './support/extension.js';
import {
  DATA_TYPE,
  type EventParts,
  eventOf,
  publish,
  Running,
  statusOf,
  subscribed,
} from './support/running.js';

const EVERYTHING = { $case: 'everything', value: true } as const;
const DELETED = { deletiontimestamp: '2026-01-01T00:00:00Z' };
const after = (point: { epoch: string; position: bigint }) => ({ $case: 'after', value: point }) as const;

function gone(parts: EventParts) {
  return eventOf({ action: 'delete_request', ...parts, extensions: DELETED });
}

async function start() {
  const running = await Running.start();
  const client = extensionClient(running.port);
  const raw = running.client();
  return {
    running,
    client,
    raw,
    say: async (...events: ReturnType<typeof eventOf>[]) => {
      for (const event of events) expect(await publish(raw, event)).toMatchObject({ status: 0 });
    },
    [Symbol.asyncDispose]: async () => {
      client.close();
      await running[Symbol.asyncDispose]();
    },
  };
}

describe('a Watch of an agent', () => {
  it('begins with what is new unless it is told otherwise', async () => {
    await using broker = await start();
    await broker.say(eventOf({ resourceId: 'old' }));
    const watcher = new Watcher(broker.client, { clusterName: 'c1' });
    await watcher.until(() => watcher.started !== undefined);
    await broker.say(eventOf({ resourceId: 'new' }));
    await watcher.saw(1);
    expect(watcher.seen).toEqual(['started', 'new v1']);
    expect(watcher.started).toMatchObject({ position: 1, reason: '' });
    expect(watcher.point?.position).toBe(2n);
  });

  it('gets the newest of everything once, oldest change first, deletions included, and then the marker', async () => {
    await using broker = await start();
    await broker.say(
      eventOf({ resourceId: 'a', version: 1 }),
      eventOf({ resourceId: 'b', version: 1 }),
      eventOf({ resourceId: 'c', version: 1 }),
      eventOf({ resourceId: 'a', version: 2 }),
      eventOf({ resourceId: 'elsewhere', cluster: 'c2' }),
      gone({ resourceId: 'b' }),
    );
    const watcher = new Watcher(broker.client, { clusterName: 'c1', start: EVERYTHING });
    await watcher.isCaughtUp();
    expect(watcher.seen).toEqual(['started', 'c v1', 'a v2', 'b gone', 'caught up']);
    await broker.say(eventOf({ resourceId: 'c', version: 2 }));
    await watcher.saw(4);
    expect(watcher.resources.at(-1)).toBe('c v2');
  });

  it('gets what it missed while it was away, whatever that was, and nothing twice', async () => {
    await using broker = await start();
    const first = new Watcher(broker.client, { clusterName: 'c1', start: EVERYTHING });
    await first.isCaughtUp();
    await broker.say(eventOf({ resourceId: 'a', version: 1 }), eventOf({ resourceId: 'b', version: 1 }));
    await first.saw(2);
    const { point } = first;
    if (point === undefined) throw new Error('it was not told where to resume');
    first.call.cancel();
    await first.end();
    await broker.say(
      eventOf({ resourceId: 'a', version: 2 }),
      eventOf({ resourceId: 'x', version: 1 }),
      eventOf({ resourceId: 'a', version: 3 }),
      gone({ resourceId: 'x' }),
    );
    const second = new Watcher(broker.client, { clusterName: 'c1', start: after(point) });
    await second.isCaughtUp();
    expect(second.seen).toEqual(['started', 'a v3', 'x gone', 'caught up']);
    expect(second.started?.reason).toBe('');
    expect(second.positions).toEqual([5, 6]);
    const third = new Watcher(broker.client, { clusterName: 'c1', start: after(second.point ?? point) });
    await third.isCaughtUp();
    expect(third.seen).toEqual(['started', 'caught up']);
  });

  it('sees the end of a life before the next one', async () => {
    await using broker = await start();
    await broker.say(eventOf({ resourceId: 'a', version: 7 }));
    const first = new Watcher(broker.client, { clusterName: 'c1', start: EVERYTHING });
    await first.isCaughtUp();
    const { point } = first;
    if (point === undefined) throw new Error('it was not told where to resume');
    first.call.cancel();
    await first.end();
    await broker.say(gone({ resourceId: 'a', version: 8 }), eventOf({ resourceId: 'a', version: 1 }));
    const second = new Watcher(broker.client, { clusterName: 'c1', start: after(point) });
    await second.saw(2);
    expect(second.resources).toEqual(['a gone', 'a v1']);
  });

  it('is told why it gets everything: another epoch, a position in the future', async () => {
    await using broker = await start();
    await broker.say(eventOf({ resourceId: 'a' }), eventOf({ resourceId: 'b' }));
    const { epoch } = await describeBroker(broker.client);
    for (const [point, reason] of [
      [{ epoch: 'another', position: 1n }, /^the epoch is .*another/],
      [{ epoch, position: 99n }, /^position 99 lies in the future: the newest is 2/],
    ] as const) {
      const watcher = new Watcher(broker.client, { clusterName: 'c1', start: after(point) });
      await watcher.isCaughtUp();
      expect(watcher.started?.reason).toMatch(reason);
      expect(watcher.seen).toEqual(['started', 'a v1', 'b v1', 'caught up']);
      expect(watcher.point).toEqual({ epoch, position: 2n });
    }
  });

  it('takes several data types, and of some sources only', async () => {
    await using broker = await start();
    const other = 'example.com.v1.gadgets';
    const third = 'example.com.v1.tools';
    await broker.say(
      eventOf({ resourceId: 'a' }),
      eventOf({ resourceId: 'b', dataType: other }),
      eventOf({ resourceId: 'c', dataType: third }),
      eventOf({ resourceId: 'd', source: 's2' }),
    );
    const dataTypes = [DATA_TYPE, other];
    const types = new Watcher(broker.client, { clusterName: 'c1', dataTypes, start: EVERYTHING });
    const source = new Watcher(broker.client, { clusterName: 'c1', sources: ['s2'], start: EVERYTHING });
    await Promise.all([types.isCaughtUp(), source.isCaughtUp()]);
    expect(types.resources).toEqual(['a v1', 'b v1', 'd v1']);
    expect(source.resources).toEqual(['d v1']);
    await broker.say(
      eventOf({ resourceId: 'c', dataType: third, version: 2 }),
      eventOf({ resourceId: 'a', version: 2 }),
      eventOf({ resourceId: 'e', source: 's2' }),
    );
    await Promise.all([types.saw(5), source.saw(2)]);
    expect(types.resources.slice(3)).toEqual(['a v2', 'e v1']);
    expect(source.resources.slice(1)).toEqual(['e v1']);
  });

  it('is refused as a Subscribe is', async () => {
    await using running = await Running.start({ roles: { sources: ['anonymous'] } });
    const client = extensionClient(running.port);
    const nobody = new Watcher(client, {});
    expect(await nobody.end()).toMatchObject({ code: 3, details: expect.stringContaining('both empty') });
    const wrongType = new Watcher(client, { source: 's1', dataTypes: ['a.b'] });
    expect(await wrongType.end()).toMatchObject({ code: 3 });
    client.close();
  });

  it('hears heartbeats, and is gone with the broker', async () => {
    await using running = await Running.start({ heartbeatIntervalMs: 100 });
    const client = extensionClient(running.port);
    const watcher = new Watcher(client, { clusterName: 'c1' });
    await watcher.until(() => watcher.heartbeats >= 2);
    const raw = running.client();
    await publish(raw, eventOf({ cluster: 'c2' }));
    await watcher.until(() => watcher.point?.position === 1n);
    await running.broker.close();
    expect((await watcher.end()).code).toBe(14);
    client.close();
  });
});

describe('a Watch of a source', () => {
  it('gets the statuses that it missed, of some clusters only', async () => {
    await using broker = await start();
    await broker.say(
      eventOf({ resourceId: 'a' }),
      eventOf({ resourceId: 'b', cluster: 'c2' }),
      eventOf({ resourceId: 'z', source: 's2' }),
      statusOf({ resourceId: 'a' }),
      statusOf({ resourceId: 'b', cluster: 'c2', source: 'c2-agent' }),
      statusOf({ resourceId: 'z', extensions: { originalsource: 's2' } }),
    );
    const all = new Watcher(broker.client, { source: 's1', start: EVERYTHING });
    const some = new Watcher(broker.client, { source: 's1', clusters: ['c2'], start: EVERYTHING });
    await Promise.all([all.isCaughtUp(), some.isCaughtUp()]);
    expect(all.resources).toEqual(['a v1', 'b v1']);
    expect(some.resources).toEqual(['b v1']);
    // What the broker asks it: for its own clusters only.
    const asked = ({ questions }: Watcher) =>
      new Set(questions.map(({ extensions }) => extensions.get('clustername')?.value));
    expect(asked(all)).toEqual(new Set(['c1', 'c2']));
    expect(asked(some)).toEqual(new Set(['c2']));
  });
});

it('a subscriber that reads nothing costs keys, and then gets each newest once', async () => {
  await using broker = await start();
  const watcher = new Watcher(broker.client, { clusterName: 'c1', start: EVERYTHING });
  await watcher.isCaughtUp();
  watcher.call.pause();
  const publishing = new Publishing(broker.client);
  const data = 'x'.repeat(20_000);
  let sent = 0;
  for (let version = 1; version <= 20; version += 1) {
    const events = Array.from({ length: 40 }, (_, index) =>
      eventOf({ resourceId: `r${index}`, version, data }),
    );
    publishing.send(events);
    sent += events.length;
    await publishing.settled(sent);
  }
  watcher.call.resume();
  await watcher.until(() => watcher.resources.filter((one) => one.endsWith(' v20')).length === 40);
  expect(watcher.resources.length).toBeLessThan(sent / 2);
  const plain = await subscribed(broker.running.client(), { clusterName: 'c1' });
  plain.stream.close();
});
