import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildGoPrograms, goProgram, LinePeer } from '../../src/index.js';
import { BrokerProcess } from './broker-process.js';
import { RETURN_MS } from './fleet.js';
import { BUILD_TIMEOUT_MS, describeWith, interopDir } from './tools.js';
import { Workspace } from './workspace.js';

/** A small web application, as its author keeps it. */
const WEB = join(interopDir, 'manifests', 'web');
const OBJECTS = [
  'Namespace/guestbook',
  'ConfigMap/guestbook-web',
  'ServiceAccount/guestbook-web',
  'Deployment/guestbook-web',
  'Service/guestbook-web',
  'Ingress/guestbook-web',
  'PodDisruptionBudget/guestbook-web',
];

const VERSIONS = ['v0.15.0', 'v1.3.0'] as const;
type WorkVersion = (typeof VERSIONS)[number];

/** Each work client as a source with each as an agent. */
const PAIRINGS = VERSIONS.flatMap((source) => VERSIONS.map((agent) => ({ source, agent })));

const clusterOf = (version: WorkVersion): string => `works-${version.replaceAll('.', '-')}`;
/** Two sources must not give two works of one cluster the same name: v1.3 agents keep works by name. */
const workOf = (source: WorkVersion): string => `web-from-${source.replaceAll('.', '-')}`;

describeWith('go', "A web application as ManifestWorks, over the SDK's own work clients", () => {
  const workspace = new Workspace();
  const sources = new Map<WorkVersion, LinePeer>();
  const agents = new Map<WorkVersion, LinePeer>();
  let broker: BrokerProcess;

  const startSource = async (version: WorkVersion): Promise<void> => {
    const flags = { source: `hub-${version.replaceAll('.', '-')}`, config: config(`source-${version}`) };
    sources.set(
      version,
      await LinePeer.start(`source ${version}`, [goProgram(version, 'work')], 'source', flags),
    );
  };
  const startAgent = async (version: WorkVersion): Promise<void> => {
    const flags = { cluster: clusterOf(version), config: config(`agent-${version}`) };
    agents.set(
      version,
      await LinePeer.start(`agent ${version}`, [goProgram(version, 'work')], 'agent', flags),
    );
  };
  const config = (name: string): string => workspace.grpcConfig(name, { url: broker.grpc });
  const peers = ({ source, agent }: (typeof PAIRINGS)[number]): { from: LinePeer; to: LinePeer } => {
    const [from, to] = [sources.get(source), agents.get(agent)];
    if (from === undefined || to === undefined) throw new Error('not started');
    return { from, to };
  };

  beforeAll(async () => {
    await buildGoPrograms();
    broker = await BrokerProcess.start();
    await Promise.all(VERSIONS.flatMap((version) => [startSource(version), startAgent(version)]));
  }, BUILD_TIMEOUT_MS);

  afterAll(async () => {
    await Promise.all([...sources.values(), ...agents.values()].map((peer) => peer.quit()));
    await broker?.kill();
    workspace[Symbol.dispose]();
  });

  test('the manifests are applied on the cluster, and the source sees Applied and Available', async () => {
    await inAllPairings(async (pairing) => {
      const { from, to } = peers(pairing);
      const work = { name: workOf(pairing.source), cluster: clusterOf(pairing.agent) };
      await from.run('create', { ...work, dir: WEB, version: 1 });
      const name = await nameAtAgent(from, to, work);
      await reconcile(from, to, name, { ...work, version: 1 });
      const applied = await to.waitFor({ event: 'applied', name, version: 1, replicas: 2 });
      expect(applied['objects']).toEqual(OBJECTS);
      await from.waitFor({
        event: 'work',
        ...work,
        observed: 1,
        manifests: OBJECTS.length,
        conditions: { Applied: 'True', Available: 'True' },
      });
    });
  });

  test('a changed manifest is applied, and its status says of which version it speaks', async () => {
    await inAllPairings(async (pairing) => {
      const { from, to } = peers(pairing);
      const work = { name: workOf(pairing.source), cluster: clusterOf(pairing.agent) };
      await from.run('scale', { ...work, dir: WEB, version: 2, replicas: 5 });
      const name = await nameAtAgent(from, to, work);
      await reconcile(from, to, name, { ...work, version: 2 });
      await to.waitFor({ event: 'applied', name, version: 2, replicas: 5 });
      await from.waitFor({ event: 'work', ...work, observed: 2, conditions: { Applied: 'True' } });
    });
  });

  test('an agent that lost everything gets the newest version of each work again', async () => {
    await Promise.all(VERSIONS.map((version) => agents.get(version)?.quit()));
    await Promise.all(VERSIONS.map(startAgent));
    await inAllPairings(async (pairing) => {
      const { from, to } = peers(pairing);
      const work = { name: workOf(pairing.source), cluster: clusterOf(pairing.agent) };
      const name = await nameAtAgent(from, to, work);
      await reconcile(from, to, name, { ...work, version: 2 });
      await to.waitFor({ event: 'applied', name, version: 2, replicas: 5 });
      expect(to.seen({ event: 'applied', name, version: 1 })).toEqual([]);
    });
  });

  test(
    'a broker that was killed and comes back empty touches no work, and the next change goes through',
    async () => {
      await broker.kill();
      broker = await broker.restart();
      await inAllPairings(async (pairing) => {
        const { from, to } = peers(pairing);
        const work = { name: workOf(pairing.source), cluster: clusterOf(pairing.agent) };
        const name = await nameAtAgent(from, to, work);
        await from.insist('scale', { ...work, dir: WEB, version: 3, replicas: 3 }, RETURN_MS);
        await reconcile(from, to, name, { ...work, version: 3 }, RETURN_MS);
        await to.waitFor({ event: 'applied', name, version: 3, replicas: 3 }, 0, RETURN_MS);
        await from.waitFor(
          { event: 'work', ...work, observed: 3, conditions: { Applied: 'True' } },
          0,
          RETURN_MS,
        );
        expect(to.seen({ event: 'removed' })).toEqual([]);
        expect(to.seen({ event: 'work', action: 'DELETED' })).toEqual([]);
        expect(from.seen({ event: 'work', action: 'DELETED' })).toEqual([]);
      });
    },
    2 * RETURN_MS,
  );

  test('a deletion removes the manifests first, then the source forgets the work', async () => {
    await inAllPairings(async (pairing) => {
      const { from, to } = peers(pairing);
      const work = { name: workOf(pairing.source), cluster: clusterOf(pairing.agent) };
      const name = await nameAtAgent(from, to, work);
      await from.run('delete', work);
      await reconcile(from, to, name, { ...work, deleting: true });
      await to.waitFor({ event: 'removed', name });
      await to.waitFor({ event: 'work', action: 'DELETED', name });
      await from.waitFor({ event: 'work', action: 'DELETED', ...work });
    });
    for (const peer of [...sources.values(), ...agents.values()]) {
      expect(await peer.run('state')).toMatchObject({ works: [] });
    }
  });

  test('a deletion that was sent while the agent was away reaches it when it comes back', async () => {
    await inAllPairings(async (pairing) => {
      const { from, to } = peers(pairing);
      const work = { name: `${workOf(pairing.source)}-again`, cluster: clusterOf(pairing.agent) };
      await from.run('create', { ...work, dir: WEB, version: 1 });
      const name = await nameAtAgent(from, to, work);
      await reconcile(from, to, name, { ...work, version: 1 });
      await to.waitFor({ event: 'applied', name, version: 1 });
      await from.waitFor({ event: 'work', ...work, observed: 1, conditions: { Applied: 'True' } });
    });
    await Promise.all(VERSIONS.map((version) => agents.get(version)?.quit()));
    await inAllPairings(async (pairing) => {
      const { from } = peers(pairing);
      await from.run('delete', {
        name: `${workOf(pairing.source)}-again`,
        cluster: clusterOf(pairing.agent),
      });
    });
    await Promise.all(VERSIONS.map(startAgent));
    await inAllPairings(async (pairing) => {
      const { from, to } = peers(pairing);
      const work = { name: `${workOf(pairing.source)}-again`, cluster: clusterOf(pairing.agent) };
      const name = await nameAtAgent(from, to, work);
      await reconcile(from, to, name, { ...work, deleting: true });
      await to.waitFor({ event: 'removed', name });
      await from.waitFor({ event: 'work', action: 'DELETED', ...work });
    });
  });
});

async function inAllPairings(step: (pairing: (typeof PAIRINGS)[number]) => Promise<void>): Promise<void> {
  await Promise.all(PAIRINGS.map(step));
}

/** The name under which the agent keeps a work: v1.3 takes the work's own, v0.15 its id. */
async function nameAtAgent(
  from: LinePeer,
  to: LinePeer,
  work: Readonly<Record<string, string>>,
): Promise<string> {
  const { id } = await from.waitFor({ event: 'work', ...work });
  const { name } = await to.waitFor({ event: 'work', id });
  return String(name);
}

/** Lets the agent act on a work that both sides have in this state. */
async function reconcile(
  from: LinePeer,
  to: LinePeer,
  name: string,
  at: Readonly<Record<string, unknown>>,
  timeoutMs?: number,
): Promise<void> {
  const { name: _, ...state } = at;
  await from.waitFor({ event: 'work', ...at }, 0, timeoutMs);
  await to.waitFor({ event: 'work', name, ...state }, 0, timeoutMs);
  await to.run('reconcile', { name });
}
