import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildGoPrograms, genericCommand, genericFlags, LinePeer, PEER_VERSIONS } from '../../src/index.js';
import { BrokerProcess } from './broker-process.js';
import { RETURN_MS } from './fleet.js';
import { BUILD_TIMEOUT_MS, describeWith } from './tools.js';
import { Workspace } from './workspace.js';

/** More than a stopped process can take in: Go grants 64 KiB, as long as it has not had more than that in one go. */
const RESOURCES = 20;
const LARGE = 'x'.repeat(128 * 1024);

describeWith('go', 'Agents that were frozen for longer than the drain timeout, Go and TypeScript', () => {
  const workspace = new Workspace();
  const agents: LinePeer[] = [];
  let broker: BrokerProcess;
  let source: LinePeer;

  beforeAll(async () => {
    await buildGoPrograms();
    broker = await BrokerProcess.start(['--drain-timeout', '1s']);
    const config = workspace.grpcConfig('grpc', { url: broker.grpc });
    source = await LinePeer.start('source', genericCommand('v1.3.0'), 'source', {
      source: 'hub',
      config,
    });
    for (const version of PEER_VERSIONS) {
      const flags = { cluster: version, config, ...genericFlags(version) };
      agents.push(await LinePeer.start(`agent ${version}`, genericCommand(version), 'agent', flags));
    }
  }, BUILD_TIMEOUT_MS);

  afterAll(async () => {
    for (const agent of agents) agent.thaw();
    await Promise.all([source, ...agents].map((peer) => peer?.quit()));
    await broker?.kill();
    workspace[Symbol.dispose]();
  });

  test(
    'they are ended, come back when they wake, and have the newest of everything',
    async () => {
      await change('publish', 1, 'small');
      await everywhere(1);

      for (const agent of agents) agent.freeze();
      await change('update', 2, LARGE);
      await evictions(agents.length);
      await change('update', 3, LARGE);
      for (const agent of agents) agent.thaw();

      await everywhere(3);
      for (const agent of agents) {
        expect(agent.seen({ event: 'spec', action: 'STALE' })).toEqual([]);
        expect(agent.seen({ event: 'spec', action: 'DELETED' })).toEqual([]);
      }
    },
    2 * RETURN_MS,
  );

  const ids = Array.from({ length: RESOURCES }, (_, n) => `r${n}`);

  /** A new version of every resource of every cluster. */
  async function change(op: string, version: number, text: string): Promise<void> {
    for (const cluster of PEER_VERSIONS) {
      for (const id of ids)
        await source.run(op, { id: `${cluster}-${id}`, cluster, version, spec: { text } });
    }
  }

  async function everywhere(version: number): Promise<void> {
    const seen = PEER_VERSIONS.flatMap((cluster, n) =>
      ids.map((id) => agents[n]?.waitFor({ event: 'spec', id: `${cluster}-${id}`, version }, 0, RETURN_MS)),
    );
    await Promise.all(seen);
  }

  /** Waits until the broker has given up on so many subscribers. */
  async function evictions(wanted: number): Promise<void> {
    const deadline = Date.now() + 20_000;
    let seen: unknown;
    while (Date.now() < deadline) {
      const response = await fetch(`http://${broker.admin}/status`);
      const { counters } = (await response.json()) as { counters: { evictions: Record<string, number> } };
      seen = counters.evictions;
      const sum = Object.values(counters.evictions).reduce((all, one) => all + one, 0);
      if (sum >= wanted) return;
      await sleep(200);
    }
    throw new Error(`evictions after 20 s: ${JSON.stringify(seen)}, expected ${wanted}\n${broker.log()}`);
  }
});
