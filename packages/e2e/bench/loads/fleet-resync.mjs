/**
 * Spec resync of a whole fleet: every cluster's agent, on a connection of its own, asks at the same moment. First all are empty and get
 * everything; then all have everything but one resource each, so that the last answer tells when the broker is through.
 */

import { resourceId } from '../lib/fill.mjs';
import { clusterName } from '../lib/load-library.mjs';
import { cpuMicros, memoryKib } from '../lib/proc.mjs';
import { eventType, openAgents, openPublisher, sleep, specResyncRequest, within } from '../lib/wire.mjs';

const { pid, port, resources, clusters, version } = JSON.parse(process.argv[2]);
const names = Array.from({ length: clusters }, (_, index) => clusterName(index));
/** How long a resync may take, in seconds. */
const PATIENCE = 300;
/** A resync is answered again for a session that comes within three seconds of it. */
const FORGOTTEN_MS = 4_000;

const empty = await resync(() => [], resources);
await sleep(FORGOTTEN_MS);
const upToDate = await resync(allButOne, clusters);
await sleep(FORGOTTEN_MS);
process.stdout.write(JSON.stringify({ empty, upToDate }), () => process.exit(0));

function allButOne(cluster) {
  const versions = [];
  for (let index = cluster + clusters; index < resources; index += clusters)
    versions.push([resourceId(index), version]);
  return versions;
}

async function resync(versionsOf, expected) {
  let answers = 0;
  let eventBytes = 0;
  let onAll;
  const all = new Promise((resolve) => {
    onAll = resolve;
  });
  const agents = [];
  for (const name of names) {
    const agent = await openAgents({ port }, [name], (_cluster, bytes, start, end) => {
      if (!eventType(bytes, start, end).includes('.spec.')) return;
      answers += 1;
      eventBytes += end - start;
      if (answers === expected) onAll();
    });
    agents.push(agent);
  }
  const requests = names.map((name, cluster) => specResyncRequest(name, versionsOf(cluster)));
  const requestBytes = requests.reduce((sum, request) => sum + request.length, 0);
  const calls = await openPublisher({ port });
  await sleep(500);
  if (answers > 0) throw new Error(`${answers} answers came before anybody asked`);
  const received = agents.reduce((sum, agent) => sum + agent.bytesReceived, 0);
  const cpuFrom = cpuMicros(pid);
  const from = performance.now();
  let acked;
  const acks = Promise.all(requests.map((request) => calls.publish(request))).then(() => {
    acked = performance.now();
  });
  const complete = within(PATIENCE, `a resync of ${expected} answers`, Promise.all([acks, all]));
  await complete.catch((error) => {
    throw new Error(`${error.message}: ${answers} came`);
  });
  const wallMs = performance.now() - from;
  const bytes = agents.reduce((sum, agent) => sum + agent.bytesReceived, 0) - received;
  const memory = memoryKib(pid);
  await sleep(200);
  const cpuMs = (cpuMicros(pid) - cpuFrom) / 1000;
  for (const agent of agents) agent.close();
  calls.close();
  return { wallMs, ackMs: acked - from, cpuMs, answers, bytes, eventBytes, requestBytes, ...memory };
}
