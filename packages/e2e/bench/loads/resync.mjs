/**
 * Spec resyncs of one agent that has everything already: server CPU and time until the server has nothing left to do for it
 * (the call is acknowledged, and an event published behind it has arrived).
 */
import { runLoad } from '../lib/load-library.mjs';
import { cpuMicros, residentKib } from '../lib/proc.mjs';
import {
  DATA_TYPE,
  eventType,
  openAgents,
  openPublisher,
  publishRequest,
  sleep,
  specResyncRequest,
  within,
} from '../lib/wire.mjs';

const { pid, port, resources, repeats, payloadBytes } = JSON.parse(process.argv[2]);
const PREFIX = 'be9c4000-0000-4000-8000-';
const CLUSTER = 'cluster-00000';
const seeded = await runLoad({
  server: `127.0.0.1:${port}`,
  events: resources,
  resources,
  resourcePrefix: PREFIX,
  payloadBytes,
  inFlight: 64,
  subscribers: 0,
  seconds: 300,
  warmUpSeconds: 0,
});
if (seeded.totals.acked !== resources)
  throw new Error(`only ${seeded.totals.acked} of ${resources} were taken: ${JSON.stringify(seeded.errors)}`);
const id = (index) => `${PREFIX}${index.toString(16).padStart(12, '0')}`;
const versions = Array.from({ length: resources }, (_, index) => [id(index), 1]);

const source = await openPublisher({ port });
let marks = 0;
const runs = [];
for (let repeat = 0; repeat < repeats; repeat++) {
  // A new agent each time: brokers may rate-limit one that asks again and again.
  const agentCalls = await openPublisher({ port });
  let answers = 0;
  let onMark;
  const agents = await openAgents({ port }, [CLUSTER], (_cluster, bytes, start, end) => {
    // The broker's own question for statuses names the markers too, and is no answer.
    if (!eventType(bytes, start, end).includes('.spec.')) return;
    if (bytes.subarray(start, end).includes(`marker-${repeat}`)) onMark?.();
    else answers += 1;
  });
  const request = specResyncRequest(CLUSTER, versions);
  await sleep(300);
  const cpuFrom = cpuMicros(pid);
  const from = performance.now();
  await within(500, 'the acknowledgement of the resync', agentCalls.publish(request));
  const ackMs = performance.now() - from;
  marks += 1;
  const marked = new Promise((resolve) => {
    onMark = resolve;
  });
  await source.publish(
    publishRequest({
      source: 'bench',
      type: `${DATA_TYPE}.spec.update_request`,
      attributes: {
        clustername: CLUSTER,
        originalsource: 'bench',
        resourceid: `marker-${repeat}`,
        contenttype: 'application/json',
      },
      version: marks,
      data: '{}',
    }),
  );
  await within(60, 'the delivery of an event behind the resync', marked);
  const wallMs = performance.now() - from;
  await sleep(100);
  runs.push({
    wallMs,
    ackMs,
    cpuMs: (cpuMicros(pid) - cpuFrom) / 1000,
    requestBytes: request.length,
    answers,
  });
  agents.close();
  agentCalls.close();
}
source.close();
process.stdout.write(JSON.stringify({ runs, residentMib: residentKib(pid) / 1024 }), () => process.exit(0));
