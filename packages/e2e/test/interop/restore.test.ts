import { execFileSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildGoPrograms, genericCommand, genericFlags, LinePeer } from '../../src/index.js';
import { BrokerProcess, brokerCommand } from './broker-process.js';
import { RETURN_MS, resourcesOf } from './fleet.js';
import { BUILD_TIMEOUT_MS, describeWith } from './tools.js';
import { Workspace } from './workspace.js';

const VERSIONS = ['v0.15.0', 'v1.3.0'] as const;
type Version = (typeof VERSIONS)[number];

describeWith('go', 'A broker that comes back from a backup, with sources and agents of the Go SDK', () => {
  const workspace = new Workspace();
  const sources = new Map<Version, LinePeer>();
  const agents = new Map<Version, LinePeer>();
  let broker: BrokerProcess;

  const start = (version: Version, role: 'source' | 'agent', name: string): Promise<LinePeer> =>
    LinePeer.start(name, genericCommand(version), role, {
      [role === 'source' ? 'source' : 'cluster']: name,
      config: workspace.grpcConfig(name, { url: broker.grpc }),
      'data-type': 'io.ce-broker.test.v1.widgets',
      ...genericFlags(version),
    });
  const command = (...args: string[]): string =>
    execFileSync(process.execPath, [brokerCommand, ...args], { encoding: 'utf8' });
  const each = (step: (version: Version, source: LinePeer, agent: LinePeer) => Promise<void>) =>
    Promise.all(
      VERSIONS.map((version) => {
        const [source, agent] = [sources.get(version), agents.get(version)];
        if (source === undefined || agent === undefined) throw new Error('not started');
        return step(version, source, agent);
      }),
    );
  const clusterOf = (version: Version): string => `restored-${version.replaceAll('.', '-')}`;

  beforeAll(async () => {
    await buildGoPrograms();
    broker = await BrokerProcess.start(['--store', 'lmdb', '--data-dir', join(workspace.dir, 'data')]);
    for (const version of VERSIONS) {
      const cluster = clusterOf(version);
      sources.set(version, await start(version, 'source', `hub-of-${cluster}`));
      agents.set(version, await start(version, 'agent', cluster));
    }
  }, BUILD_TIMEOUT_MS);

  afterAll(async () => {
    await Promise.all([...sources.values(), ...agents.values()].map((peer) => peer.quit()));
    await broker?.kill();
    workspace[Symbol.dispose]();
  });

  test(
    'what was created again since is not deleted, what was deleted since does not come back',
    async () => {
      await each(async (version, source, agent) => {
        const cluster = clusterOf(version);
        for (const id of ['keep', 'again', 'later']) {
          await source.run('publish', { id: `${id}.${cluster}`, cluster, version: 5, spec: { life: 1 } });
          await agent.waitFor({ event: 'spec', action: 'ADDED', id: `${id}.${cluster}` });
        }
        await source.run('delete', { id: `again.${cluster}` });
        await agent.waitFor({ event: 'confirmed', id: `again.${cluster}` });
      });
      const file = join(workspace.dir, 'one.backup');
      command('backup', '--admin', `http://${broker.admin}`, '--out', file);
      const marks = new Map<LinePeer, number>();
      await each(async (version, source, agent) => {
        const cluster = clusterOf(version);
        const before = agent.mark();
        await source.run('publish', { id: `again.${cluster}`, cluster, version: 1, spec: { life: 2 } });
        await agent.waitFor({ event: 'spec', action: 'ADDED', id: `again.${cluster}`, version: 1 }, before);
        await source.run('update', { id: `keep.${cluster}`, version: 6, spec: { life: 1 } });
        await source.run('delete', { id: `later.${cluster}` });
        await agent.waitFor({ event: 'confirmed', id: `later.${cluster}` });
        marks.set(agent, agent.mark());
      });
      await broker.kill();
      renameSync(join(workspace.dir, 'data'), join(workspace.dir, 'lost'));
      command('restore', file, '--data-dir', join(workspace.dir, 'data'));
      broker = await broker.restart();
      await each(async (version, source, agent) => {
        const cluster = clusterOf(version);
        const since = marks.get(agent) ?? 0;
        await source.insist('update', { id: `again.${cluster}`, version: 2, spec: { life: 2 } }, RETURN_MS);
        const wanted = { event: 'spec', action: 'MODIFIED', id: `again.${cluster}`, version: 2 };
        await agent.waitFor(wanted, since, RETURN_MS);
        await source.insist('update', { id: `keep.${cluster}`, version: 7, spec: { life: 1 } }, RETURN_MS);
        await agent.waitFor({ ...wanted, id: `keep.${cluster}`, version: 7 }, since, RETURN_MS);
        await agent.run('resync', {});
        const after = agent.events.slice(since);
        expect(after.filter(({ action }) => action === 'DELETED' || action === 'ADDED')).toEqual([]);
        expect((await resourcesOf(agent)).map(({ id }) => id).sort()).toEqual([
          `again.${cluster}`,
          `keep.${cluster}`,
        ]);
      });
    },
    4 * RETURN_MS,
  );
});
