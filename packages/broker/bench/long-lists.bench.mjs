// How long the event loop stands still over one cluster with very many resources of one type: the longest single turn of the core over
// a store on disk, nothing of it in memory, for each thing that has to look at all of them. CPU is that of the turn that takes most of it,
// with the garbage collector's threads: on a busy machine it says more than the clock.
// Run: `npm run build && node packages/broker/bench/long-lists.bench.mjs [RESOURCES]`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createEvent,
  encodeEvent,
  encodePublishRequest,
  encodeSpecResyncBody,
  encodeStatusResyncBody,
  timestampFromMillis,
} from 'ce-broker-proto';
import { DataTypePolicies } from '../dist/access/data-type-policy.js';
import { BrokerCore } from '../dist/core/index.js';
import { lmdbStore } from '../dist/store/index.js';

const RESOURCES = Number(process.argv[2] ?? 100_000);
const TYPE = 'io.example.v1.works';
const LEASES = 'cluster.open-cluster-management.io.v1.managedclusters';
const WINDOW = 1 << 20;

const directory = mkdtempSync(join(tmpdir(), 'long-lists-'));
const text = (value) => ({ kind: 'string', value });
const ids = Array.from({ length: RESOURCES }, (_, index) => `resource-${String(index).padStart(27, '0')}`);
const quiet = () => undefined;
const logger = { debug: quiet, info: quiet, warn: quiet, error: console.error };
let number = 0;

function request(type, source, extensions, data, time = Date.now()) {
  number += 1;
  const event = createEvent({
    id: `event-${number}-${process.pid}`,
    source,
    type,
    time: timestampFromMillis(time),
    dataContentType: 'application/json',
    extensions,
    data: { kind: 'binary', value: data },
  });
  return encodePublishRequest(encodeEvent(event));
}

const payload = Buffer.alloc(512, ' ');
payload.write('{}');
const spec = (id) =>
  request(
    `${TYPE}.spec.create_request`,
    'hub',
    [
      ['clustername', text('c1')],
      ['resourceid', text(id)],
      ['resourceversion', { kind: 'integer', value: 1 }],
    ],
    payload,
  );
const status = (id) =>
  request(
    `${TYPE}.status.update_request`,
    'agent',
    [
      ['clustername', text('c1')],
      ['originalsource', text('hub')],
      ['resourceid', text(id)],
      ['statushash', text('0123456789abcdef0123456789abcdef')],
    ],
    payload,
  );
const lease = (id) =>
  request(
    `${LEASES}.spec.create_request`,
    'agent',
    [
      ['clustername', text('c1')],
      ['originalsource', text('hub')],
      ['resourceid', text(id)],
    ],
    payload,
  );
const deletion = (id) =>
  request(
    `${TYPE}.spec.delete_request`,
    'hub',
    [
      ['clustername', text('c1')],
      ['resourceid', text(id)],
      ['deletiontimestamp', { kind: 'timestamp', value: timestampFromMillis(Date.now()) }],
    ],
    payload,
  );
const specResync = (list) =>
  request(
    `${TYPE}.spec.resync_request`,
    'c1-agent',
    [
      ['clustername', text('c1')],
      ['originalsource', text('')],
    ],
    Buffer.from(encodeSpecResyncBody(list)),
  );
const statusResync = (list) =>
  request(
    `${TYPE}.status.resync_request`,
    'hub',
    [
      ['clustername', text('')],
      ['originalsource', text('')],
    ],
    Buffer.from(encodeStatusResyncBody(list)),
  );

/** A broker core over the store, whose every call is timed. */
class Timed {
  longest = 0;
  longestCpu = 0;
  where = '';
  answered = 0;
  core;
  store;
  #jobs = false;
  #sessions = [];
  #ticker;

  async open(options = {}) {
    this.store = await lmdbStore({ dataDir: directory }).open({ logger });
    const port = {
      wake: () => {
        if (this.#jobs) return;
        this.#jobs = true;
        setImmediate(this.#run);
      },
      newId: () => `id-${number++}`,
      note: quiet,
    };
    const policies = new DataTypePolicies();
    this.core = new BrokerCore({ store: this.store, port, policies, clock: () => Date.now(), options });
    this.#ticker = setInterval(() => this.time('tick', () => this.core.tick(Date.now())), 250);
    return this;
  }

  #run = () => {
    this.#jobs = false;
    this.time('work put off', () => {
      if (this.core.runJobs(Date.now())) {
        this.#jobs = true;
        setImmediate(this.#run);
      }
    });
  };

  time(what, work) {
    const [began, before] = [performance.now(), process.cpuUsage()];
    const result = work();
    const ms = performance.now() - began;
    const { system, user } = process.cpuUsage(before);
    this.longestCpu = Math.max(this.longestCpu, (system + user) / 1000);
    if (ms > this.longest) {
      this.longest = ms;
      this.where = what;
    }
    return result;
  }

  subscribe(about) {
    const outlet = {
      room: WINDOW,
      events: 0,
      writableBytes: () => outlet.room,
      write: (message) => {
        outlet.room -= message.byteLength;
        outlet.events += 1;
      },
      end: quiet,
      endConnection: (_code, message) => console.error(message),
    };
    const wish = { source: '', clusterName: '', dataType: '', ...about };
    const who = { user: 'u', groups: [], role: undefined };
    const session = this.time('Subscribe', () => this.core.subscribe(outlet, wish, who, Date.now()));
    this.#sessions.push({ outlet, session });
    return outlet;
  }

  publish(bytes, who = { user: 'u', groups: [], role: undefined }) {
    const call = {
      reply: () => {
        this.answered += 1;
      },
      fail: (code, message) => {
        throw new Error(`${code}: ${message}`);
      },
    };
    this.time('Publish', () => this.core.publish(call, bytes, who, Date.now()));
  }

  /** Until nobody has anything to do any more. */
  async settle() {
    for (let idle = 0; idle < 50; idle += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#jobs) idle = 0;
      for (const { outlet, session } of this.#sessions) {
        if (outlet.room > 0 && !session.waits) continue;
        idle = 0;
        outlet.room = WINDOW;
        this.time('write', () => this.core.writable(session, Date.now()));
      }
    }
  }

  async close() {
    clearInterval(this.#ticker);
    await this.store.close();
  }
}

async function fill() {
  const broker = await new Timed().open();
  for (const make of [spec, status, lease]) {
    for (const [index, id] of ids.entries()) {
      broker.publish(make(id));
      if (index % 2_000 === 0) while (broker.answered < number - 20_000) await broker.settle();
    }
    while (broker.answered < number) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await broker.close();
}

async function measure(name, options, play) {
  const broker = await new Timed().open(options);
  await broker.settle();
  broker.longest = 0;
  broker.longestCpu = 0;
  const began = performance.now();
  const said = await play(broker);
  await broker.settle();
  const ms = performance.now() - began;
  const row = [
    name.padEnd(44),
    `${broker.longest.toFixed(0).padStart(5)} ms`,
    `${broker.longestCpu.toFixed(0).padStart(5)} ms`,
    `${ms.toFixed(0).padStart(6)} ms`,
    broker.where.padEnd(13),
  ];
  console.log(`${row.join('  ')}  ${said?.() ?? ''}`);
  await broker.close();
}

const versions = (version) => ids.map((resourceId) => ({ resourceId, resourceVersion: version }));
const hashes = (statusHash) => ids.map((resourceId) => ({ resourceId, statusHash }));
const agent = { clusterName: 'c1', dataType: TYPE };
const source = { source: 'hub', dataType: TYPE };

try {
  await fill();
  console.log(`${RESOURCES} resources of one type on one cluster`);
  console.log(`${''.padEnd(44)}   longest       CPU     in all  longest in`);
  const guard = { massDeletion: { share: 0.5, withinMs: 3_600_000, least: 10 } };
  await measure('spec resync, the agent has everything', {}, (broker) => {
    const list = specResync(versions(1n));
    broker.subscribe(agent);
    broker.publish(list);
  });
  await measure('spec resync, the agent has nothing', {}, (broker) => {
    const outlet = broker.subscribe(agent);
    broker.publish(specResync([]));
    return () => `${outlet.events} events`;
  });
  await measure('spec resync beside its source', {}, (broker) => {
    const list = specResync(versions(1n));
    const outlet = broker.subscribe(source);
    broker.subscribe(agent);
    broker.publish(list);
    return () => `${outlet.events} to the source`;
  });
  await measure('status resync, the agent is away', {}, (broker) => {
    const list = statusResync(hashes('another'));
    const outlet = broker.subscribe(source);
    broker.publish(list);
    return () => `${outlet.events} events`;
  });
  await measure('status resync, the agent is here', {}, (broker) => {
    const list = statusResync(hashes('another'));
    broker.subscribe(source);
    const outlet = broker.subscribe(agent);
    broker.publish(list);
    return () => `${outlet.events} to the agent`;
  });
  await measure('subscription of a source', {}, (broker) => {
    const outlet = broker.subscribe(source);
    return () => `${outlet.events} events`;
  });
  await measure('subscription of a source that leases are for', {}, (broker) => {
    const outlet = broker.subscribe({ source: 'hub', dataType: LEASES });
    return () => `${outlet.events} events`;
  });
  await measure('first deletion under the guard', guard, (broker) => broker.publish(deletion(ids[0])));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
