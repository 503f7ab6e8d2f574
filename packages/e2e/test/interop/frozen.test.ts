import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BrokerProcess } from './broker-process.js';
import { RETURN_MS } from './fleet.js';
import { GoPeer } from './go-peer.js';
import { BUILD_TIMEOUT_MS, buildGoPrograms, describeWith, goProgram, SDK_VERSIONS } from './tools.js';
import { Workspace } from './workspace.js';

/** More than a stopped process can take in: Go grants 64 KiB at first. */
const RESOURCES = 40;
const TEXT = 'x'.repeat(64 * 1024);

describeWith('go', 'Go agents that were frozen for longer than the drain timeout', () => {
  const workspace = new Workspace();
  const agents: GoPeer[] = [];
  let broker: BrokerProcess;
  let source: GoPeer;

  beforeAll(async () => {
    await buildGoPrograms();
    broker = await BrokerProcess.start(['--drain-timeout', '1s']);
    const config = workspace.grpcConfig('grpc', { url: broker.grpc });
    source = await GoPeer.start('source', goProgram('v1.3.0', 'generic'), 'source', {
      source: 'hub',
      config,
    });
    for (const version of SDK_VERSIONS) {
      const program = goProgram(version, 'generic');
      agents.push(await GoPeer.start(`agent ${version}`, program, 'agent', { cluster: 'cold', config }));
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
      const ids = Array.from({ length: RESOURCES }, (_, n) => `r${n}`);
      const change = async (op: string, version: number): Promise<void> => {
        for (const id of ids)
          await source.run(op, { id, cluster: 'cold', version, spec: { version, text: TEXT } });
      };
      await change('publish', 1);
      await everywhere((agent, id) => agent.waitFor({ event: 'spec', id, version: 1 }));

      for (const agent of agents) agent.freeze();
      await change('update', 2);
      await evictions(agents.length);
      await change('update', 3);
      for (const agent of agents) agent.thaw();

      await everywhere((agent, id) => agent.waitFor({ event: 'spec', id, version: 3 }, 0, RETURN_MS));
      for (const agent of agents) {
        expect(agent.seen({ event: 'spec', action: 'STALE' })).toEqual([]);
        expect(agent.seen({ event: 'spec', action: 'DELETED' })).toEqual([]);
      }

      async function everywhere(step: (agent: GoPeer, id: string) => Promise<unknown>): Promise<void> {
        await Promise.all(agents.flatMap((agent) => ids.map((id) => step(agent, id))));
      }
    },
    2 * RETURN_MS,
  );

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
