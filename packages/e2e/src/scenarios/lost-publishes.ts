import { agentsHoldWhatIsWanted, nothingIsDeleted, sourcesKnowTheNewestStatus } from '../checkers.js';
import { ModelAgent } from '../model-agent.js';
import { stopAll } from '../model-peer.js';
import { ModelSource } from '../model-source.js';
import type { Scenario } from '../run.js';
import { until } from '../until.js';

const CLUSTERS = 20;
const RESOURCES = 5;

/** Specs and statuses whose publish failed reach the other side after the next connection, without a new change. */
export const lostPublishes: Scenario = {
  number: 22,
  name: 'lost',
  async play(run) {
    let broker = await run.broker();
    const base = { history: run.history, random: run.random, address: () => broker.grpc };
    const source = new ModelSource({ ...base, name: 'source' });
    const agents = Array.from(
      { length: CLUSTERS },
      (_, index) =>
        new ModelAgent({
          ...base,
          name: `agent-${index}`,
          cluster: `cluster-${index}`,
          reports: true,
        }),
    );
    const peers = [source, ...agents];
    run.after(() => stopAll(peers));
    for (const { cluster } of agents) for (let n = 0; n < RESOURCES; n += 1) source.holds(cluster, `r${n}`);
    for (const peer of peers) peer.start();
    const equal = () => {
      const all = [...source.wanted.values()];
      const held = all.every(({ cluster, id, version }) =>
        agents.some((agent) => agent.cluster === cluster && agent.held.get(id)?.version === version),
      );
      const known = agents.every((agent) =>
        [...agent.held.values()].every(
          (has) => source.known.get(`${agent.cluster}/${has.id}`) === has.sequence,
        ),
      );
      return held && known && agents.every((agent) => agent.held.size === RESOURCES);
    };
    await until('all are equal', 20_000, equal);

    const changeSpecs = async () => {
      const answers = await Promise.all(
        [...source.wanted.values()].map(({ cluster, id }) => source.update(cluster, id)),
      );
      if (answers.includes(true)) run.fault('a spec was acknowledged while nobody could have taken it');
    };
    const changeStatuses = async () => {
      const answers = await Promise.all(
        agents.flatMap((agent) => [...agent.held.keys()].map((id) => agent.report(id))),
      );
      if (answers.includes(true)) run.fault('a status was acknowledged while nobody could have taken it');
    };
    let slowest = 0;
    for (let round = 0; round < run.size(3, 30); round += 1) {
      run.history.add('fault', 'broker', { note: 'killed; both sides change' });
      await broker.kill();
      await changeSpecs();
      await changeStatuses();
      broker = await run.restart(broker);
      slowest = Math.max(slowest, await until('equal after the broker was away', 30_000, equal));

      run.history.add('fault', 'source', { note: 'cut off; its specs change' });
      source.stop();
      await changeSpecs();
      source.start();
      slowest = Math.max(slowest, await until('equal after the source was cut off', 30_000, equal));

      run.history.add('fault', 'agents', { note: 'cut off; their statuses change' });
      stopAll(agents);
      await changeStatuses();
      for (const agent of agents) agent.start();
      slowest = Math.max(slowest, await until('equal after the agents were cut off', 30_000, equal));
    }
    run.figure('slowestHealMs', slowest);
    for (const peer of peers) peer.recordState();
    const lines = run.history.read();
    run.figure('publishesThatFailed', lines.filter((line) => line.k === 'refused').length);
    run.fault(
      ...agentsHoldWhatIsWanted(lines),
      ...sourcesKnowTheNewestStatus(lines),
      ...nothingIsDeleted(lines),
    );
  },
};
