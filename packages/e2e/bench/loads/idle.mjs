/** Opens many idle subscriptions and prints what they cost the server in memory, once it has settled. */
import { connect } from 'node:net';
import { clusterName, OutBuffer } from '../lib/load-library.mjs';
import { cpuMicros, residentKib } from '../lib/proc.mjs';
import { openAgents, sleep } from '../lib/wire.mjs';
import { mqtt } from './mqtt.mjs';
import { nats } from './nats.mjs';

const { protocol, pid, port, count, perConnection, settleMs } = JSON.parse(process.argv[2]);
const DIALS = 20;

const opened = [];
await sleep(500);
const before = residentKib(pid);
const begun = performance.now();
const groups = Math.ceil(count / perConnection);
let next = 0;
await Promise.all(
  Array.from({ length: DIALS }, async () => {
    while (next < groups) {
      const from = next++ * perConnection;
      opened.push(await openGroup(from, Math.min(count, from + perConnection)));
    }
  }),
);
const openedMs = performance.now() - begun;
await sleep(settleMs);
const after = residentKib(pid);
const cpuFrom = cpuMicros(pid);
const from = performance.now();
await sleep(2_000);
const seconds = (performance.now() - from) / 1000;
const result = {
  kibEach: (after - before) / count,
  residentMib: after / 1024,
  opensPerSecond: count / (openedMs / 1000),
  cpuShare: (cpuMicros(pid) - cpuFrom) / 1e6 / seconds,
};
for (const one of opened) one.close();
process.stdout.write(JSON.stringify(result), () => process.exit(0));

async function openGroup(from, to) {
  if (protocol !== 'grpc') return openOther(protocol === 'mqtt' ? mqtt : nats, clusterName(from));
  const clusters = Array.from({ length: to - from }, (_, index) => clusterName(from + index));
  return openAgents({ port }, clusters, () => {});
}

function openOther(speak, cluster) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const out = new OutBuffer(socket);
    const parse = speak.parser({
      out,
      acked() {},
      received() {},
      ready() {
        speak.subscribe(out, speak.topic('bench', cluster));
        resolve({ close: () => socket.destroy() });
      },
    });
    socket.on('connect', () => {
      speak.greet(out);
      out.flush();
    });
    socket.on('data', (chunk) => {
      parse(chunk);
      out.flush();
    });
    socket.on('error', reject);
  });
}
