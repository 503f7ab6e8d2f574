import { Cable } from '../cable.js';
import {
  agentsHoldWhatIsWanted,
  nothingIsDeleted,
  sourcesKnowTheNewestStatus,
  versionsNeverGoBack,
} from '../checkers.js';
import { drive } from '../measure.js';
import { ModelAgent } from '../model-agent.js';
import { type ModelPeer, stopAll } from '../model-peer.js';
import { ModelSource } from '../model-source.js';
import type { Run, Scenario } from '../run.js';
import { until } from '../until.js';

const RESOURCES = 200;
const CLUSTERS = 10;
const SOURCES = 2;

/** 200 resources move through many versions while every connection drops each 0.2 to 2 s. */
export const flap: Scenario = {
  number: 17,
  name: 'flap',
  async play(run) {
    const broker = await run.broker();
    const cables: Cable[] = [];
    const lay = async () => {
      const cable = await Cable.lay(() => broker.grpc);
      run.after(() => cable.close());
      cables.push(cable);
      return { address: () => cable.address, history: run.history, random: run.random.fork() };
    };
    const sources: ModelSource[] = [];
    const agents: ModelAgent[] = [];
    for (let n = 0; n < SOURCES; n += 1)
      sources.push(new ModelSource({ ...(await lay()), name: `source-${n}` }));
    for (let n = 0; n < CLUSTERS; n += 1)
      agents.push(
        new ModelAgent({ ...(await lay()), name: `agent-${n}`, cluster: `cluster-${n}`, reports: true }),
      );
    const peers: ModelPeer[] = [...sources, ...agents];
    run.after(() => stopAll(peers));
    for (let n = 0; n < RESOURCES; n += 1) sources[n % SOURCES]?.holds(`cluster-${n % CLUSTERS}`, `r${n}`);
    for (const peer of peers) peer.start();
    await until('every agent holds its resources', 30_000, () =>
      agents.every((agent) => agent.held.size === RESOURCES / CLUSTERS),
    );

    const stopCutting = cutAtRandom(run, cables);
    const versions = run.size(30, 5_000);
    const perSecond = run.size(500, 4_000);
    let turn = 0;
    await drive(perSecond, (versions * RESOURCES * 1_000) / perSecond, () => {
      const n = turn % RESOURCES;
      turn += 1;
      sources[n % SOURCES]?.update(`cluster-${n % CLUSTERS}`, `r${n}`);
    });
    run.figure('drops', stopCutting());
    const settled = await until('everybody is equal', 60_000, () => {
      const held = sources.every((source) =>
        [...source.wanted.values()].every(({ cluster, id, version }) =>
          agents.every((agent) => agent.cluster !== cluster || agent.held.get(id)?.version === version),
        ),
      );
      if (!held) return false;
      return agents.every((agent) =>
        [...agent.held.values()].every((has) =>
          sources.every(
            (source) =>
              source.name !== has.source || source.known.get(`${agent.cluster}/${has.id}`) === has.sequence,
          ),
        ),
      );
    });
    run.figure('settledMs', settled);
    for (const peer of [...sources, ...agents]) peer.recordState();
    const lines = run.history.read();
    run.figure(
      'published',
      lines.filter((line) => line.k === 'acked' && sources.some((s) => s.name === line.who)).length,
    );
    run.figure('failed', lines.filter((line) => line.k === 'refused').length);
    run.figure(
      'handedToAgents',
      lines.filter((line) => line.k === 'got' && line.version !== undefined).length,
    );
    run.fault(
      ...versionsNeverGoBack(lines),
      ...nothingIsDeleted(lines),
      ...agentsHoldWhatIsWanted(lines),
      ...sourcesKnowTheNewestStatus(lines),
    );
  },
};

/** Each cable is cut again and again after 0.2 to 2 s. The result ends that, and says how often it happened. */
export function cutAtRandom(run: Run, cables: readonly Cable[]): () => number {
  const timers = new Map<Cable, NodeJS.Timeout>();
  let drops = 0;
  const plan = (cable: Cable) => {
    const next = () => {
      cable.cut();
      drops += 1;
      plan(cable);
    };
    timers.set(cable, setTimeout(next, run.random.whole(200, 2_000)));
  };
  for (const cable of cables) plan(cable);
  const stop = () => {
    for (const timer of timers.values()) clearTimeout(timer);
    return drops;
  };
  run.after(() => {
    stop();
  });
  return stop;
}
