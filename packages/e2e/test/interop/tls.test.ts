import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildGoPrograms, PEER_VERSIONS, type PeerVersion } from '../../src/index.js';
import { BrokerProcess, brokerCommand } from './broker-process.js';
import { clusterOf, Fleet, idOf, pairingsOf, RETURN_MS } from './fleet.js';
import { BUILD_TIMEOUT_MS, describeWith } from './tools.js';
import { Workspace } from './workspace.js';

const TOKEN = 'an-example-token';

/** How the fleet shows who it is: the broker's options, the SDK's configuration, and who can be configured so. */
const WAYS = {
  'a server certificate only': {
    options: () => [],
    config: (dir: string) => ({ caFile: join(dir, 'ca.crt') }),
    // SDK v1.0 and later go out in plain text when they are given a CA and nothing else.
    versions: ['v0.15.0', 'ts', 'ts-class'] as readonly PeerVersion[],
  },
  'client certificates': {
    options: (dir: string) => ['--client-ca', join(dir, 'ca.crt')],
    config: (dir: string) => ({
      caFile: join(dir, 'ca.crt'),
      clientCertFile: join(dir, 'client.crt'),
      clientKeyFile: join(dir, 'client.key'),
    }),
    versions: PEER_VERSIONS,
  },
  'bearer tokens': {
    options: (dir: string) => ['--token-file', join(dir, 'tokens.csv')],
    // Without a line end: Go sends the file as it is.
    config: (dir: string) => ({ caFile: join(dir, 'ca.crt'), tokenFile: join(dir, 'token') }),
    versions: PEER_VERSIONS,
  },
};

for (const [title, way] of Object.entries(WAYS)) {
  describeWith('go', `Peers of Go and TypeScript over TLS with ${title}`, () => {
    const workspace = new Workspace();
    const pairings = pairingsOf(way.versions);
    let broker: BrokerProcess;
    let fleet: Fleet;

    beforeAll(async () => {
      await buildGoPrograms();
      const certs = spawnSync(process.execPath, [brokerCommand, 'certs', workspace.dir], {
        encoding: 'utf8',
      });
      expect(certs.status, certs.stderr).toBe(0);
      workspace.file('tokens.csv', `${TOKEN},fleet,1\n`);
      workspace.file('token', TOKEN);
      const pair = [
        '--tls-cert',
        join(workspace.dir, 'server.crt'),
        '--tls-key',
        join(workspace.dir, 'server.key'),
      ];
      broker = await BrokerProcess.start([...pair, ...way.options(workspace.dir)]);
      fleet = new Fleet(workspace, () => ({ url: broker.grpc, ...way.config(workspace.dir) }), way.versions);
      await fleet.start();
    }, BUILD_TIMEOUT_MS);

    afterAll(async () => {
      await fleet?.quit();
      await broker?.kill();
      workspace[Symbol.dispose]();
    });

    const change = async (version: number, timeoutMs: number): Promise<void> => {
      await Promise.all(
        pairings.map(async ({ source, agent }) => {
          const id = idOf(source, agent);
          const op = version === 1 ? 'publish' : 'update';
          const spec = { id, cluster: clusterOf(agent), version, spec: { size: version } };
          await fleet.source(source).insist(op, spec, timeoutMs);
          await fleet.agent(agent).waitFor({ event: 'spec', id, version }, 0, timeoutMs);
          const status = { at: version };
          await fleet.agent(agent).insist('status', { id, status }, timeoutMs);
          await fleet.source(source).waitFor({ event: 'status', id, version, status }, 0, timeoutMs);
        }),
      );
    };

    test('specs and statuses pass in every pairing', () => change(1, 20_000));

    test(
      'a broker that drains and starts again on its port gets everybody back, and deletes nothing',
      async () => {
        expect(await broker.stop(), broker.log()).toBe(0);
        broker = await broker.restart();
        await change(2, RETURN_MS);
        for (const version of way.versions) {
          expect(fleet.agent(version).seen({ event: 'spec', action: 'DELETED' })).toEqual([]);
          expect(fleet.agent(version).seen({ event: 'spec', action: 'STALE' })).toEqual([]);
        }
      },
      2 * RETURN_MS,
    );
  });
}
