/**
 * The same load for the message brokers that speak another protocol: the same event bytes, in the same closed loop, by hand
 * on sockets. MQTT 3.1.1 with QoS 1 both ways (PUBACK is the acknowledgement), or with QoS 0 (there is none); NATS core, where a PING follows each message
 * and its PONG is the acknowledgement; JetStream, which answers each message itself.
 */
import { connect } from 'node:net';
import { EventTemplate, Histogram, OutBuffer } from '../lib/load-library.mjs';
import { Contention, cpuMicros } from '../lib/proc.mjs';
import { jetstream } from '../loads/jetstream.mjs';
import { mqtt, mqttQos0 } from '../loads/mqtt.mjs';
import { nats } from '../loads/nats.mjs';

const { protocol, pid, options } = JSON.parse(process.argv[2]);
const {
  inFlight = 16,
  subscribers = 1,
  seconds = 2,
  warmUpSeconds = 1,
  payloadBytes = 1024,
  resources = 10_000,
} = options;
const speak = { jetstream, mqtt, 'mqtt-qos0': mqttQos0, nats }[protocol];
const port = Number(options.server.split(':')[1]);
const topic = speak.topic('bench', 'cluster-00000');
const template = new EventTemplate({
  kind: 'spec',
  source: 'bench',
  dataType: 'io.open-cluster-management.works.v1alpha1.manifestbundles',
  payloadBytes,
  clusters: 1,
  resourcePrefix: '0'.repeat(24),
});
const { eventBytes } = template;
const now = () => Math.floor(performance.now() * 1000);
const ack = new Histogram();
const delivery = new Histogram();
let measuring = false;
let counting = false;
let ackedCount = 0;
let deliveredCount = 0;
let lastAt = 0;
let running = true;
let failure;

function open(onReady, handlers) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    const out = new OutBuffer(socket);
    let rest;
    const parse = speak.parser({
      out,
      ...handlers,
      ready: () => {
        onReady?.(out);
        resolve({ socket, out });
      },
    });
    socket.on('connect', () => {
      speak.greet(out);
      out.flush();
    });
    socket.on('data', (chunk) => {
      const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
      const used = parse(bytes);
      rest = used < bytes.length ? bytes.subarray(used) : undefined;
      out.flush();
    });
    socket.on('error', (error) => {
      failure = error;
      reject(error);
    });
  });
}

const received = (bytes, start, end) => {
  const stamp = template.readStamp(bytes, start, end);
  if (stamp < 0) return;
  lastAt = now();
  arrived += 1;
  wake();
  if (counting) deliveredCount += 1;
  if (measuring) delivery.record(lastAt - stamp);
};
const opened = [];
for (let index = 0; index < subscribers; index++) {
  opened.push(await open((out) => speak.subscribe(out, topic), { received, acked: () => {} }));
}

/** When each message in flight began; answers come in order. */
const begun = [];
let head = 0;
let publisher;
let resource = 0;
let version = 1;
/** As in the gRPC load: an event is in flight until it is acknowledged and delivered to everybody. */
let sent = 0;
let arrived = 0;
let woken;
const undelivered = () => (subscribers > 0 ? sent - arrived / subscribers : 0);
const wake = () => {
  if (woken !== undefined) return;
  woken = setImmediate(() => {
    woken = undefined;
    pump();
    publisher?.out.flush();
  });
};
const unanswered = () => (speak.unacknowledged ? 0 : begun.length - head);
const pump = () => {
  while (running && publisher !== undefined && unanswered() < inFlight && undelivered() < inFlight) {
    const at = now();
    const request = template.next(resource, version, at);
    speak.publish(publisher.out, topic, request, request.length - eventBytes);
    if (!speak.unacknowledged) begun.push(at);
    sent += 1;
    resource += 1;
    if (resource === resources) {
      resource = 0;
      version += 1;
    }
  }
  if (head > 65_536) {
    begun.splice(0, head);
    head = 0;
  }
};
const acked = () => {
  lastAt = now();
  const latency = lastAt - begun[head++];
  if (counting) ackedCount += 1;
  if (measuring) ack.record(latency);
};
publisher = await open(undefined, { received: () => {}, acked, turn: () => pump() });
pump();
publisher.out.flush();
await sleep(warmUpSeconds * 1000);
const cpuBefore = cpuMicros(pid) ?? Number.NaN;
const contention = new Contention();
const from = now();
measuring = true;
counting = true;
await sleep(seconds * 1000);
measuring = false;
const contended = contention.share();
const measured = (now() - from) / 1e6;
running = false;
// As in the gRPC load: until nothing has come for 200 ms, at most 5 s.
for (let waited = 0; waited < 5_000 && now() - lastAt < 200_000; waited += 20) await sleep(20);
const cpu = (cpuMicros(pid) ?? Number.NaN) - cpuBefore;
const deliveredEach = subscribers > 0 ? deliveredCount / subscribers : ackedCount;
const handled = speak.unacknowledged ? deliveredEach : (ackedCount + deliveredEach) / 2;
for (const { socket } of [publisher, ...opened]) socket.destroy();
if (failure !== undefined) throw failure;
process.stdout.write(
  JSON.stringify({
    seconds: measured,
    ackedPerSecond: ack.count / measured,
    deliveredPerSecond: delivery.count / measured,
    eventsPerSecond: handled / ((lastAt - from) / 1e6),
    cpuPerEvent: cpu / handled,
    contention: contended,
    p50Ms: ack.percentile(50) / 1000,
    p99Ms: ack.percentile(99) / 1000,
    deliveryP50Ms: delivery.percentile(50) / 1000,
    deliveryP99Ms: delivery.percentile(99) / 1000,
    eventBytes,
    errors: {},
  }),
);

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
