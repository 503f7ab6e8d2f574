import { Cable } from '../cable.js';
import { ModelAgent } from '../model-agent.js';
import { stopAll } from '../model-peer.js';
import { ModelSource } from '../model-source.js';
import type { Scenario } from '../run.js';
import { until } from '../until.js';

const AGENTS = 20;
const HEALTHINESS_TIMEOUT_MS = 15_000;
const SERVER_NOTICES_MS = 40_000;

/** Peers vanish without FIN: the broker notices within 40 s, a client within its own timeout, and both sides are whole afterwards. */
export const blackHole: Scenario = {
  number: 16,
  name: 'hole',
  async play(run) {
    const broker = await run.broker();
    const cable = await Cable.lay(() => broker.grpc);
    run.after(() => cable.close());
    const base = { history: run.history, random: run.random };
    const source = new ModelSource({ ...base, name: 'source', address: () => broker.grpc });
    const agents = Array.from(
      { length: AGENTS },
      (_, index) =>
        new ModelAgent({
          ...base,
          name: `agent-${index}`,
          cluster: `cluster-${index}`,
          address: () => cable.address,
          reports: true,
          healthinessTimeoutMs: HEALTHINESS_TIMEOUT_MS,
        }),
    );
    run.after(() => stopAll([source, ...agents]));
    for (const agent of agents) source.holds(agent.cluster, 'work');
    for (const peer of [source, ...agents]) peer.start();
    const hold = (version: number) => () =>
      agents.every((agent) => agent.held.get('work')?.version === version && agent.held.size === 1);
    await until('every agent holds version 1', 20_000, hold(1));

    cable.swallow();
    run.history.add('fault', 'cable', { note: 'everything vanishes' });
    const opens = agents.map((agent) => agent.opens);
    const ends = agents.map((agent) => agent.lastEnd);
    const from = performance.now();
    // Half of them have something waiting for them, half are idle.
    for (const agent of agents.slice(0, AGENTS / 2)) await source.update(agent.cluster, 'work');
    const [clientMs, serverMs] = await Promise.all([
      until('every agent has given the connection up', 60_000, () =>
        agents.every((agent, index) => agent.lastEnd !== ends[index]),
      ),
      until('the broker has let go of all of them', 90_000, async () => (await broker.sessions()) === 1),
    ]);
    run.atMost('serverNoticesMs', serverMs, SERVER_NOTICES_MS + 2_000);
    // A heartbeat may just have come, and the last one counts: one interval of 10 s less, or nothing less.
    run.atMost('clientNoticesMs', clientMs, HEALTHINESS_TIMEOUT_MS + 2_000);
    for (const agent of agents.slice(AGENTS / 2)) await source.update(agent.cluster, 'work');

    cable.mend();
    // Those who dial into the hole have no answer: they give up with their connections.
    cable.cut();
    await until('every agent is back', 30_000, () =>
      agents.every((agent, index) => agent.isOpen && agent.opens > (opens[index] ?? 0)),
    );
    await until('every agent holds version 2', 20_000, hold(2));
    run.figure('holeSeconds', (performance.now() - from) / 1000);
    await until('the source knows every status', 20_000, () =>
      agents.every((agent) => source.known.get(`${agent.cluster}/work`) === agent.held.get('work')?.sequence),
    );
  },
};
