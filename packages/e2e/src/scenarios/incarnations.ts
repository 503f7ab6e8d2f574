import { MANIFEST_BUNDLES } from 'ce-broker-proto';
import type { BrokerProcess } from '../broker-process.js';
import { agentsHoldWhatIsWanted, sourcesKnowTheNewestStatus, versionsNeverGoBack } from '../checkers.js';
import { ModelAgent } from '../model-agent.js';
import { WIDGETS } from '../model-events.js';
import { type ModelPeer, stopAll } from '../model-peer.js';
import { ModelSource } from '../model-source.js';
import type { Random } from '../random.js';
import type { Run, Scenario } from '../run.js';
import { until } from '../until.js';

const CLUSTERS = 4;
const RESOURCES = 5;
/** A type whose deletion is confirmed by absence, and one whose agents say `Deleted`. */
const TYPES = [
  ['widgets', WIDGETS],
  ['bundles', MANIFEST_BUNDLES],
] as const;

/**
 * Create, delete, create again with the same id and a lower version, with late updates of the first life in between, over restarts of
 * broker, source and agents: the end state is the last life's, on both sides.
 */
export const incarnations: Scenario = {
  number: 21,
  name: 'lives',
  async play(run) {
    const world = new World(run, await run.broker());
    await world.start();
    const rounds = run.size(4, 60);
    for (let life = 1; life <= rounds; life += 1) await world.oneLife(life);
    run.figure('lives', rounds * TYPES.length * CLUSTERS * RESOURCES);
    run.figure('brokerRestarts', world.restarts);
    run.figure('lateUpdates', world.lateUpdates);
    for (const peer of world.peers) peer.recordState();
    const lines = run.history.read();
    for (const [, dataType] of TYPES) {
      const names = new Set(world.peers.filter((peer) => peer.dataType === dataType).map(({ name }) => name));
      const own = lines.filter(({ who }) => names.has(who));
      run.fault(
        ...versionsNeverGoBack(own),
        ...agentsHoldWhatIsWanted(own),
        ...sourcesKnowTheNewestStatus(own),
      );
    }
  },
};

class World {
  readonly sources: ModelSource[] = [];
  readonly agents: ModelAgent[] = [];
  restarts = 0;
  lateUpdates = 0;
  readonly #run: Run;
  readonly #random: Random;
  #broker: BrokerProcess;
  /** The last updates of the life before. */
  #copies: {
    source: ModelSource;
    cluster: string;
    id: string;
    version: number;
    life: number;
    time: number;
  }[] = [];
  /** The agents are away until the next look at everything. */
  #wakeLater = false;

  constructor(run: Run, broker: BrokerProcess) {
    this.#run = run;
    this.#random = run.random;
    this.#broker = broker;
    const base = { history: run.history, address: () => this.#broker.grpc };
    for (const [name, dataType] of TYPES) {
      this.sources.push(
        new ModelSource({ ...base, name: `${name}-source`, dataType, random: run.random.fork() }),
      );
      for (let n = 0; n < CLUSTERS; n += 1) {
        const random = run.random.fork();
        const names = { name: `${name}-agent-${n}`, cluster: `cluster-${n}` };
        this.agents.push(new ModelAgent({ ...base, ...names, dataType, random, reports: true }));
      }
    }
    run.after(() => stopAll(this.peers));
  }

  get peers(): readonly (ModelSource | ModelAgent)[] {
    return [...this.sources, ...this.agents];
  }

  async start(): Promise<void> {
    for (const source of this.sources) {
      // A Go source whose list is empty answers no resync: each holds one resource that stays.
      for (let n = 0; n < CLUSTERS; n += 1) source.holds(`cluster-${n}`, 'keep');
    }
    for (const peer of this.peers) peer.start();
    await this.#equal('the beginning');
  }

  /** From creation to deletion, with whatever may happen in between; the next life follows. */
  async oneLife(life: number): Promise<void> {
    const random = this.#random;
    const ids = Array.from({ length: RESOURCES * CLUSTERS }, (_, n) => ({
      cluster: `cluster-${n % CLUSTERS}`,
      id: `r${n}`,
    }));
    if (life > 1) await this.#lateUpdates(life - 1);
    // Each life begins lower than the one before has ended.
    const sourceIsAway = life > 1 && random.oneIn(3);
    if (sourceIsAway) await this.#away(this.sources, 'the sources are away while they create');
    await Promise.all(
      this.sources.flatMap((source) =>
        ids.map(({ cluster, id }) => source.create(cluster, id, random.whole(1, 2), life)),
      ),
    );
    if (sourceIsAway) for (const source of this.sources) source.start();
    if (life > 1) await this.#lateUpdates(life - 1);
    await this.#fault(['none', 'drop-agents', 'drop-sources', 'restart-agents', 'restart-sources']);
    await this.#equal(`life ${life} is everywhere`);

    await Promise.all(
      this.sources.flatMap((source) =>
        ids.map(({ cluster, id }) => source.update(cluster, id, random.whole(3, 9))),
      ),
    );
    this.#copies = this.sources.flatMap((source) =>
      ids.map(({ cluster, id }) => {
        const version = source.wanted.get(`${cluster}/${id}`)?.version ?? 0;
        return { source, cluster, id, version, life, time: Date.now() };
      }),
    );
    await this.#fault(['none', 'drop-agents', 'drop-sources', 'restart-broker']);
    await this.#equal(`life ${life} has moved on`);

    if (life === this.#run.size(4, 60)) return;
    const agentsAreAway = random.oneIn(2);
    if (agentsAreAway)
      await this.#away(this.agents, 'the agents are away while their resources end and begin');
    const deleted = await Promise.all(
      this.sources.flatMap((source) => ids.map(({ cluster, id }) => source.delete(cluster, id))),
    );
    if (deleted.includes(false)) this.#run.fault('a deletion was not acknowledged');
    if (agentsAreAway) {
      this.#wakeLater = true;
      if (this.#run.keepsState) await this.#fault(['restart-broker']);
      return;
    }
    await this.#equal(`life ${life} is over`);
    // Only now, while state is in memory: a broker that forgets a deletion that an agent has not seen cannot know of two lives.
    if (random.oneIn(2)) {
      this.#copies = [];
      await this.#fault(['restart-broker']);
      await this.#equal('the broker has forgotten that life');
    }
  }

  /** The last update of the life before arrives once more, as it was sent then. */
  async #lateUpdates(life: number): Promise<void> {
    this.#run.history.add('fault', 'network', { note: `late updates of life ${life}` });
    for (const { source, ...copy } of this.#copies) {
      if (!source.isOpen) continue;
      this.lateUpdates += 1;
      await source.late(copy);
    }
  }

  async #away(peers: readonly ModelPeer[], note: string): Promise<void> {
    this.#run.history.add('fault', 'peers', { note });
    stopAll(peers);
  }

  async #fault(kinds: readonly string[]): Promise<void> {
    const kind = this.#random.pick(kinds);
    this.#run.history.add('fault', 'world', { note: kind });
    const { sources, agents } = this;
    if (kind === 'drop-agents') for (const agent of agents) agent.drop();
    if (kind === 'drop-sources') for (const source of sources) source.drop();
    if (kind === 'restart-agents') {
      stopAll(agents);
      this.#wakeLater = true;
    }
    if (kind === 'restart-sources') {
      stopAll(sources);
      for (const source of sources) source.start();
    }
    if (kind !== 'restart-broker') return;
    this.restarts += 1;
    await this.#broker.kill();
    this.#broker = await this.#run.restart(this.#broker);
  }

  /** Everybody is there, agents hold what their source wants, and the source knows their statuses. */
  async #equal(what: string): Promise<void> {
    if (this.#wakeLater) for (const agent of this.agents) agent.start();
    this.#wakeLater = false;
    await until(what, 60_000, () =>
      this.sources.every((source) => {
        const agents = this.agents.filter(({ dataType }) => dataType === source.dataType);
        return agents.every((agent) => isEqual(source, agent));
      }),
    );
  }
}

function isEqual(source: ModelSource, agent: ModelAgent): boolean {
  if (!source.isOpen || !agent.isOpen) return false;
  const wanted = [...source.wanted.values()].filter(({ cluster }) => cluster === agent.cluster);
  if (wanted.length !== agent.held.size) return false;
  return wanted.every(({ id, version, life, deleting }) => {
    const held = agent.held.get(id);
    if (held === undefined || deleting || held.finalizing) return false;
    const known = source.known.get(`${agent.cluster}/${id}`);
    return held.version === version && held.life === life && known === held.sequence;
  });
}
