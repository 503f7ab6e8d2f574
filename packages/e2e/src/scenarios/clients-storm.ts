import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ClientSource } from '../client-peers.js';
import { LinePeer } from '../line-peer.js';
import type { Run, Scenario } from '../run.js';
import { until } from '../until.js';

const RESOURCES = 10;
/** Sockets and files beside those of the agents. */
const SPARE_FILES = 200;
const BACK_SECONDS = 60;
/** Each of them connects, subscribes and asks, on a machine that may be busy. */
const START_MS = 120_000;
/** What a source needs that has so many clusters; the clients' own 50 per second are the SDK's. */
const SOURCE_RATE = { qps: 2_000, burst: 200 };

interface State {
  readonly subscribed?: unknown;
  readonly versions?: unknown;
  readonly deletions?: unknown;
  readonly backwards?: unknown;
}

/**
 * 2,000 agents of ce-broker-client in one process, each on a cluster of its own with ten resources of one source. The broker is killed
 * and comes back empty, while the source has moved on.
 */
export const clientsStorm: Scenario = {
  number: 7,
  name: 'clients-storm',
  async play(run) {
    const count = run.size(200, 2_000);
    checkFiles(count);
    let broker = await run.broker();
    const held = Array.from({ length: count * RESOURCES }, (_, n) => ({
      cluster: `cluster-${n % count}`,
      id: `cluster-${n % count}.r${Math.floor(n / count)}`,
    }));
    const source = await ClientSource.start(
      { name: 'source', address: broker.grpc, rateLimit: SOURCE_RATE },
      held,
    );
    run.after(() => source.client.close());
    tellFailures(run, source);
    await source.client.ready();

    const agents = await startProcess(run, broker.grpc, count);
    const before = await memory(agents);
    let from = performance.now();
    await agents.run('start', {}, START_MS);
    run.figure('subscribedFirstSeconds', since(from));
    await complete(agents, count, 1);
    run.figure('resyncedFirstSeconds', since(from));
    run.figure('kibPerClient', ((await memory(agents)) - before) / count / 1024);

    await broker.kill();
    source.moveOn();
    from = performance.now();
    broker = await run.restart(broker);
    run.figure('restartSeconds', since(from));
    await until('all are subscribed again', BACK_SECONDS * 1_000, async () => {
      const { subscribed }: State = await agents.run('state');
      return subscribed === count;
    });
    run.atMost('subscribedAgainSeconds', since(from), BACK_SECONDS);
    await complete(agents, count, 2);
    run.atMost('resyncedAgainSeconds', since(from), BACK_SECONDS);
    run.figure('kibPerClientAfter', ((await memory(agents)) - before) / count / 1024);

    const { deletions, backwards }: State = await agents.run('state');
    if (deletions !== 0) run.fault(`${deletions} deletions were handed to the agents`);
    if (backwards !== 0) run.fault(`${backwards} times a version went back in a handler`);
  },
};

/** What fails at the source belongs into the history: nobody asks for it again. */
async function tellFailures(run: Run, { client }: ClientSource): Promise<void> {
  for await (const status of client.status()) {
    if (!('error' in status)) continue;
    const { code, message } = status.error;
    run.history.add('refused', 'source', { note: `${status.type}: ${code}: ${message}` });
  }
}

/** Every agent holds all of its resources at this version. */
async function complete(agents: LinePeer, count: number, version: number): Promise<void> {
  const wanted = JSON.stringify({ [version]: count * RESOURCES });
  let last = '';
  await until(`every agent holds version ${version}`, BACK_SECONDS * 1_000, async () => {
    const { versions }: State = await agents.run('state');
    last = JSON.stringify(versions);
    return last === wanted;
  }).catch((cause: unknown) => {
    throw new Error(`resources by version ${last}, not ${wanted}`, { cause });
  });
}

async function startProcess(run: Run, address: string, count: number): Promise<LinePeer> {
  const program = fileURLToPath(new URL('../../dist/agents-main.js', import.meta.url));
  const flags = { address, agents: String(count) };
  const agents = await LinePeer.start('agents', [process.execPath, '--expose-gc', program], 'agent', flags);
  run.after(() => agents.quit());
  return agents;
}

/** Resident bytes after a garbage collection. */
async function memory(agents: LinePeer): Promise<number> {
  const { rss } = await agents.run('memory');
  return Number(rss);
}

function since(from: number): number {
  return (performance.now() - from) / 1_000;
}

/** A process of agents and the broker hold a socket for each of them. */
function checkFiles(agents: number): void {
  const [, limit] = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  if (limit !== undefined && Number(limit) < agents + SPARE_FILES)
    throw new Error(
      `${agents} agents need ${agents + SPARE_FILES} open files, and the limit is ${limit}: raise it (ulimit -n ${2 * agents})`,
    );
}
