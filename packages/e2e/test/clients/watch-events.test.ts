import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrokerOptions, formatAddress } from 'ce-broker';
import { lmdbStore } from 'ce-broker/lmdb';
import {
  connectGrpc,
  type EventWatch,
  grpcOptions,
  readClusterName,
  readResourceId,
  readResourceVersion,
  transportOptions,
  type WatchEventsOptions,
  type Watched,
  watchEvents,
} from 'ce-broker-client';
import { type CloudEventTransport, createEvent, encodeEvent, SILENT } from 'ce-broker-proto';
import { afterEach, expect, test } from 'vitest';
import { Cable, Random, until } from '../../src/index.js';
import { startTestBroker } from '../../src/rpc-engine.js';

const THINGS = 'io.ce-broker.watch.v1.things';
const TOOLS = 'io.ce-broker.watch.v1.tools';
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(options: BrokerOptions = {}) {
  const broker = await startTestBroker({ ...options, listen: '127.0.0.1:0' });
  closing.push(() => broker.close({ graceMs: 0 }));
  const { address } = broker;
  if (address === undefined) throw new Error('the broker does not listen');
  const url = formatAddress(address);
  const transport = await connectGrpc({ url });
  closing.push(() => transport.close());
  return { broker, url, transport };
}

interface Said {
  readonly source?: string;
  readonly cluster?: string;
  readonly type?: string;
  readonly sub?: 'spec' | 'status';
  readonly gone?: boolean;
}

let events = 0;
function say(transport: CloudEventTransport, id: string, version: number, said: Said = {}): Promise<void> {
  const { cluster = 'c1', gone = false, source = 'hub', sub = 'spec', type = THINGS } = said;
  const event = createEvent({
    id: `e${++events}`,
    source: sub === 'spec' ? source : `${cluster}-agent`,
    type: `${type}.${sub}.${gone ? 'delete' : 'update'}_request`,
    extensions: [
      ['clustername', { kind: 'string', value: cluster }],
      ['resourceid', { kind: 'string', value: id }],
      ['resourceversion', { kind: 'integer', value: version }],
      ...(sub === 'status' ? ([['originalsource', { kind: 'string', value: source }]] as const) : []),
      ...(gone
        ? ([['deletiontimestamp', { kind: 'string', value: new Date().toISOString() }]] as const)
        : []),
    ],
    data: { kind: 'binary', value: Buffer.from(String(version)) },
  });
  return transport.publish(encodeEvent(event), { timeoutMs: 10_000 });
}

function line(watched: Watched): string {
  if (watched.kind !== 'event') return watched.kind;
  const { event } = watched;
  const gone = event.extensions.has('deletiontimestamp') ? ' gone' : '';
  return `${readClusterName(event)}/${readResourceId(event)} v${readResourceVersion(event)}${gone}`;
}

/** Reads so many. */
async function read(watch: EventWatch, count: number): Promise<string[]> {
  const lines: string[] = [];
  while (lines.length < count) {
    const { done, value } = await watch.next();
    if (done === true) break;
    lines.push(line(value));
  }
  return lines;
}

function watchAt(url: string, options: Omit<WatchEventsOptions, 'connection'>): EventWatch {
  const watch = watchEvents({
    connection: grpcOptions({ url }),
    reconnectDelay: () => 20,
    logger: SILENT,
    ...options,
  });
  closing.push(() => watch.close());
  return watch;
}

test('filters by source, cluster and type; everything, then caught up, then what comes', async () => {
  const { broker, transport, url } = await start();
  await say(transport, 'a', 1);
  await say(transport, 'b', 1, { source: 'other' });
  await say(transport, 'c', 1, { type: TOOLS });
  await say(transport, 'd', 1, { cluster: 'c2' });
  const ofHub = watchAt(url, {
    clusterName: 'c1',
    sources: ['hub'],
    dataTypes: [THINGS, TOOLS],
    from: 'everything',
  });
  expect(await read(ofHub, 3)).toEqual(['c1/a v1', 'c1/c v1', 'caught-up']);
  const things = watchEvents({
    connection: transportOptions(() => broker.inProcessTransport()),
    clusterName: 'c1',
    dataTypes: [THINGS],
    from: 'everything',
  });
  closing.push(() => things.close());
  expect(await read(things, 3)).toEqual(['c1/a v1', 'c1/b v1', 'caught-up']);
  await say(transport, 'b', 2, { source: 'other' });
  await say(transport, 'a', 2);
  expect(await read(things, 2)).toEqual(['c1/b v2', 'c1/a v2']);
  expect(await read(ofHub, 1)).toEqual(['c1/a v2']);
  const statuses = watchAt(url, { source: 'hub', clusters: ['c2'], from: 'everything' });
  await say(transport, 'a', 1, { sub: 'status' });
  await say(transport, 'd', 1, { sub: 'status', cluster: 'c2' });
  const seen = new Set(await read(statuses, 2));
  expect(seen).toEqual(new Set(['c2/d v1', 'caught-up']));
});

test('goes on after a point of an earlier watch, also after a restart of the broker', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ce-broker-watch-'));
  closing.push(async () => rmSync(folder, { recursive: true, force: true }));
  const store = lmdbStore({ dataDir: folder });
  const first = await start({ store });
  for (const id of ['a', 'b', 'c']) await say(first.transport, id, 1);
  const watch = watchAt(first.url, { clusterName: 'c1', from: 'everything' });
  expect(watch.point).toBeUndefined();
  expect(await read(watch, 4)).toEqual(['c1/a v1', 'c1/b v1', 'c1/c v1', 'caught-up']);
  const asked = watch.next();
  // Whoever asks for the next has handled what came before.
  const point = watch.point;
  expect(point?.position).toBe(3);
  await watch.close();
  expect(await asked).toEqual({ done: true, value: undefined });
  await first.broker.close({ graceMs: 0 });
  const second = await start({ store });
  await say(second.transport, 'b', 2);
  await say(second.transport, 'c', 1, { gone: true });
  const later = watchAt(second.url, { clusterName: 'c1', from: point });
  expect(await read(later, 3)).toEqual(['c1/b v2', 'c1/c v1 gone', 'caught-up']);
});

test('a point of another epoch: it is said so, and everything comes', async () => {
  const { transport, url } = await start();
  await say(transport, 'a', 1);
  const watch = watchAt(url, { clusterName: 'c1', from: { epoch: 'another', position: 7 } });
  expect(await read(watch, 3)).toEqual(['restarted', 'c1/a v1', 'caught-up']);
});

test('drops at any moment: nothing is missed, never an older one after a newer', async () => {
  const random = new Random(20_261_129);
  const { transport, url } = await start();
  const cable = await Cable.lay(() => url);
  closing.push(() => cable.close());
  const watch = watchAt(cable.address, { clusterName: 'c1', from: 'everything' });
  const wanted = new Map<string, number>();
  const had = new Map<string, number>();
  const faults: string[] = [];
  let caughtUp = 0;
  const reading = (async () => {
    for await (const watched of watch) {
      if (watched.kind === 'caught-up') caughtUp += 1;
      if (watched.kind !== 'event') continue;
      const id = readResourceId(watched.event) ?? '';
      const version = Number(readResourceVersion(watched.event));
      if (version < (had.get(id) ?? 0)) faults.push(`${id}: back to ${version} from ${had.get(id)}`);
      had.set(id, version);
    }
  })();
  let over = false;
  const talking = (async () => {
    while (!over) {
      const ids = new Set(Array.from({ length: random.whole(1, 12) }, () => `r${random.whole(1, 60)}`));
      for (const id of ids) wanted.set(id, (wanted.get(id) ?? 0) + 1);
      await Promise.all([...ids].map((id) => say(transport, id, wanted.get(id) ?? 0)));
    }
  })();
  for (let drops = 0; drops < 60; drops += 1) {
    const before = caughtUp;
    await until('it is caught up', 10_000, () => caughtUp > before);
    cable.cut();
  }
  over = true;
  await talking;
  await until('it is where the hub is', 10_000, () =>
    [...wanted].every(([id, version]) => had.get(id) === version),
  );
  expect(faults).toEqual([]);
  expect(had).toEqual(wanted);
  await watch.close();
  await reading;
}, 60_000);

test('who does not read is told less, and the newest of each in the end', async () => {
  const { broker, transport, url } = await start();
  const watch = watchAt(url, { clusterName: 'c1', maxPendingBytes: 64 * 1024 });
  await until('it stands', 5_000, () => broker.status().sessions.agents === 1);
  for (let version = 1; version <= 200; version += 1)
    await Promise.all(Array.from({ length: 100 }, (_, index) => say(transport, `r${index}`, version)));
  const seen: string[] = [];
  const newest = new Map<string, string>();
  while (newest.size < 100 || [...newest.values()].some((version) => version !== 'v200')) {
    const [one = ''] = await read(watch, 1);
    seen.push(one);
    const [id = '', version = ''] = one.split(' ');
    newest.set(id, version);
  }
  expect(seen.length).toBeLessThan(20_000);
}, 60_000);

test('ends by its signal, by leaving the loop, and by what waiting does not mend', async () => {
  const { broker, transport, url } = await start();
  const stop = new AbortController();
  const watch = watchAt(url, { clusterName: 'c1', signal: stop.signal });
  const read1 = watch.next();
  stop.abort();
  expect(await read1).toEqual({ done: true, value: undefined });
  const left = watchAt(url, { clusterName: 'c1', from: 'everything' });
  await say(transport, 'a', 1);
  for await (const watched of left) {
    expect(line(watched)).toMatch(/a v1|caught-up/);
    break;
  }
  expect(await left.next()).toEqual({ done: true, value: undefined });
  await until('the broker knows', 5_000, () => broker.status().sessions.agents === 0);
  const plain = watchEvents({
    connection: grpcOptions({ url, extension: 'off' }),
    clusterName: 'c1',
    logger: SILENT,
  });
  await expect(plain.next()).rejects.toMatchObject({ code: 'unimplemented' });
  expect(await plain.next()).toEqual({ done: true, value: undefined });
  const refused = watchAt(url, { clusterName: 'c1', dataTypes: ['a.b.c'], signal: AbortSignal.abort() });
  expect(await refused.next()).toEqual({ done: true, value: undefined });
});

test.each<[string, object]>([
  ['connection', { connection: {} }],
  ['source', {}],
  ['source', { source: 'a', clusterName: 'b' }],
  ['source', { source: ' ' }],
  ['sources', { source: 'a', sources: ['b'] }],
  ['clusters', { clusterName: 'a', clusters: ['b'] }],
  ['sources', { clusterName: 'a', sources: [] }],
  ['clusters[1]', { source: 'a', clusters: ['b', ''] }],
  ['dataTypes[0]', { source: 'a', dataTypes: ['works'] }],
  ['from', { source: 'a', from: 'yesterday' }],
  ['from', { source: 'a', from: { epoch: 'e', position: -1 } }],
  ['maxPendingBytes', { source: 'a', maxPendingBytes: 0 }],
  ['connectTimeoutMs', { source: 'a', connectTimeoutMs: Number.NaN }],
  ['cluster', { source: 'a', cluster: ['c'] }],
])('names the option that is wrong: %s', (field, options) => {
  const connection = grpcOptions({ url: '127.0.0.1:1' });
  const make = () => watchEvents({ connection, ...options } as WatchEventsOptions);
  expect(make).toThrow(expect.objectContaining({ code: 'invalid_option', field }));
});
