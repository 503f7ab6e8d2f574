// What the RPC engine costs by itself: acked publishes delivered to subscribers, our engine beside a plain grpc-js server
// with ts-proto messages, each in a process of its own, taking turns. An event in flight is one that has not been both
// acknowledged and delivered. CPU is that of the server process.
//
//   node packages/broker/bench/rpc-engine.bench.mjs [--rounds 3] [--seconds 2] [--in-flight 1,16,128] [--fan-out 1]
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { Publisher, Subscriber } from './rpc-load.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    'in-flight': { type: 'string', default: '1,16,128' },
    'fan-out': { type: 'string', default: '1' },
    kinds: { type: 'string', default: 'plain,engine' },
    bytes: { type: 'string', default: '1024' },
  },
});
const SERVICE = '/io.cloudevents.v1.CloudEventService';
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);

const kinds = values.kinds.split(',');
const servers = new Map();
for (const kind of kinds) {
  const child = fork(new URL('./rpc-relay.mjs', import.meta.url), [kind], { stdio: 'inherit' });
  const [{ port }] = await once(child, 'message');
  servers.set(kind, { child, port });
}

async function ask(child) {
  child.send('cpu');
  const [answer] = await once(child, 'message');
  return answer;
}

async function measure({ child, port }, inFlight, fanOut) {
  const subscribers = Array.from(
    { length: fanOut },
    () => new Subscriber(port, `${SERVICE}/Subscribe`, subscription()),
  );
  await Promise.all(subscribers.map((subscriber) => subscriber.opened));
  const publisher = new Publisher(port, `${SERVICE}/Publish`, publishRequest(Number(values.bytes)), inFlight);
  publisher.follow(subscribers);
  publisher.start();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const before = await ask(child);
  publisher.reset();
  const delivered = subscribers[0].messages;
  const start = performance.now();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const elapsed = (performance.now() - start) / 1000;
  const { acked, latencies } = publisher;
  const after = await ask(child);
  await publisher.stop();
  const arrived = subscribers[0].messages - delivered;
  for (const connection of [...subscribers, publisher]) connection.close();
  latencies.sort((a, b) => a - b);
  const cpu = after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system;
  return {
    rate: acked / elapsed,
    cpu: cpu / acked,
    p50: latencies[Math.floor(latencies.length * 0.5)],
    p99: latencies[Math.floor(latencies.length * 0.99)],
    delivered: arrived / acked,
  };
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

console.log(`events of ${values.bytes} bytes of payload, medians of ${rounds} rounds of ${seconds} s`);
for (const inFlight of values['in-flight'].split(',').map(Number)) {
  for (const fanOut of values['fan-out'].split(',').map(Number)) {
    const results = new Map(kinds.map((kind) => [kind, []]));
    for (let round = 0; round < rounds; round++) {
      for (const kind of kinds) results.get(kind).push(await measure(servers.get(kind), inFlight, fanOut));
    }
    const of = (kind, field) => median(results.get(kind).map((result) => result[field]));
    for (const kind of kinds) {
      console.log(
        `${String(inFlight).padStart(4)} in flight, x${fanOut}  ${kind.padEnd(14)}` +
          ` ${of(kind, 'rate').toFixed(0).padStart(7)} acked/s  ${of(kind, 'cpu').toFixed(1).padStart(6)} us CPU/event` +
          `  p50 ${of(kind, 'p50').toFixed(2)} p99 ${of(kind, 'p99').toFixed(2)} ms  delivered ${of(kind, 'delivered').toFixed(3)}` +
          (kind === kinds[0]
            ? ''
            : `  ${(of(kind, 'rate') / of(kinds[0], 'rate')).toFixed(2)}x rate, ${(of(kinds[0], 'cpu') / of(kind, 'cpu')).toFixed(2)}x less CPU`),
      );
    }
  }
}
for (const { child } of servers.values()) child.kill();

function field(number, bytes) {
  const length = [];
  for (let rest = bytes.length; ; rest >>>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
}

function text(number, value) {
  return field(number, Buffer.from(value));
}

/** A manifest bundle's spec event with the attributes that the Go SDK writes. */
function publishRequest(bytes) {
  const attribute = (name, value) => field(5, Buffer.concat([text(1, name), field(2, value)]));
  const string = (value) => text(3, value);
  const integer = (value) => Buffer.from([2 << 3, value]);
  return field(
    1,
    Buffer.concat([
      text(1, '7c8b4b0e-6d6b-4f9c-9a39-3f1b0f9a7e11'),
      text(2, 'source-1'),
      text(3, '1.0'),
      text(4, 'io.open-cluster-management.works.v1alpha1.manifestbundles.spec.create_request'),
      attribute('ce-resourceid', string('b2f0a0c6-5f2e-4c93-a0a1-6ad1f6e2b6f0')),
      attribute('ce-resourceversion', integer(7)),
      attribute('ce-clustername', string('cluster-1')),
      attribute('ce-originalsource', string('source-1')),
      attribute('ce-logtracing', string('{}')),
      attribute('contenttype', string('application/json')),
      attribute('ce-time', field(7, Buffer.from([8, 1]))),
      field(6, Buffer.alloc(bytes, 0x61)),
    ]),
  );
}

function subscription() {
  return Buffer.concat([
    text(2, 'cluster-1'),
    text(3, 'io.open-cluster-management.works.v1alpha1.manifestbundles'),
  ]);
}
