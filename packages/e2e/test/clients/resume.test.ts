import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrokerOptions, formatAddress } from 'ce-broker';
import { lmdbStore } from 'ce-broker/lmdb';
import { connectGrpc } from 'ce-broker-client';
import {
  type CloudEventTransport,
  createEvent,
  decodeEvent,
  encodeEvent,
  eventDataBytes,
  isHeartbeat,
  readResourceId,
  type SubscriptionMemory,
  type TransportListener,
} from 'ce-broker-proto';
import { afterEach, expect, test } from 'vitest';
import {
  agentAt as agentAtAddress,
  hubAt as hubAtAddress,
  Inbox,
  part,
  typeOf,
} from '../../src/client-support/index.js';
import { Cable, Random, until } from '../../src/index.js';
import { startTestBroker } from '../../src/rpc-engine.js';

const TYPE = 'io.ce-broker.resume.v1.things';
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function brokerBehindCable(options: BrokerOptions = {}) {
  const broker = await startTestBroker({ ...options, listen: '127.0.0.1:0' });
  const { address } = broker;
  if (address === undefined) throw new Error('the broker does not listen');
  closing.push(() => broker.close({ graceMs: 0 }));
  const url = formatAddress(address);
  const cable = await Cable.lay(() => url);
  closing.push(() => cable.close());
  return { broker, cable, url };
}

/** What a source wants of one resource: `n` rises with everything that it says. */
interface Word {
  readonly n: number;
  readonly gone: boolean;
}

/** A source that publishes over a connection of its own, which nobody cuts. */
class Hub {
  readonly newest = new Map<string, Word>();
  readonly #transport: CloudEventTransport;
  readonly #versions = new Map<string, number>();
  #n = 0;

  constructor(transport: CloudEventTransport) {
    this.#transport = transport;
  }

  /** What another one said before. */
  goOn(other: Hub): void {
    this.#n = other.#n;
    for (const [id, word] of other.newest) this.newest.set(id, word);
    for (const [id, version] of other.#versions) this.#versions.set(id, version);
  }

  async say(id: string, gone = false): Promise<void> {
    this.#n += 1;
    const before = this.newest.get(id);
    const isNew = before === undefined || before.gone;
    if (gone && isNew) return;
    // A resource that is created again begins with version 1, and its deletion has its last version, as hubs do.
    const version = isNew ? 1 : (this.#versions.get(id) ?? 0) + (gone ? 0 : 1);
    this.#versions.set(id, version);
    this.newest.set(id, { n: this.#n, gone });
    const action = gone ? 'delete_request' : isNew ? 'create_request' : 'update_request';
    const event = createEvent({
      id: `e${this.#n}`,
      source: 'hub',
      type: `${TYPE}.spec.${action}`,
      extensions: [
        ['clustername', { kind: 'string', value: 'c1' }],
        ['resourceid', { kind: 'string', value: id }],
        ['resourceversion', { kind: 'integer', value: version }],
        ...(gone
          ? ([['deletiontimestamp', { kind: 'string', value: new Date().toISOString() }]] as const)
          : []),
      ],
      data: { kind: 'binary', value: Buffer.from(String(this.#n)) },
    });
    await this.#transport.publish(encodeEvent(event), { timeoutMs: 10_000 });
  }
}

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ce-broker-resume-'));
  closing.push(async () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Seen extends Word {
  readonly id: string;
}

/** A subscriber that comes back after each loss with what it remembers. */
class Agent {
  readonly memory: SubscriptionMemory = {};
  readonly newest = new Map<string, Word>();
  /** What it saw on this connection. */
  seen: Seen[] = [];
  /** What is wrong; empty at the end. */
  readonly faults: string[] = [];
  caughtUp = 0;
  resumes = 0;
  readonly #url: string;
  #transport: CloudEventTransport | undefined;
  #connected = false;

  constructor(url: string) {
    this.#url = url;
  }

  get connected(): boolean {
    return this.#connected;
  }

  async connect(): Promise<void> {
    this.seen = [];
    const onThis = new Map<string, Word>();
    const listener: TransportListener = {
      event: (bytes) => {
        if (isHeartbeat(bytes)) return;
        const event = decodeEvent(bytes);
        if (event.type.endsWith('.resync_request')) return;
        const id = readResourceId(event) ?? '';
        const word = {
          n: Number(eventDataBytes(event)?.toString()),
          gone: event.extensions.has('deletiontimestamp'),
        };
        this.seen.push({ id, ...word });
        const before = onThis.get(id);
        if (before !== undefined && before.n >= word.n)
          this.faults.push(`${id}: ${word.n} after ${before.n}`);
        const ever = this.newest.get(id);
        if (ever !== undefined && ever.n > word.n)
          this.faults.push(`${id}: back to ${word.n} from ${ever.n}`);
        onThis.set(id, word);
        this.newest.set(id, word);
      },
      caughtUp: () => {
        this.caughtUp += 1;
      },
      closed: () => {
        this.#connected = false;
      },
    };
    for (;;) {
      let transport: CloudEventTransport | undefined;
      try {
        transport = await connectGrpc({ url: this.#url, connectTimeoutMs: 5_000 });
        const resumes = this.memory.point !== undefined;
        const request = { source: '', clusterName: 'c1', dataType: TYPE };
        this.#connected = true;
        await transport.subscribe(request, listener, { memory: this.memory, timeoutMs: 5_000 });
        if (resumes) this.resumes += 1;
        this.#transport = transport;
        return;
      } catch {
        await transport?.close();
      }
    }
  }

  async leave(): Promise<void> {
    await this.#transport?.close();
    this.#transport = undefined;
  }
}

async function hubAt(url: string): Promise<Hub> {
  const transport = await connectGrpc({ url });
  closing.push(() => transport.close());
  return new Hub(transport);
}

function agentAt(url: string): Agent {
  const agent = new Agent(url);
  closing.push(() => agent.leave());
  return agent;
}

test('a short outage costs what was missed, and no more', async () => {
  const { cable, url } = await brokerBehindCable();
  const hub = await hubAt(url);
  const agent = agentAt(cable.address);
  await agent.connect();
  await Promise.all(Array.from({ length: 3_000 }, (_, index) => hub.say(`r${index}`)));
  await until('the agent has everything', 10_000, () => agent.newest.size === 3_000);
  cable.cut();
  await until('the agent knows it', 5_000, () => !agent.connected);
  await agent.leave();
  for (const id of ['r7', 'r1', 'r7', 'r2999']) await hub.say(id);
  await hub.say('r3', true);
  await agent.connect();
  await until('it is caught up', 5_000, () => agent.caughtUp === 1);
  expect(agent.seen.map(({ id, gone }) => `${id}${gone ? ' gone' : ''}`)).toEqual([
    'r1',
    'r7',
    'r2999',
    'r3 gone',
  ]);
  expect(agent.newest).toEqual(hub.newest);
  expect(agent.faults).toEqual([]);
});

const WHERE: readonly [string, number, number, () => BrokerOptions][] = [
  ['in memory', 200, 20_261_128, () => ({})],
  ['on disk', 100, 11, () => ({ store: lmdbStore({ dataDir: freshFolder() }) })],
];

test.each(WHERE)(
  '%s: %i drops at any moment: the newest of each once per gap, never an older one, the same in the end',
  async (_where, most, seed, options) => {
    const random = new Random(seed);
    const { cable, url } = await brokerBehindCable(options());
    const hub = await hubAt(url);
    const agent = agentAt(cable.address);
    await agent.connect();
    let drops = 0;
    let over = false;
    const talk = (async () => {
      while (!over) {
        const words = Array.from({ length: random.whole(1, 12) }, () =>
          hub.say(`r${random.whole(1, 60)}`, random.oneIn(6)),
        );
        await Promise.all(words);
        if (random.oneIn(3)) await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    while (drops < most) {
      const events = random.whole(0, 40);
      const before = agent.seen.length;
      await until('some events', 2_000, () => !agent.connected || agent.seen.length >= before + events).catch(
        () => undefined,
      );
      cable.cut();
      drops += 1;
      await until('the agent knows it', 5_000, () => !agent.connected);
      await agent.leave();
      await agent.connect();
    }
    over = true;
    await talk;
    const settled = () => [...hub.newest].every(([id, { n }]) => agent.newest.get(id)?.n === n);
    await until('the agent is where the hub is', 10_000, settled);
    expect(agent.newest).toEqual(hub.newest);
    expect(agent.faults).toEqual([]);
    expect(agent.resumes).toBe(most);
  },
  120_000,
);

test('a broker that was restarted goes on where it was', async () => {
  const store = lmdbStore({ dataDir: freshFolder() });
  const first = await brokerBehindCable({ store });
  let target = first.url;
  const cable = await Cable.lay(() => target);
  closing.push(() => cable.close());
  const hub = await hubAt(first.url);
  const agent = agentAt(cable.address);
  await agent.connect();
  await Promise.all(Array.from({ length: 500 }, (_, index) => hub.say(`r${index}`)));
  await until('the agent has everything', 10_000, () => agent.newest.size === 500);
  await first.broker.close({ graceMs: 0 });
  await until('the agent knows it', 5_000, () => !agent.connected);
  await agent.leave();
  const second = await brokerBehindCable({ store });
  target = second.url;
  const again = await hubAt(second.url);
  again.goOn(hub);
  for (const id of ['r7', 'new', 'r7']) await again.say(id);
  await again.say('r8', true);
  await agent.connect();
  await until('it is caught up', 5_000, () => agent.caughtUp === 1);
  expect(agent.seen.map(({ id, gone }) => `${id}${gone ? ' gone' : ''}`)).toEqual(['new', 'r7', 'r8 gone']);
  expect(agent.newest).toEqual(again.newest);
  expect(agent.faults).toEqual([]);
});

test('an agent client that lost its connection gets what it missed, without a resync of its own', async () => {
  const { cable, url } = await brokerBehindCable();
  const source = await hubAtAddress(url);
  closing.push(() => source.close());
  const agent = await agentAtAddress(cable.address);
  closing.push(() => agent.close());
  const inbox = new Inbox();
  await agent.subscribe(inbox.take);
  const say = (id: string, version: number) =>
    source.publish(typeOf('spec', version === 1 ? 'create_request' : 'update_request'), part(id, version));
  await say('a', 1);
  await until('the agent has it', 5_000, () => inbox.all.length === 1);
  const back = agent.reconnected[Symbol.asyncIterator]().next();
  cable.cut();
  await say('a', 2);
  await say('a', 3);
  await say('b', 1);
  await back;
  await until('the agent has what it missed', 5_000, () => inbox.lines.includes('ADDED b 1'));
  // Where it was not away yet, it may have had the second one too.
  expect(inbox.lines.filter((one) => one !== 'ADDED a 2')).toEqual(['ADDED a 1', 'ADDED a 3', 'ADDED b 1']);
});

test('another epoch: it gets everything, and goes on from there', async () => {
  const first = await brokerBehindCable();
  let target = first.url;
  const cable = await Cable.lay(() => target);
  closing.push(() => cable.close());
  const hub = await hubAt(first.url);
  const agent = agentAt(cable.address);
  await agent.connect();
  for (const id of ['a', 'b']) await hub.say(id);
  await until('it has both', 5_000, () => agent.newest.size === 2);
  const epoch = agent.memory.point?.epoch;
  // A broker with an empty memory takes its place.
  const second = await brokerBehindCable();
  const newHub = await hubAt(second.url);
  for (const id of ['a', 'b', 'c']) await newHub.say(id);
  target = second.url;
  cable.cut();
  await until('the agent knows it', 5_000, () => !agent.connected);
  await agent.leave();
  agent.newest.clear();
  await agent.connect();
  await until('it is caught up', 5_000, () => agent.caughtUp === 1);
  expect(agent.seen.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  expect(agent.memory.point?.epoch).not.toBe(epoch);
  expect(agent.memory.point?.position).toBe(3);
});
