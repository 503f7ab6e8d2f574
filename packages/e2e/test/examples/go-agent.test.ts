import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, it } from 'vitest';
import { BrokerProcess } from '../../src/index.js';
import { BUILD_TIMEOUT_MS, describeWith } from '../interop/tools.js';
import { Example, exampleSource } from './example.js';
import { Hub } from './hub.js';

const bin = fileURLToPath(new URL('../../.cache/bin', import.meta.url));

describeWith('go', 'examples/go-agent beside agent-in-30-lines', () => {
  let broker: BrokerProcess;
  let hub: Hub;
  let agents: readonly Example[] = [];

  beforeAll(async () => {
    const program = join(bin, 'example-go-agent');
    mkdirSync(bin, { recursive: true });
    execFileSync('go', ['build', '-buildvcs=false', '-o', program, '.'], { cwd: exampleSource('go-agent') });
    broker = await BrokerProcess.start();
    hub = await Hub.start(broker.grpc);
    agents = [
      Example.program(program, ['go', broker.grpc]),
      Example.node('agent-in-30-lines/agent', ['ts', broker.grpc]),
    ];
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await hub?.close();
    await broker?.stop();
  });

  const both = (step: (cluster: string) => Promise<void>): Promise<unknown> =>
    Promise.all(['go', 'ts'].map(step));

  it('both apply what one source wants of them, and report it', async () => {
    await both((cluster) => hub.paint(cluster, 'door', 'red'));
    await both((cluster) => hub.paint(cluster, 'door', 'blue'));
    await both((cluster) => hub.paint(cluster, 'gate', 'blue'));
  });

  // The SDK waits 5 to 10 s before its first attempt.
  it('both are back after a restart of the broker', { timeout: 90_000 }, async () => {
    await broker.stop();
    broker = await broker.restart();
    await both((cluster) => hub.paint(cluster, 'door', 'green'));
  });

  it('both remove what is deleted, and say so', async () => {
    await both((cluster) => hub.remove(cluster, 'gate'));
    await both((cluster) => hub.paint(cluster, 'door', 'white'));
  });
});
