// Many agents over ce-broker-client in one process, driven over the line protocol of the interop programs:
//   node --expose-gc agents-main.js agent --address HOST:PORT --agents N
// Commands: `start` makes them all, `state` tells how far they are, `memory` collects garbage and tells the resident bytes.
import { parseArgs } from 'node:util';
import { ClientAgent } from './client-peers.js';
import { type Said, serve } from './interop/line.js';
import { inBatches } from './measure.js';

const AT_ONCE = 50;

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    address: { type: 'string', default: '' },
    agents: { type: 'string', default: '0' },
  },
});
const agents: ClientAgent[] = [];
let subscribed = 0;

async function start(): Promise<undefined> {
  await inBatches(Number(values.agents), AT_ONCE, async (n) => {
    const agent = await ClientAgent.start({
      name: `agent-${n}`,
      cluster: `cluster-${n}`,
      address: values.address,
    });
    agents.push(agent);
    watch(agent);
    await agent.client.ready();
  });
}

async function watch({ client }: ClientAgent): Promise<void> {
  let stands = false;
  for await (const { type } of client.status()) {
    if (type === 'subscribed') {
      stands = true;
      subscribed += 1;
    } else if (stands && (type === 'disconnected' || type === 'closed')) {
      stands = false;
      subscribed -= 1;
    }
  }
}

/** How many agents stand, and how many resources they hold at which version. */
function state(): Said {
  const versions: Record<string, number> = {};
  let resources = 0;
  let deletions = 0;
  let backwards = 0;
  for (const { set, seen } of agents) {
    resources += set.size;
    deletions += seen.deletions;
    backwards += seen.backwards;
    for (const { fields } of set.values()) versions[fields.version] = (versions[fields.version] ?? 0) + 1;
  }
  return { subscribed, resources, versions, deletions, backwards };
}

function memory(): Said {
  for (let round = 0; round < 3; round += 1) globalThis.gc?.();
  return { rss: process.memoryUsage.rss() };
}

await serve(async ({ op }) => {
  if (op === 'start') return await start();
  if (op === 'state') return state();
  if (op === 'memory') return memory();
  throw new Error(`no op ${JSON.stringify(op)}`);
});
await Promise.all(agents.map(({ client }) => client.close()));
