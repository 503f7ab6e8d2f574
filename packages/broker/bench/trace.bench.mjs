// What it costs a publish that its delivery is traced: the core alone, with one agent that takes everything, with the trace and
// with one that does nothing, in turns. Run: `npm run build && node packages/broker/bench/trace.bench.mjs [ROUNDS]`.
// Quote the ratio; the nanoseconds are this machine's, and of this minute.
import { createEvent, encodeEvent, encodePublishRequest } from 'ce-broker-proto';
import { DataTypePolicies } from '../dist/access/data-type-policy.js';
import { BrokerCore } from '../dist/core/index.js';
import { MemoryStore } from '../dist/state/memory-store.js';

const rounds = Number(process.argv[2] ?? 15);
const PUBLISHES = 20_000;
const RESOURCES = 5_000;

const string = (value) => ({ kind: 'string', value });
const identity = { user: 'hub', groups: [], role: undefined };
const call = { reply: () => undefined, fail: (code, message) => console.error(code, message) };
const outlet = {
  writableBytes: () => 1,
  write: () => undefined,
  end: () => undefined,
  endConnection: () => undefined,
};
const port = { wake: () => undefined, newId: () => 'id', note: () => undefined };

function newCore(isTraced) {
  const core = new BrokerCore({
    store: new MemoryStore(),
    port,
    policies: new DataTypePolicies(),
    clock: () => Date.now(),
  });
  if (!isTraced) core.view.trace.delivered = () => undefined;
  core.subscribe(outlet, { source: '', clusterName: 'c1', dataType: '' }, identity, Date.now());
  return core;
}

let number = 0;
function requests() {
  return Array.from({ length: PUBLISHES }, () => {
    number += 1;
    const event = createEvent({
      id: `event-${number}`,
      source: 'hub',
      type: 'com.example.v1.widgets.spec.update_request',
      dataContentType: 'application/json',
      extensions: [
        ['clustername', string('c1')],
        ['resourceid', string(`resource-${number % RESOURCES}`)],
        ['resourceversion', { kind: 'integer', value: number }],
      ],
      data: { kind: 'binary', value: Buffer.alloc(1024, '{"a":1}') },
    });
    return encodePublishRequest(encodeEvent(event));
  });
}

function nanosecondsEach(core) {
  const batch = requests();
  const began = process.hrtime.bigint();
  for (const request of batch) core.publish(call, request, identity, Date.now());
  return Number(process.hrtime.bigint() - began) / PUBLISHES;
}

const cores = { traced: newCore(true), untraced: newCore(false) };
const times = { traced: [], untraced: [] };
for (let round = 0; round < rounds + 3; round += 1) {
  for (const name of round % 2 === 0 ? ['traced', 'untraced'] : ['untraced', 'traced']) {
    const ns = nanosecondsEach(cores[name]);
    if (round >= 3) times[name].push(ns);
  }
}
const median = (list) => list.toSorted((one, other) => one - other)[Math.floor(list.length / 2)];
const [traced, untraced] = [median(times.traced), median(times.untraced)];
console.log(
  `traced ${traced.toFixed(0)} ns, untraced ${untraced.toFixed(0)} ns per publish, ratio ${(traced / untraced).toFixed(3)}`,
);
