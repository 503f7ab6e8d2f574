import { agentsHoldWhatIsWanted, nothingIsDeleted, versionsNeverGoBack } from '../checkers.js';
import { inBatches } from '../measure.js';
import { ModelAgent } from '../model-agent.js';
import { stopAll } from '../model-peer.js';
import { ModelSource } from '../model-source.js';
import type { Scenario } from '../run.js';
import { until } from '../until.js';

const AGENTS = 2_000;
const CLUSTERS = 200;
const SOURCES = 4;
/** The broker's `resyncShareMs`: so long agents share a list. */
const SHARE_SECONDS = 10;

/** The broker is killed and starts again, empty, under 2,000 agents that all come back at once, while the sources have moved on. */
export const storm: Scenario = {
  number: 7,
  name: 'storm',
  async play(run) {
    let broker = await run.broker();
    const address = () => broker.grpc;
    const base = { address, history: run.history, recordsEvents: true } as const;
    const sources = Array.from(
      { length: SOURCES },
      (_, index) => new ModelSource({ ...base, name: `source-${index}`, random: run.random.fork() }),
    );
    const agents = Array.from(
      { length: AGENTS },
      (_, index) =>
        new ModelAgent({
          ...base,
          name: `agent-${index}`,
          cluster: `cluster-${index % CLUSTERS}`,
          random: run.random.fork(),
          backoffMs: [100, 1_000],
        }),
    );
    run.after(() => stopAll([...sources, ...agents]));
    for (const source of sources) {
      for (let n = 0; n < CLUSTERS; n += 1) source.holds(`cluster-${n}`, `work-${source.name}`);
      source.start();
    }
    await inBatches(AGENTS, 100, async (index) => {
      const agent = agents[index];
      agent?.start();
      await until(`agent ${index} is subscribed`, 60_000, () => agent?.isOpen === true);
    });
    const complete = (version: number) => () =>
      agents.every(
        (agent) =>
          agent.held.size === SOURCES && [...agent.held.values()].every((held) => held.version === version),
      );
    await until('every agent holds version 1', 60_000, complete(1));

    await broker.kill();
    run.history.add('fault', 'broker', { note: 'SIGKILL' });
    // The sources go on: what they publish now fails, and only resync can bring it.
    await Promise.all(
      sources.flatMap((source) =>
        [...source.wanted.values()].map(({ cluster, id }) => source.update(cluster, id)),
      ),
    );
    for (const source of sources) source.asked.clear();
    const from = performance.now();
    broker = await run.restart(broker);
    run.figure('restartMs', performance.now() - from);
    await until('all are subscribed', 60_000, () => agents.every((agent) => agent.isOpen));
    run.atMost('subscribedAfterSeconds', (performance.now() - from) / 1000, 60);
    await until('every agent holds version 2', 60_000, complete(2));
    const seconds = (performance.now() - from) / 1000;
    run.atMost('resyncedAfterSeconds', seconds, 60);
    const lists = Math.max(...sources.flatMap((source) => [...source.asked.values()]));
    // One; where a machine is so slow that the storm outlasts it, one for each such time.
    run.atMost('listsPerSourceAndCluster', lists, 1 + Math.floor(seconds / SHARE_SECONDS));
    run.figure('listsShared', (await broker.status()).counters.listsShared);
    for (const peer of [...sources, ...agents]) peer.recordState();
    const lines = run.history.read();
    run.fault(...nothingIsDeleted(lines), ...versionsNeverGoBack(lines), ...agentsHoldWhatIsWanted(lines));
  },
};
