import { afterEach, beforeEach, expect, test } from 'vitest';
import { AgentState } from '../../../src/cli/fleet/agent/agent-state.js';
import type { Report } from '../../../src/cli/fleet/file-resource.js';
import { TwoAgents } from '../../../src/cli/fleet/source/two-agents.js';
import { reportOf } from '../../../src/cli/fleet/status-json.js';
import { Broker, Folder } from '../support/cli.js';
import { Agent, Source, stop, until, write } from './support/fleet.js';

const time = new Date(0).toISOString();
const report = (instance: string | undefined, at: number): Report =>
  reportOf({ state: 'applied', action: 'ADDED', time, instance }, '1', String(at));

test.each([
  ['one, the other, and the first again', ['A', 'B', 'A'], [1, 2, 3], 2],
  ['in another order than they were made', ['A', 'A', 'B'], [1, 3, 2], 2],
])('two agents are found out by %s, once', (_, instances, times, when) => {
  const agents = new TwoAgents();
  const told = instances.map((instance, index) => agents.add('c1', report(instance, times[index] ?? 0)));
  expect(told.indexOf(true)).toBe(when);
  expect(agents.add('c1', report('B', 9))).toBe(false);
  expect(agents.add('c2', report('B', 9))).toBe(false);
});

test('an agent that follows another one is no second one, in whatever order its statuses come', () => {
  const agents = new TwoAgents();
  const told = [
    ['A', 1],
    ['B', 11],
    ['A', 2],
    ['B', 12],
    ['C', 21],
    ['B', 13],
    [undefined, 5],
  ] as const;
  expect(told.some(([instance, at]) => agents.add('c1', report(instance, at)))).toBe(false);
});

let folder: Folder;
let broker: Broker;
beforeEach(async () => {
  folder = new Folder();
  broker = await Broker.start();
});
afterEach(async () => {
  await broker[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

test('the instance of an agent outlives it, together with its state file', async () => {
  const load = (name: string) => AgentState.load(folder.at(name), 'c1', 'a.b.c');
  const state = load('one.json');
  await state.close();
  expect(load('one.json').instance).toBe(state.instance);
  expect(load('other.json').instance).not.toBe(state.instance);
});

test('two agents of one cluster are told, and a restarted one is not', async () => {
  const file = folder.at('fleet/c1/a.yaml');
  write(file, '1');
  await using source = Source.at(folder, broker.grpc);
  {
    await using before = Agent.at(folder, broker.grpc, 'c1');
    await source.told({ event: 'status', reportedVersion: 1 });
    await stop(before);
  }
  await using agent = Agent.at(folder, broker.grpc, 'c1');
  await agent.saw('stderr', /subscribed/);
  write(file, '2');
  await source.told({ event: 'status', reportedVersion: 2 });
  expect(source.stderr).not.toContain('two agents');
  await using second = Agent.at(folder, broker.grpc, 'c1', '--dir', folder.at('second'));
  await second.saw('stderr', /subscribed/);
  let text = 2;
  await until('it is told', () => {
    if (source.lines.filter(({ event }) => event === 'published').length >= text) write(file, String(++text));
    return source.lines.some(({ event }) => event === 'two-agents');
  });
  expect(await source.told({ event: 'two-agents' })).toMatchObject({ cluster: 'c1' });
  await source.saw('stderr', /two agents work for cluster c1/);
});
