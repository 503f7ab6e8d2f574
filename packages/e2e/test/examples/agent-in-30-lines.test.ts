import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BrokerProcess, until } from '../../src/index.js';
import { Example, exampleSource } from './example.js';
import { Hub } from './hub.js';

describe('examples/agent-in-30-lines', () => {
  let broker: BrokerProcess;
  let hub: Hub;
  let agent: Example;

  beforeAll(async () => {
    broker = await BrokerProcess.start();
    hub = await Hub.start(broker.grpc);
    agent = Example.node('agent-in-30-lines/agent', ['c1', broker.grpc]);
  });
  afterAll(async () => {
    await agent?.stop();
    await hub?.close();
    await broker?.stop();
  });

  it('has at most 30 lines of code, imports included', () => {
    const source = readFileSync(exampleSource('agent-in-30-lines/agent.ts'), 'utf8');
    const lines = source.split('\n').map((line) => line.trim());
    const code = lines.filter((line) => line !== '' && !line.startsWith('//'));
    expect(code.length).toBeGreaterThan(20);
    expect(code.length).toBeLessThanOrEqual(30);
  });

  it('applies what comes, and reports it', async () => {
    await hub.paint('c1', 'door', 'red');
    await hub.paint('c1', 'door', 'blue');
    await hub.paint('c1', 'gate', 'red');
    await agent.prints(/^door painted red\ndoor painted blue\n/);
  });

  it('catches up when the broker was away', async () => {
    await broker.stop();
    broker = await broker.restart();
    await hub.paint('c1', 'door', 'green');
  });

  it('removes what is deleted, and the broker knows', async () => {
    await hub.remove('c1', 'gate');
    await agent.prints(/^gate removed$/m);
    await until('no deletion is left to confirm', 20_000, async () => {
      const tombstones = await fetch(`http://${broker.admin}/state/tombstones`);
      return !(await tombstones.text()).includes('c1.gate');
    });
  });

  it('ends by itself when it is told to, without a word of complaint', async () => {
    expect(await agent.stop()).toBe(0);
  });
});
