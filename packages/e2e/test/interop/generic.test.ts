import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildGoPrograms, OWN_VERSIONS, PEER_VERSIONS, type PeerVersion } from '../../src/index.js';
import { BrokerProcess } from './broker-process.js';
import {
  clusterOf,
  Fleet,
  idOf,
  idsOf,
  inAllPairings,
  keptBy,
  keptOn,
  PAIRINGS,
  RETURN_MS,
  resourcesOf,
  type Stored,
  sourceOf,
  stored,
} from './fleet.js';
import { BUILD_TIMEOUT_MS, describeWith } from './tools.js';
import { Workspace } from './workspace.js';

const RESTART_TEST_MS = 150_000;

describeWith('go', 'Sources and agents of Go SDK v0.15 to v1.3 and in TypeScript over one broker', () => {
  const workspace = new Workspace();
  let broker: BrokerProcess;
  let fleet: Fleet;

  beforeAll(async () => {
    await buildGoPrograms();
    broker = await BrokerProcess.start();
    fleet = new Fleet(workspace, () => ({ url: broker.grpc }));
    await fleet.start();
  }, BUILD_TIMEOUT_MS);

  afterAll(async () => {
    await fleet?.quit();
    await broker?.kill();
    workspace[Symbol.dispose]();
  });

  test('a created spec reaches its agent in all 64 pairings', async () => {
    await inAllPairings(async ({ source, agent }) => {
      for (const kind of ['kept', 'dropped']) {
        const id = idOf(source, agent, kind);
        const create = { id, cluster: clusterOf(agent), version: 1, spec: { size: 1, text: 'grün ✓' } };
        await fleet.source(source).run('publish', create);
        const seen = {
          event: 'spec',
          action: 'ADDED',
          id,
          source: sourceOf(source),
          version: 1,
          spec: create.spec,
        };
        await fleet.agent(agent).waitFor(seen);
      }
    });
  });

  test('an update reaches its agent with its version and content', async () => {
    await inAllPairings(async ({ source, agent }) => {
      const id = idOf(source, agent);
      await fleet.source(source).run('update', { id, version: 2, spec: { size: 2 } });
      await fleet
        .agent(agent)
        .waitFor({ event: 'spec', action: 'MODIFIED', id, version: 2, spec: { size: 2 } });
    });
  });

  test('a status reaches the source that owns the resource, and no other', async () => {
    await inAllPairings(async ({ source, agent }) => {
      const id = idOf(source, agent);
      await fleet.agent(agent).run('status', { id, status: { phase: 'running' } });
      const seen = {
        event: 'status',
        id,
        cluster: clusterOf(agent),
        version: 2,
        status: { phase: 'running' },
      };
      await fleet.source(source).waitFor(seen);
    });
    for (const version of PEER_VERSIONS) {
      const foreign = fleet.source(version).seen({ event: 'status', known: false });
      expect(foreign).toEqual([]);
    }
  });

  test('a deletion reaches the agent, and its confirmation the source', async () => {
    await inAllPairings(async ({ source, agent }) => {
      const id = idOf(source, agent, 'dropped');
      await fleet.source(source).run('delete', { id });
      await fleet.agent(agent).waitFor({ event: 'spec', action: 'DELETED', id });
      await fleet.source(source).waitFor({ event: 'status', id, deleted: true });
    });
    for (const version of PEER_VERSIONS) {
      expect(await idsOf(fleet.source(version))).toEqual(keptBy(version));
      expect(await idsOf(fleet.agent(version))).toEqual(keptOn(version));
    }
  });

  test('a resource that is deleted and created again starts over, with a lower version too', async () => {
    await inAllPairings(async ({ source, agent }) => {
      const id = idOf(source, agent, 'reborn');
      const [from, to] = [fleet.source(source), fleet.agent(agent)];
      for (const version of [7, 1]) {
        const since = to.mark();
        await from.run('publish', { id, cluster: clusterOf(agent), version, spec: { life: version } });
        await to.waitFor({ event: 'spec', action: 'ADDED', id, version, spec: { life: version } }, since);
        await from.run('update', { id, version: version + 1, spec: { life: version } });
        await to.waitFor({ event: 'spec', action: 'MODIFIED', id, version: version + 1 }, since);
        const confirmed = from.mark();
        await from.run('delete', { id });
        await to.waitFor({ event: 'spec', action: 'DELETED', id }, since);
        await from.waitFor({ event: 'status', id, deleted: true }, confirmed);
      }
    });
  });

  test('a deletion that was sent while an agent was away reaches it, though its source is gone too', async () => {
    const id = (source: PeerVersion, agent: PeerVersion): string => idOf(source, agent, 'missed');
    await inAllPairings(async ({ source, agent }) => {
      const create = { id: id(source, agent), cluster: clusterOf(agent), version: 1, spec: { size: 1 } };
      await fleet.source(source).run('publish', create);
      await fleet.agent(agent).waitFor({ event: 'spec', action: 'ADDED', id: create.id });
    });
    const held = new Map<PeerVersion, readonly Stored[]>();
    for (const version of PEER_VERSIONS) {
      held.set(version, await resourcesOf(fleet.agent(version)));
      await fleet.agent(version).quit();
    }
    await inAllPairings(async ({ source, agent }) => {
      await fleet.source(source).run('delete', { id: id(source, agent) });
    });
    // The sources come back without a trace of what they deleted.
    for (const version of PEER_VERSIONS) {
      await fleet.source(version).quit();
      await fleet.startSource(version, stored(version, 2));
    }
    await Promise.all(PEER_VERSIONS.map((version) => fleet.startAgent(version, held.get(version))));
    await inAllPairings(async ({ source, agent }) => {
      await fleet.agent(agent).waitFor({ event: 'spec', action: 'DELETED', id: id(source, agent) });
    });
    for (const version of PEER_VERSIONS) {
      expect(await idsOf(fleet.agent(version))).toEqual(keptOn(version));
    }
  });

  test('a source that publishes a resource of another is refused, and the agent sees nothing of it', async () => {
    const refusals = [
      { thief: 'v0.15.0', owner: 'v1.3.0' },
      { thief: 'v1.3.0', owner: 'v0.15.0' },
      { thief: 'v1.3.0', owner: 'ts' },
      { thief: 'ts', owner: 'v0.15.0' },
    ] as const;
    for (const { thief, owner } of refusals) {
      const id = idOf(owner, 'v1.1.1');
      const take = { id, cluster: clusterOf('v1.1.1'), version: 9, spec: { size: 9 } };
      const { error } = await fleet.source(thief).attempt('publish', take);
      expect(error).toMatch(thief === 'ts' ? /^permission_denied: / : /PermissionDenied/);
      expect(error).toContain(`belongs to source ${sourceOf(owner)}`);
      await fleet.source(thief).run('forget', { id });
    }
    expect(fleet.agent('v1.1.1').seen({ event: 'spec', version: 9 })).toEqual([]);
  });

  test('an agent that lost everything gets all that every source wants, and nothing that was deleted', async () => {
    await Promise.all(
      PEER_VERSIONS.map(async (version) => {
        await fleet.agent(version).quit();
        await fleet.startAgent(version);
        await Promise.all(
          PEER_VERSIONS.map((source) =>
            fleet
              .agent(version)
              .waitFor({ event: 'spec', action: 'ADDED', id: idOf(source, version), version: 2 }),
          ),
        );
      }),
    );
    for (const version of PEER_VERSIONS) {
      expect(await idsOf(fleet.agent(version))).toEqual(keptOn(version));
    }
  });

  test('a source that restarted gets the statuses again', async () => {
    await inAllPairings(({ source, agent }) =>
      fleet
        .agent(agent)
        .run('status', { id: idOf(source, agent), status: { phase: 'back' } })
        .then(() => undefined),
    );
    await Promise.all(
      PEER_VERSIONS.map(async (version) => {
        const source = fleet.source(version);
        await Promise.all(
          PEER_VERSIONS.map((agent) =>
            source.waitFor({ event: 'status', id: idOf(version, agent), status: { phase: 'back' } }),
          ),
        );
        await source.quit();
        await fleet.startSource(version, stored(version, 2));
        await Promise.all(
          PEER_VERSIONS.map((agent) =>
            fleet
              .source(version)
              .waitFor({ event: 'status', id: idOf(version, agent), status: { phase: 'back' }, known: true }),
          ),
        );
      }),
    );
  });

  test(
    'a broker that was killed and comes back empty loses and deletes nothing, with one source away',
    async () => {
      const away: PeerVersion = 'v1.0.0';
      await fleet.source(away).quit();
      const connected = PEER_VERSIONS.filter((version) => version !== away);
      const marks = new Map(fleet.peers().map((peer) => [peer, peer.mark()]));

      await broker.kill();
      // While it is gone: a deletion, an update and a status that cannot be published.
      const lost = {
        deletion: idOf('v0.15.0', 'v1.3.0'),
        update: idOf('v1.3.0', 'v0.15.0'),
        status: idOf('v1.1.1', 'v1.2.0'),
        ownDeletion: idOf('ts', 'v0.15.0'),
        ownUpdate: idOf('ts-class', 'v1.3.0'),
        ownStatus: idOf('v1.3.0', 'ts'),
      };
      // Ours would wait for the broker, for ten seconds.
      const timeoutMs = 500;
      const failed = await Promise.all([
        fleet.source('v0.15.0').attempt('delete', { id: lost.deletion }),
        fleet.source('v1.3.0').attempt('update', { id: lost.update, version: 3, spec: { size: 3 } }),
        fleet.agent('v1.2.0').attempt('status', { id: lost.status, status: { phase: 'unheard' } }),
        fleet.source('ts').attempt('delete', { id: lost.ownDeletion, timeoutMs }),
        fleet
          .source('ts-class')
          .attempt('update', { id: lost.ownUpdate, version: 3, spec: { size: 3 }, timeoutMs }),
        fleet.agent('ts').attempt('status', { id: lost.ownStatus, status: { phase: 'unheard' }, timeoutMs }),
      ]);
      for (const done of failed) expect(done['error']).toBeDefined();
      broker = await broker.restart();

      // What had failed arrives without a new change.
      await Promise.all([
        fleet.agent('v1.3.0').waitFor({ event: 'spec', action: 'DELETED', id: lost.deletion }, 0, RETURN_MS),
        fleet
          .agent('v0.15.0')
          .waitFor({ event: 'spec', action: 'MODIFIED', id: lost.update, version: 3 }, 0, RETURN_MS),
        fleet
          .source('v1.1.1')
          .waitFor({ event: 'status', id: lost.status, status: { phase: 'unheard' } }, 0, RETURN_MS),
        fleet
          .agent('v0.15.0')
          .waitFor({ event: 'spec', action: 'DELETED', id: lost.ownDeletion }, 0, RETURN_MS),
        fleet
          .agent('v1.3.0')
          .waitFor({ event: 'spec', action: 'MODIFIED', id: lost.ownUpdate, version: 3 }, 0, RETURN_MS),
        fleet
          .source('v1.3.0')
          .waitFor({ event: 'status', id: lost.ownStatus, status: { phase: 'unheard' } }, 0, RETURN_MS),
      ]);
      const deleted = [lost.deletion, lost.ownDeletion];

      // Everybody is back: new versions and new statuses go through.
      const pairings = PAIRINGS.filter(({ source }) => source !== away).filter(
        ({ source, agent }) => !deleted.includes(idOf(source, agent)),
      );
      await Promise.all(
        pairings.map(async ({ source, agent }) => {
          const id = idOf(source, agent);
          await fleet.source(source).insist('update', { id, version: 4, spec: { size: 4 } }, RETURN_MS);
          await fleet
            .agent(agent)
            .waitFor({ event: 'spec', action: 'MODIFIED', id, version: 4 }, 0, RETURN_MS);
          await fleet.agent(agent).insist('status', { id, status: { phase: 'after' } }, RETURN_MS);
          await fleet
            .source(source)
            .waitFor({ event: 'status', id, status: { phase: 'after' } }, 0, RETURN_MS);
        }),
      );

      // The source that was away comes back with what it held.
      await fleet.startSource(away, stored(away, 2));
      await Promise.all(
        PEER_VERSIONS.map(async (agent) => {
          const id = idOf(away, agent);
          await fleet.source(away).insist('update', { id, version: 3, spec: { size: 3 } }, RETURN_MS);
          await fleet
            .agent(agent)
            .waitFor({ event: 'spec', action: 'MODIFIED', id, version: 3 }, 0, RETURN_MS);
        }),
      );

      for (const version of PEER_VERSIONS) {
        const agent = fleet.agent(version);
        const deletions = agent.seen({ event: 'spec', action: 'DELETED' }, marks.get(agent));
        expect(deletions.map((event) => event['id'])).toEqual(
          deleted.filter((id) => keptOn(version).includes(id)),
        );
        expect(await idsOf(agent)).toEqual(keptOn(version).filter((id) => !deleted.includes(id)));
      }
      for (const version of connected) {
        expect(await idsOf(fleet.source(version))).toEqual(
          keptBy(version).filter((id) => !deleted.includes(id)),
        );
      }
    },
    RESTART_TEST_MS,
  );

  test('our client called each spec what it was to the agent', () => {
    for (const version of OWN_VERSIONS) {
      const specs = fleet.agent(version).seen({ event: 'spec' });
      expect(specs.length).toBeGreaterThan(PEER_VERSIONS.length);
      for (const { action, said, ...more } of specs) {
        expect({ ...more, said }).toEqual({ ...more, said: action === 'GONE' ? 'ADDED' : action });
      }
    }
  });

  test('no agent was ever handed an older version after a newer one', () => {
    for (const version of PEER_VERSIONS) {
      expect(fleet.agent(version).seen({ event: 'spec', action: 'STALE' })).toEqual([]);
    }
  });
});
