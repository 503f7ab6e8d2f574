import { Cable } from '../cable.js';
import {
  agentsHoldWhatIsWanted,
  nothingIsDeleted,
  sourcesKnowTheNewestStatus,
  versionsNeverGoBack,
} from '../checkers.js';
import { ClientAgent, ClientSource } from '../client-peers.js';
import { drive } from '../measure.js';
import type { Scenario } from '../run.js';
import { until } from '../until.js';
import { cutAtRandom } from './flap.js';

const RESOURCES = 200;
const CLUSTERS = 10;
const SOURCES = 2;

/** As `flap`, with the sources and agents of ce-broker-client in the place of the model peers. */
export const clientsFlap: Scenario = {
  number: 17,
  name: 'clients-flap',
  async play(run) {
    const broker = await run.broker();
    const cables: Cable[] = [];
    const lay = async () => {
      const cable = await Cable.lay(() => broker.grpc);
      run.after(() => cable.close());
      cables.push(cable);
      const random = run.random.fork();
      return {
        address: cable.address,
        // A million updates would fill the disk: in the long form handlers count for themselves what must not happen.
        history: run.long ? undefined : run.history,
        reconnectDelay: () => random.whole(20, 200),
      };
    };
    const sources: ClientSource[] = [];
    const agents: ClientAgent[] = [];
    run.after(async () => {
      await Promise.all([...sources, ...agents].map(({ client }) => client.close()));
    });
    for (let n = 0; n < SOURCES; n += 1) {
      const held = Array.from({ length: RESOURCES }, (_, r) => ({
        cluster: `cluster-${r % CLUSTERS}`,
        id: `r${r}`,
      }));
      const mine = held.filter((_, r) => r % SOURCES === n);
      sources.push(await ClientSource.start({ ...(await lay()), name: `source-${n}` }, mine));
    }
    for (let n = 0; n < CLUSTERS; n += 1) {
      const options = { ...(await lay()), name: `agent-${n}`, cluster: `cluster-${n}`, reports: true };
      agents.push(await ClientAgent.start(options));
    }
    await until('every agent holds its resources', 30_000, () =>
      agents.every((agent) => agent.set.size === RESOURCES / CLUSTERS),
    );

    const stopCutting = cutAtRandom(run, cables);
    const versions = run.size(20, 5_000);
    const perSecond = run.size(500, 2_000);
    let turn = 0;
    let published = 0;
    await drive(perSecond, (versions * RESOURCES * 1_000) / perSecond, () => {
      const n = turn % RESOURCES;
      turn += 1;
      sources[n % SOURCES]?.update(`r${n}`).then((acked) => {
        if (acked) published += 1;
      });
    });
    run.figure('drops', stopCutting());
    const settled = await until('everybody is equal', 60_000, () => equal(sources, agents));
    run.figure('settledMs', settled);

    run.figure('published', published);
    run.figure('failed', turn - published);
    for (const { options, seen } of agents) {
      if (seen.deletions > 0) run.fault(`${options.name} was handed ${seen.deletions} deletions`);
      if (seen.backwards > 0) run.fault(`${options.name} saw versions go back ${seen.backwards} times`);
    }
    for (const peer of [...sources, ...agents]) peer.recordState(run.history);
    const lines = run.history.read();
    run.fault(
      ...versionsNeverGoBack(lines),
      ...nothingIsDeleted(lines),
      ...agentsHoldWhatIsWanted(lines),
      ...sourcesKnowTheNewestStatus(lines),
    );
  },
};

/** Every agent holds what its sources want, and they know what it last reported. */
function equal(sources: readonly ClientSource[], agents: readonly ClientAgent[]): boolean {
  const held = new Map(agents.map((agent) => [agent.options.cluster, agent.set]));
  for (const { set } of sources) {
    for (const { fields: wanted } of set.values()) {
      const has = held.get(wanted.cluster)?.get(wanted.id)?.fields;
      if (has?.version !== wanted.version) return false;
      if (JSON.stringify(has.status) !== JSON.stringify(wanted.status)) return false;
    }
  }
  return true;
}
