import {
  CloudEventSourceClient,
  CloudEventsDataType,
  CloudEventsType,
  grpcSourceOptions,
} from 'ce-broker-client';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  buildGoPrograms,
  genericCommand,
  genericFlags,
  goProgram,
  LinePeer,
  OWN_VERSIONS,
} from '../../src/index.js';
import { widgetEventCodec } from '../../src/interop/event-codec.js';
import { Widget, WidgetSet, widgetStatusHash } from '../../src/interop/widget.js';
import { idsOf, type Stored } from './fleet.js';
import { BUILD_TIMEOUT_MS, describeWith } from './tools.js';
import { Workspace } from './workspace.js';

const HUB = 'hub';
const clusterOf = (version: string): string => `cluster-${version}`;
const idOf = (version: string, kind: string): string => `${clusterOf(version)}.${kind}`;

/** The SDK's own GRPCBroker, which serves agents only: its program publishes specs itself, and tells of each status. */
class GrpcBroker {
  readonly peer: LinePeer;
  readonly address: string;

  private constructor(peer: LinePeer, address: string) {
    this.peer = peer;
    this.address = address;
  }

  static async start(
    workspace: Workspace,
    held: readonly Stored[] = [],
    listen = '127.0.0.1:0',
  ): Promise<GrpcBroker> {
    const state = workspace.file('hub.json', JSON.stringify(held));
    const flags = { listen, source: HUB, state };
    const peer = await LinePeer.start(HUB, [goProgram('v1.3.0', 'grpcbroker')], 'source', flags);
    const { address } = await peer.waitFor({ event: 'listening' });
    return new GrpcBroker(peer, String(address));
  }
}

describeWith('go', "Our clients and the SDK's own GRPCBroker", () => {
  const workspace = new Workspace();
  const started: LinePeer[] = [];
  let broker: GrpcBroker;

  beforeAll(buildGoPrograms, BUILD_TIMEOUT_MS);
  afterEach(async () => {
    await Promise.all(started.map((peer) => peer.quit()));
    started.length = 0;
  });
  afterAll(() => workspace[Symbol.dispose]());

  async function startBroker(held: readonly Stored[] = [], listen?: string): Promise<void> {
    broker = await GrpcBroker.start(workspace, held, listen);
    started.push(broker.peer);
  }

  async function startAgent(
    version: (typeof OWN_VERSIONS)[number],
    held: readonly Stored[] = [],
  ): Promise<LinePeer> {
    const cluster = clusterOf(version);
    const state = workspace.file(`${cluster}.json`, JSON.stringify(held));
    const config = workspace.grpcConfig(cluster, { url: broker.address });
    const flags = { cluster, state, config, ...genericFlags(version) };
    const agent = await LinePeer.start(cluster, genericCommand(version), 'agent', flags);
    started.push(agent);
    return agent;
  }

  const stored = (cluster: string, id: string, version: number): Stored => {
    return { id, cluster, source: HUB, version, spec: { size: version } };
  };

  for (const version of OWN_VERSIONS) {
    const cluster = clusterOf(version);

    test(`${version}: specs reach the agent, statuses and confirmations the service`, async () => {
      await startBroker([stored(cluster, idOf(version, 'early'), 3)]);
      const agent = await startAgent(version);
      // What was there before comes by resync, all else as it is published.
      await agent.waitFor({ event: 'spec', action: 'ADDED', id: idOf(version, 'early'), version: 3 });
      const id = idOf(version, 'late');
      await broker.peer.run('publish', { id, cluster, version: 1, spec: { size: 1 } });
      await agent.waitFor({ event: 'spec', action: 'ADDED', said: 'ADDED', id, source: HUB, version: 1 });
      await broker.peer.run('update', { id, version: 2, spec: { size: 2 } });
      await agent.waitFor({ event: 'spec', action: 'MODIFIED', said: 'MODIFIED', id, spec: { size: 2 } });

      await agent.run('status', { id, status: { phase: 'running' } });
      const running = { event: 'status', id, cluster, version: 2, status: { phase: 'running' }, known: true };
      await broker.peer.waitFor({ ...running, from: `${cluster}-agent` });

      await broker.peer.run('delete', { id });
      await agent.waitFor({ event: 'spec', action: 'DELETED', said: 'DELETED', id });
      await broker.peer.waitFor({ event: 'status', id, deleted: true });
      expect(await idsOf(broker.peer)).toEqual([idOf(version, 'early')]);
      expect(agent.seen({ event: 'client', type: 'event-dropped' })).toEqual([]);
    });

    test(`${version}: a resync brings what is newer and what is deleted, and nothing else`, async () => {
      const same = idOf(version, 'same');
      const newer = idOf(version, 'newer');
      const missing = idOf(version, 'missing');
      const gone = idOf(version, 'gone');
      const deleting = { ...stored(cluster, gone, 2), deleting: '2026-01-02T03:04:05Z' };
      await startBroker([
        stored(cluster, same, 5),
        stored(cluster, newer, 5),
        stored(cluster, missing, 5),
        deleting,
      ]);
      const agent = await startAgent(version, [
        stored(cluster, same, 5),
        stored(cluster, newer, 4),
        stored(cluster, gone, 2),
      ]);
      await agent.waitFor({ event: 'spec', action: 'MODIFIED', id: newer, version: 5 });
      await agent.waitFor({ event: 'spec', action: 'ADDED', id: missing, version: 5 });
      await agent.waitFor({ event: 'spec', action: 'DELETED', id: gone });
      await broker.peer.waitFor({ event: 'status', id: gone, deleted: true });
      // Asked for again, it has nothing more to say: the next event is one that was published after it.
      const since = agent.mark();
      await agent.run('resync');
      await broker.peer.run('publish', { id: idOf(version, 'next'), cluster, version: 1 });
      await agent.waitFor({ event: 'spec', id: idOf(version, 'next') }, since);
      expect(agent.seen({ event: 'spec' }, since)).toHaveLength(1);
      expect(agent.seen({ event: 'spec', id: same })).toEqual([]);
    });

    test(`${version}: the agent comes back when it restarts, and gets what it missed`, async () => {
      const id = idOf(version, 'kept');
      await startBroker([stored(cluster, id, 1)]);
      const agent = await startAgent(version);
      await agent.waitFor({ event: 'spec', action: 'ADDED', id, version: 1 });
      await broker.peer.kill();
      const { error } = await agent.attempt('status', { id, status: { at: 1 }, timeoutMs: 300 });
      expect(error).toMatch(/^unavailable: /);
      await startBroker([stored(cluster, id, 2)], broker.address);
      await agent.waitFor({ event: 'spec', action: 'MODIFIED', id, version: 2 });
      await agent.waitFor({ event: 'reconnected' });
      await agent.run('status', { id, status: { at: 2 } });
      await broker.peer.waitFor({ event: 'status', id, version: 2, status: { at: 2 } });
    });

    test(`${version}: it lost its state, and its deletions, which have no version, delete nothing`, async () => {
      const id = idOf(version, 'kept');
      await startBroker();
      const agent = await startAgent(version, [stored(cluster, id, 1)]);
      const { error } = await agent.waitFor({ event: 'client', type: 'event-dropped' });
      expect(error).toContain('resourceversion');
      expect(await idsOf(agent)).toEqual([id]);
    });
  }

  test('a source that subscribes is told at once why it is not served, and so is its publish', async () => {
    await startBroker();
    const config = workspace.grpcConfig('source', { url: broker.address });
    const source = await LinePeer.start('source', genericCommand('ts'), 'source', { source: 'own', config });
    started.push(source);
    const { error } = await source.waitFor({ event: 'subscribe-failed' });
    expect(error).toContain('invalid subscription request: missing cluster name');
    await source.waitFor({ event: 'client', type: 'disconnected', error });
    const spec = { id: 'r1', cluster: 'c1', version: 1, spec: {}, timeoutMs: 1_000 };
    const refused = await source.attempt('publish', spec);
    expect(refused['error']).toMatch(
      /^unavailable: the cloudevents client is not ready: .*missing cluster name/,
    );
  });

  test('a source that only publishes is heard: the GRPCBroker takes all for what an agent says', async () => {
    await startBroker();
    const dataType = CloudEventsDataType.parse('io.ce-broker.test.v1.widgets');
    const set = new WidgetSet();
    await using source = await CloudEventSourceClient.create({
      options: grpcSourceOptions({ url: broker.address }, 'own'),
      lister: set,
      statusHashGetter: widgetStatusHash,
      codecs: [widgetEventCodec(dataType)],
    });
    const widget = new Widget({ id: 'r1', cluster: 'c1', source: 'own', version: 1, spec: { size: 1 } });
    await source.publish(new CloudEventsType(dataType, 'spec', 'create_request'), widget);
    await broker.peer.waitFor({
      event: 'status',
      id: 'r1',
      from: 'own',
      type: `${dataType}.spec.create_request`,
    });
  });
});
