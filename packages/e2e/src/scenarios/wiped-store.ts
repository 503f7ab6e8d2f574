import { agentsHoldWhatIsWanted, nothingIsDeleted, ownersAreKept, versionsNeverGoBack } from '../checkers.js';
import { ModelAgent } from '../model-agent.js';
import { stopAll } from '../model-peer.js';
import { ModelSource } from '../model-source.js';
import type { Scenario } from '../run.js';
import { until } from '../until.js';

const AGENTS = 50;
const RESOURCES = 100;

/**
 * 50 agents with 100 resources each, of two sources on one data type, meet a broker that has lost its store; the sources come back one
 * after the other. Nothing is deleted, and neither touches what is the other's.
 */
export const wipedStore: Scenario = {
  number: 9,
  name: 'wiped',
  async play(run) {
    let broker = await run.broker();
    const base = { address: () => broker.grpc, history: run.history };
    const sources = ['east', 'west'].map(
      (name) => new ModelSource({ ...base, name, random: run.random.fork() }),
    );
    const agents = Array.from(
      { length: AGENTS },
      (_, index) =>
        new ModelAgent({
          ...base,
          name: `agent-${index}`,
          cluster: `cluster-${index}`,
          random: run.random.fork(),
        }),
    );
    run.after(() => stopAll([...sources, ...agents]));
    for (const agent of agents) {
      for (let n = 0; n < RESOURCES; n += 1) {
        const source = sources[n % 2];
        source?.holds(agent.cluster, `work-${n}-${source.name}`, run.random.whole(1, 9));
      }
    }
    for (const peer of [...agents, ...sources]) peer.start();
    const complete = () => agents.every((agent) => agent.held.size === RESOURCES);
    await until('every agent holds everything', 60_000, complete);

    // In a few rounds, as the order in which they meet decides what goes wrong.
    for (let round = 0; round < run.size(3, 20); round += 1) {
      for (const peer of [...agents, ...sources]) peer.stop();
      await broker.kill();
      run.history.add('fault', 'broker', { note: 'killed, and its store with it' });
      broker = await run.restart(broker);
      const order = run.random.oneIn(2) ? sources : [...sources].reverse();
      const late = run.random.pick(order);
      late.update('cluster-0', `work-${late.name === 'east' ? 0 : 1}-${late.name}`);
      const starts = run.random.oneIn(2) ? [...agents, ...order] : [...order, ...agents];
      for (const peer of starts) {
        const opens = peer.opens;
        peer.start();
        if (order.includes(peer as ModelSource))
          await until(`${peer.name} is back`, 10_000, () => peer.opens > opens);
      }
      await until('all agents are back', 20_000, () => agents.every((agent) => agent.isOpen));
      await until('the broker knows every resource again', 60_000, async () => {
        const { store } = await broker.status();
        return store.resources === AGENTS * RESOURCES && store.orphans === 0;
      });
      const wanted = late.wanted.get(`cluster-0/work-${late.name === 'east' ? 0 : 1}-${late.name}`);
      await until('what changed meanwhile has arrived', 20_000, () => {
        return agents[0]?.held.get(wanted?.id ?? '')?.version === wanted?.version;
      });
    }
    for (const peer of [...sources, ...agents]) peer.recordState();
    const lines = run.history.read();
    run.figure('rounds', run.size(3, 20));
    run.figure('deletions', nothingIsDeleted(lines).length);
    run.figure('handedToAgents', lines.filter((line) => line.k === 'got').length);
    run.fault(
      ...nothingIsDeleted(lines),
      ...ownersAreKept(lines),
      ...versionsNeverGoBack(lines),
      ...agentsHoldWhatIsWanted(lines),
    );
  },
};
