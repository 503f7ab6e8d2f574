/** Creates all resources from one source, with an agent subscribed on each cluster; then every agent lists everything by resync. */
import { clusterName, runLoad } from '../lib/load-library.mjs';
import { residentKib } from '../lib/proc.mjs';
import { eventType, openAgents, openPublisher, specResyncRequest } from '../lib/wire.mjs';

const { pid, port, clusters, perCluster, payloadBytes, inFlight } = JSON.parse(process.argv[2]);
const total = clusters * perCluster;
const created = await runLoad({
  server: `127.0.0.1:${port}`,
  events: total,
  resources: total,
  clusters,
  subscribers: clusters,
  payloadBytes,
  inFlight,
  seconds: 300,
  warmUpSeconds: 0,
});
if (created.totals.acked !== total)
  throw new Error(`only ${created.totals.acked} of ${total} were taken: ${JSON.stringify(created.errors)}`);
const names = Array.from({ length: clusters }, (_, index) => clusterName(index));
let listed = 0;
let bytesListed = 0;
let done;
const all = new Promise((resolve) => {
  done = resolve;
});
const agents = await openAgents({ port }, names, (_cluster, bytes, start, end) => {
  // Heartbeats and the broker's own questions for statuses are no answers.
  if (!eventType(bytes, start, end).includes('.spec.')) return;
  listed += 1;
  bytesListed += end - start;
  if (listed === total) done();
});
const calls = await openPublisher({ port });
const from = performance.now();
await Promise.all(names.map((name) => calls.publish(specResyncRequest(name, []))));
await Promise.race([
  all,
  new Promise((_, reject) =>
    setTimeout(() => reject(new Error(`only ${listed} of ${total} were listed within 60 s`)), 60_000),
  ),
]);
const listSeconds = (performance.now() - from) / 1000;
agents.close();
calls.close();
process.stdout.write(
  JSON.stringify({
    createsPerSecond: total / created.seconds,
    p50Ms: created.ackLatency.p50Ms,
    p99Ms: created.ackLatency.p99Ms,
    deliveryP99Ms: created.deliveryLatency.p99Ms,
    delivered: created.totals.delivered,
    listSeconds,
    listed,
    listedMib: bytesListed / 2 ** 20,
    residentMib: residentKib(pid) / 1024,
  }),
  () => process.exit(0),
);
