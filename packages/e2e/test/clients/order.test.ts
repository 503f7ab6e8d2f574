import { encodeEvent } from 'ce-broker-proto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  agentAt,
  deleting,
  encodePart,
  hubAt,
  Inbox,
  makeAgent,
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

const SPEC = typeOf('spec');

/** Something that handlers wait for. */
class Gate {
  readonly opened: Promise<void>;
  open: () => void = () => undefined;

  constructor() {
    this.opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }
}

describe.each(RIGS)('over $name', ({ open }) => {
  let rig: Rig;
  let hub: RawPeer;
  const closing: AsyncDisposable[] = [];
  const own = <C extends AsyncDisposable>(client: C): C => {
    closing.push(client);
    return client;
  };

  beforeEach(async () => {
    rig = await open({ store: 'none' });
    hub = await RawPeer.subscribe(rig.broker, { source: 'hub' });
  });
  afterEach(async () => {
    for (const client of closing.splice(0)) await client[Symbol.asyncDispose]();
    await hub.close();
    await rig.stop();
  });

  test('a burst of 200 versions of one resource comes in order to slow handlers, one at a time', async () => {
    const lister = new PartStore();
    const seen: string[] = [];
    let running = 0;
    let most = 0;
    const agent = own(await makeAgent(rig.agentOptions('c1', 'c1-agent'), { lister }));
    await agent.subscribe(
      async (_, { resourceVersion }) => {
        running += 1;
        most = Math.max(most, running);
        for (let turn = 0; turn < Number(resourceVersion) % 4; turn += 1) {
          await new Promise(setImmediate);
        }
        seen.push(`first ${resourceVersion}`);
        running -= 1;
      },
      (_, resource) => {
        seen.push(`second ${resource.resourceVersion}`);
        lister.put(resource);
      },
    );
    for (let from = 1; from <= 200; from += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          hub.publish(encodePart('hub', SPEC, part('a', from + index))),
        ),
      );
      await until('these are handled', 5_000, () => seen.length === 2 * (from + 49));
    }
    expect(most).toBe(1);
    expect(seen).toEqual(
      Array.from({ length: 200 }, (_, index) => [`first ${index + 1}`, `second ${index + 1}`]).flat(),
    );
  });

  test('resources keep their order each, and a handler that does not finish stops its own resource alone', async () => {
    const gate = new Gate();
    const inbox = new Inbox();
    const agent = own(await makeAgent(rig.agentOptions('c1', 'c1-agent')));
    await agent.subscribe(inbox.take, async (_, { uid, resourceVersion }) => {
      if (uid === 'stuck') await gate.opened;
      else if (Number(resourceVersion) % 3 === 0) await new Promise(setImmediate);
    });
    for (let version = 1; version <= 20; version += 1) {
      for (const uid of ['stuck', 'a', 'b', 'c'])
        await hub.publish(encodePart('hub', SPEC, part(uid, version)));
    }
    const versions = (uid: string) =>
      inbox.all
        .filter(({ part: got }) => got.uid === uid)
        .map(({ part: got }) => Number(got.resourceVersion));
    const all = Array.from({ length: 20 }, (_, index) => index + 1);
    await until('the others are handled', 5_000, () => inbox.all.length === 61);
    for (const uid of ['a', 'b', 'c']) expect(versions(uid)).toEqual(all);
    expect(versions('stuck')).toEqual([1]);
    gate.open();
    await until('the rest', 5_000, () => inbox.all.length === 80);
    expect(versions('stuck')).toEqual(all);
  });

  test('a handler that throws is told of, and the next handlers and events still run', async () => {
    const inbox = new Inbox();
    const agent = own(await makeAgent(rig.agentOptions('c1', 'c1-agent')));
    const log = new StatusLog(agent);
    await agent.subscribe(
      () => {
        throw new Error('at once');
      },
      async () => {
        await Promise.reject(new Error('later'));
      },
      inbox.take,
    );
    for (const version of [1, 2]) await hub.publish(encodePart('hub', SPEC, part('a', version)));
    await until('both', 5_000, () => inbox.all.length === 2);
    expect(log.errors('handler-failed')).toEqual([
      'unknown: at once',
      'unknown: later',
      'unknown: at once',
      'unknown: later',
    ]);
    expect(log.all.find(({ type }) => type === 'handler-failed')).toMatchObject({ resourceId: 'a' });
  });

  test('a flood of one resource whose handler does not finish is bounded: the newest stay, and every deletion', async () => {
    const gate = new Gate();
    const inbox = new Inbox();
    const agent = own(await makeAgent(rig.agentOptions('c1', 'c1-agent')));
    await agent.subscribe(inbox.take, async (_, { uid }) => {
      if (uid === 'stuck') await gate.opened;
    });
    const sent = Array.from({ length: 2_000 }, (_, index) => {
      const version = index + 1;
      return version % 500 === 250 ? deleting('stuck', version) : part('stuck', version);
    });
    for (let from = 0; from < sent.length; from += 100) {
      await Promise.all(
        sent.slice(from, from + 100).map((each) => hub.publish(encodePart('hub', SPEC, each))),
      );
    }
    await hub.publish(encodePart('hub', SPEC, part('other', 1)));
    await until('the other one', 5_000, () => inbox.lines.includes('ADDED other 1'));
    gate.open();
    await until('the newest', 5_000, () => inbox.lines.includes('ADDED stuck 2000'));
    const got = inbox.all.filter(({ part: { uid } }) => uid === 'stuck').map(({ part: each }) => each);
    const versions = got.map(({ resourceVersion }) => Number(resourceVersion));
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    expect(versions.length).toBeLessThan(80);
    expect(versions.slice(0, 65)).toEqual(
      Array.from({ length: 65 }, (_, index) => index + 1).with(64, versions[64] ?? 0),
    );
    const deletions = got.filter(({ deletionTimestamp }) => deletionTimestamp !== undefined);
    expect(deletions.map(({ resourceVersion }) => resourceVersion)).toEqual(['250', '750', '1250', '1750']);
  });
});

describe('against a server that does not stop sending', () => {
  let server: ScriptedServer;
  beforeEach(async () => {
    server = await ScriptedServer.start();
  });
  afterEach(() => server.stop());

  test('up to the limits nothing gives way', async () => {
    const gate = new Gate();
    const inbox = new Inbox();
    await using agent = await agentAt(server.address);
    await agent.subscribe(inbox.take, () => gate.opened);
    for (let version = 1; version <= 65; version += 1)
      server.last.send(encodePart('hub', SPEC, part('a', version)));
    server.last.send(encodePart('hub', SPEC, part('b', 1)));
    await until('b', 5_000, () => inbox.lines.includes('ADDED b 1'));
    gate.open();
    await until('all', 5_000, () => inbox.all.length === 66);
    expect(inbox.lines.filter((line) => line.startsWith('ADDED a'))).toEqual(
      Array.from({ length: 65 }, (_, index) => `ADDED a ${index + 1}`),
    );
  });

  test('a resource that waits with 1 MiB gives way too, so that a large one cannot fill the memory', async () => {
    const gate = new Gate();
    const inbox = new Inbox();
    await using agent = await agentAt(server.address);
    await agent.subscribe(inbox.take, () => gate.opened);
    const spec = 'x'.repeat(300_000);
    for (let version = 1; version <= 40; version += 1) {
      server.last.send(encodePart('hub', SPEC, part('a', version, { spec })));
    }
    server.last.send(encodePart('hub', SPEC, part('b', 1)));
    await until('b', 10_000, () => inbox.lines.includes('ADDED b 1'));
    gate.open();
    await until('the newest', 5_000, () => inbox.lines.includes('ADDED a 40'));
    expect(inbox.lines.length).toBeLessThan(8);
  });

  test('over maxPendingBytes the server is asked to pause: nothing is lost, publishes and questions still get through', async () => {
    const gate = new Gate();
    const inbox = new Inbox();
    await using agent = await agentAt(server.address, { maxPendingBytes: 256 * 1024 });
    const log = new StatusLog(agent);
    await agent.subscribe(inbox.take, () => gate.opened);
    const spec = 'x'.repeat(8 * 1024);
    const event = (index: number) => encodePart('hub', SPEC, part(`p${index}`, 1, { spec }));
    const total = 2_000;
    for (let index = 0; index < total; index += 1) server.last.send(event(index));
    const size = encodeEvent(event(0)).length + 2 * 1024;
    await until('it has had enough', 5_000, () => inbox.all.length * size > 256 * 1024);
    for (let each = 0; each < 50; each += 1) await agent.publish(typeOf('status'), part('p0', 1));
    // The flow control of HTTP/2 holds the rest back at the server.
    expect(inbox.all.length * size).toBeLessThan(256 * 1024 + 2 * size);
    expect(server.last.stream.writableLength).toBeGreaterThan((total / 2) * spec.length);
    gate.open();
    await until('all of them', 20_000, () => inbox.all.length === total);
    expect(inbox.all.map(({ part: { uid } }) => uid)).toEqual(
      Array.from({ length: total }, (_, index) => `p${index}`),
    );
    expect(log.count('disconnected')).toBe(0);
  });

  test('what waits is counted with what it costs to hold: tiny events are bounded too', async () => {
    const gate = new Gate();
    const inbox = new Inbox();
    await using agent = await agentAt(server.address, { maxPendingBytes: 256 * 1024 });
    await agent.subscribe(inbox.take, () => gate.opened);
    for (let index = 0; index < 3_000; index += 1)
      server.last.send(encodePart('hub', SPEC, part(`p${index}`, 1)));
    await until('it has had enough', 5_000, () => inbox.all.length > 100);
    for (let each = 0; each < 50; each += 1) await agent.publish(typeOf('status'), part('p0', 1));
    expect(inbox.all.length).toBeLessThan(300);
    gate.open();
    await until('all of them', 20_000, () => inbox.all.length === 3_000);
  });

  test('a pause outlives the connection: the next one begins paused, and flows when there is room', async () => {
    const gate = new Gate();
    const inbox = new Inbox();
    await using source = await hubAt(server.address, { maxPendingBytes: 64 * 1024 });
    const reconnected = source.reconnected[Symbol.asyncIterator]();
    await source.subscribe(inbox.take, () => gate.opened);
    const status = 'x'.repeat(8 * 1024);
    const event = (index: number) =>
      encodePart('c1-agent', typeOf('status'), part(`p${index}`, 1, { status }));
    for (let index = 0; index < 40; index += 1) server.last.send(event(index));
    await until('it has had enough', 5_000, () => inbox.all.length >= 6);
    const before = inbox.all.length;
    server.reset();
    await reconnected.next();
    for (let index = 100; index < 140; index += 1) server.last.send(event(index));
    await source.publish(typeOf('spec'), part('a', 1));
    await source.publish(typeOf('spec'), part('a', 2));
    expect(inbox.all.length).toBeLessThanOrEqual(before + 1);
    gate.open();
    await until('all of the new ones', 10_000, () =>
      Array.from({ length: 40 }, (_, index) => `STATUSMODIFIED p${100 + index} 1`).every((line) =>
        inbox.lines.includes(line),
      ),
    );
  });
});
