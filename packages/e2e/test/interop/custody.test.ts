import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildGoPrograms, genericCommand, genericFlags, LinePeer } from '../../src/index.js';
import { BrokerProcess } from './broker-process.js';
import { resourcesOf, type Stored } from './fleet.js';
import { BUILD_TIMEOUT_MS, describeWith } from './tools.js';
import { Workspace } from './workspace.js';

const VERSIONS = ['v0.15.0', 'v1.3.0'] as const;
type Version = (typeof VERSIONS)[number];
const slug = (version: Version): string => version.replaceAll('.', '-');

describeWith('go', 'What operators do by hand, with sources and agents of the Go SDK', () => {
  const workspace = new Workspace();
  const peers: LinePeer[] = [];
  let broker: BrokerProcess;

  const start = async (
    version: Version,
    role: 'source' | 'agent',
    name: string,
    held: readonly Stored[] = [],
  ): Promise<LinePeer> => {
    const peer = await LinePeer.start(name, genericCommand(version), role, {
      [role === 'source' ? 'source' : 'cluster']: name,
      config: workspace.grpcConfig(name, { url: broker.grpc }),
      state: workspace.file(`${name}.json`, JSON.stringify(held)),
      'data-type': 'io.ce-broker.test.v1.widgets',
      ...genericFlags(version),
    });
    peers.push(peer);
    return peer;
  };
  const change = async (path: string, body: object): Promise<unknown> => {
    const response = await fetch(`http://${broker.admin}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ reason: 'a test', yes: true, ...body }),
    });
    expect(response.status).toBe(200);
    return response.json();
  };

  beforeAll(async () => {
    await buildGoPrograms();
    broker = await BrokerProcess.start();
  }, BUILD_TIMEOUT_MS);

  afterAll(async () => {
    await Promise.all(peers.map((peer) => peer.quit()));
    await broker?.kill();
    workspace[Symbol.dispose]();
  });

  test.for(VERSIONS)('what a source that is gone wanted is deleted in its name (%s)', async (version) => {
    const [cluster, name] = [`gone-${slug(version)}`, `old-${slug(version)}`];
    const source = await start(version, 'source', name);
    const agent = await start(version, 'agent', cluster);
    const id = `deleted.${name}`;
    await source.run('publish', { id, cluster, version: 3, spec: { size: 1 } });
    await agent.waitFor({ event: 'spec', action: 'ADDED', id });
    await source.quit();
    expect(await change('/forget', { source: name, delete: true })).toMatchObject({ resources: 1 });
    await agent.waitFor({ event: 'spec', action: 'DELETED', id, source: name });
    await agent.waitFor({ event: 'confirmed', id });
    expect(await resourcesOf(agent)).toEqual([]);
  });

  test.for(VERSIONS)('what is forgotten runs on, and an orphan is deleted (%s)', async (version) => {
    const [cluster, name] = [`left-${slug(version)}`, `left-by-${slug(version)}`];
    const source = await start(version, 'source', name);
    const agent = await start(version, 'agent', cluster);
    const id = `orphan.${name}`;
    await source.run('publish', { id, cluster, version: 3, spec: { size: 1 } });
    await agent.waitFor({ event: 'spec', action: 'ADDED', id });
    await source.quit();
    expect(await change('/forget', { source: name })).toMatchObject({ resources: 1 });
    await agent.run('resync', {});
    await agent.waitFor({ event: 'resynced' });
    await expect
      .poll(async () => (await fetch(`http://${broker.admin}/state/orphans?cluster=${cluster}`)).text())
      .toContain(id);
    expect(agent.seen({ event: 'spec', action: 'DELETED' })).toEqual([]);
    expect(await change('/forget', { cluster, only: 'orphans', delete: true })).toMatchObject({ orphans: 1 });
    await agent.waitFor({ event: 'spec', action: 'DELETED', id, source: 'ce-broker' });
  });

  test.for(VERSIONS)('another source takes over: statuses, then its own versions (%s)', async (version) => {
    const [cluster, from, to] = [`moved-${slug(version)}`, `from-${slug(version)}`, `to-${slug(version)}`];
    const source = await start(version, 'source', from);
    const agent = await start(version, 'agent', cluster);
    const [moved, missing] = [`moved.${from}`, `missing.${from}`];
    for (const id of [moved, missing]) {
      await source.run('publish', { id, cluster, version: 3, spec: { size: 1 } });
      await agent.waitFor({ event: 'spec', action: 'ADDED', id });
    }
    await source.quit();
    expect(await change('/adopt', { source: from, to })).toMatchObject({ resources: 2 });
    // It has one of the two, at the version that the agent has too.
    const kept = { id: moved, cluster, source: to, version: 3, spec: { size: 1 } };
    const heir = await start(version, 'source', to, [kept]);
    await agent.run('status', { id: moved, status: { phase: 'of the old one' } });
    await heir.waitFor({ event: 'status', id: moved, known: true, status: { phase: 'of the old one' } });
    await heir.run('update', { id: moved, version: 4, spec: { size: 2 } });
    await agent.waitFor({ event: 'spec', action: 'MODIFIED', id: moved, version: 4, source: to });
    await agent.run('status', { id: moved, status: { phase: 'of the new one' } });
    await heir.waitFor({ event: 'status', id: moved, known: true, status: { phase: 'of the new one' } });
    // What it does not have is not deleted.
    await agent.run('resync', {});
    expect(agent.seen({ event: 'spec', action: 'DELETED' })).toEqual([]);
    expect((await resourcesOf(agent)).map(({ id }) => id).sort()).toEqual([missing, moved].sort());
  });
});
