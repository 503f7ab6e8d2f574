// What a Publish costs above the RPC engine: scan, authorise, state, delivery to one subscriber, answer. An engine that costs nothing
// calls the broker's methods directly. Run: `npm run build && node packages/broker/bench/above-seam.bench.mjs [EVENTS]`.
// For where the time goes: `node --cpu-prof packages/broker/bench/above-seam.bench.mjs`.
import { randomUUID } from 'node:crypto';
import { createEvent, encodeEvent, encodePublishRequest, encodeSubscriptionRequest } from 'ce-broker-proto';
import { AuthenticatorChain } from '../dist/access/authenticator.js';
import { DataTypePolicies } from '../dist/access/data-type-policy.js';
import { Roles } from '../dist/access/roles.js';
import { BrokerCore } from '../dist/core/index.js';
import { processClock } from '../dist/server/clock.js';
import { JobLoop } from '../dist/server/job-loop.js';
import { cloudEventMethods, PUBLISH_PATH, SUBSCRIBE_PATH } from '../dist/server/methods.js';
import { NoteLog } from '../dist/server/notes.js';
import { Peers } from '../dist/server/peers.js';
import { StreamPressure } from '../dist/server/stream-pressure.js';
import { Traffic } from '../dist/server/traffic.js';
import { validateOptions } from '../dist/server/validate-options.js';
import { MemoryStore } from '../dist/state/memory-store.js';

const EVENTS = Number(process.argv[2] ?? 300_000);
const RESOURCES = 1_000;
const BATCH = 128;
/** So that every version takes four bytes. */
const FIRST = 3_000_000;
const DATA_TYPE = 'io.open-cluster-management.works.v1alpha1.manifestbundles';

const options = validateOptions({ allowAnonymous: true, store: 'memory', listen: false });
const { logger } = options;
const clock = processClock;
const notes = new NoteLog(logger, clock);
const jobs = new JobLoop(clock, (error) => console.error(error));
const core = new BrokerCore({
  store: new MemoryStore(randomUUID()),
  clock: () => clock.now(),
  port: {
    wake: () => jobs.wake(),
    newId: randomUUID,
    note: (note) => notes.write(note),
    resynced: () => undefined,
  },
  policies: new DataTypePolicies(options.dataTypes),
  options: { ...options, keepState: true },
});
jobs.use(core);
const roles = new Roles(options.roles);
const methods = cloudEventMethods({
  core,
  clock,
  peers: new Peers(new AuthenticatorChain([], roles), () => 0),
  traffic: new Traffic(),
  notes,
  open: new Set(),
  pressure: new StreamPressure(options.totalStreamBytes),
  streamBufferBytes: options.streamBufferBytes,
  newId: randomUUID,
  maxMessageBytes: options.maxMessageBytes,
  maxSubscriptionsPerConnection: options.maxSubscriptionsPerConnection,
});

const peer = (port) => ({ address: `127.0.0.1:${port}`, certificate: undefined, context: undefined });
let delivered = 0;
let answered = 0;
const stream = {
  peer: peer(1),
  listener: undefined,
  header: () => undefined,
  sendHeaders() {},
  writableBytes: () => 1 << 20,
  write() {
    delivered += 1;
  },
  end: (code, message) => console.error('stream ended', code, message),
  endConnection: (code, message) => console.error('stream ended', code, message),
};
methods[SUBSCRIBE_PATH].open(
  stream,
  encodeSubscriptionRequest({ source: '', clusterName: 'cluster1', dataType: DATA_TYPE }),
);

const string = (value) => ({ kind: 'string', value });
const uuid = (number) => `5f0c2a3e-0f2b-4d5c-8e2a-${String(number).padStart(12, '0')}`;
const request = (number) =>
  encodePublishRequest(
    encodeEvent(
      createEvent({
        id: uuid(number),
        source: 'source1',
        type: `${DATA_TYPE}.spec.update_request`,
        time: { seconds: 1_741_965_000 + number, nanos: 123_456_789 },
        dataContentType: 'application/json',
        extensions: [
          ['clustername', string('cluster1')],
          ['originalsource', string('')],
          ['resourceid', string(`r-${String(number % RESOURCES).padStart(4, '0')}`)],
          ['resourceversion', { kind: 'integer', value: number }],
          ['logtracing', string('{}')],
        ],
        data: { kind: 'binary', value: Buffer.alloc(1024, '{"a":1}') },
      }),
    ),
  );
const publisher = peer(2);
class Call {
  peer = publisher;
  header() {
    return undefined;
  }
  reply() {
    answered += 1;
  }
  fail(code, message) {
    throw new Error(`${code} ${message}`);
  }
}

/** One request for each resource; id and version are changed in place, so that no time goes into making them. */
const templates = Array.from({ length: RESOURCES }, (_, number) => Buffer.from(request(FIRST + number)));
const idAt = templates[0].indexOf(uuid(FIRST)) + uuid(0).length - 12;
const versionAt = templates[0].indexOf('ce-resourceversion') + 'ce-resourceversion'.length + 3;
const stamp = (bytes, number) => {
  let rest = number;
  for (let at = idAt + 11; at >= idAt; at--, rest = Math.floor(rest / 10)) bytes[at] = 48 + (rest % 10);
  const version = 3_000_000 + number;
  for (let at = 0; at < 4; at++)
    bytes[versionAt + at] = ((version >>> (7 * at)) & 0x7f) | (at < 3 ? 0x80 : 0);
};

const perEvent = [];
for (let at = 0; at < EVENTS; ) {
  const began = process.cpuUsage();
  for (let batch = 0; batch < 50; batch++) {
    for (let i = 0; i < BATCH; i++, at++) {
      const bytes = templates[at % RESOURCES];
      stamp(bytes, at);
      methods[PUBLISH_PATH].handle(new Call(), bytes);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { system, user } = process.cpuUsage(began);
  perEvent.push(((system + user) * 1000) / (50 * BATCH));
}
await new Promise((resolve) => setTimeout(resolve, 50));
perEvent.sort((a, b) => a - b);
console.log(`${answered} answered, ${delivered} delivered`);
console.log(
  `CPU per event: median ${Math.round(perEvent[perEvent.length >> 1])} ns, least ${Math.round(perEvent[0])} ns`,
);
process.exit(0);
