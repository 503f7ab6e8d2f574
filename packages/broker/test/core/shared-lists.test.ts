import { describe, expect, it } from 'vitest';
import { DATA_TYPES, publishRequest } from '../runner/events.js';
import { type Subscriber, World } from '../runner/world.js';

const works = DATA_TYPES['works'] ?? '';
const SUBSCRIPTIONS = 50;
const agent = { source: '', clusterName: 'c1', dataType: works };
const source = { source: 'A', clusterName: '', dataType: works };

function worldOf(sliceSize: number): World {
  const world = new World({ sliceSize }, { wrote: () => {}, ended: () => {}, noted: () => {} });
  for (let index = 0; index < 20; index += 1) publish(world, `x${index}`, 'spec.create_request');
  return world;
}

function publish(world: World, resourceId: string, what: string, statusHash?: string): void {
  const answer = world.publish(
    publishRequest({
      id: world.newId(),
      source: what.startsWith('spec') ? 'A' : 'c1-agent',
      type: `${works}.${what}`,
      cluster: 'c1',
      resourceId,
      version: '1',
      ...(statusHash !== undefined && { originalSource: 'A', statusHash }),
      data: {},
    }),
  );
  expect(answer.code).toBe(0);
}

function subscribe(world: World, prefix: string, request: typeof agent): readonly Subscriber[] {
  return Array.from({ length: SUBSCRIPTIONS }, (_, index) => {
    world.subscribe(`${prefix}/${index}`, request);
    return world.subscriber(`${prefix}/${index}`);
  });
}

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('latin1');

describe.each([
  ['short lists', 1000],
  ['lists that take several turns', 7],
])('many subscriptions that are asked the same: %s', (_name, sliceSize) => {
  it('agents of one cluster are asked with one list', () => {
    const world = worldOf(sliceSize);
    const agents = subscribe(world, 'c1', agent);
    expect(agents.every(({ taken }) => taken.length === 1)).toBe(true);
    expect(new Set(agents.map(({ taken }) => taken[0])).size).toBe(1);
  });

  it('a list that was shared follows what changes after it', () => {
    const world = worldOf(sliceSize);
    world.subscribe('c1', agent);
    publish(world, 'x3', 'status.update_request', 'hash-of-x3');
    publish(world, 'more', 'spec.create_request');
    world.subscribe('c1/2', agent);
    const [asked] = world.subscriber('c1/2').taken;
    expect(text(asked)).toContain('hash-of-x3');
    expect(text(asked)).toContain('more');
  });

  it('sessions of one source are asked once each, with one list', () => {
    const world = worldOf(sliceSize);
    const sources = subscribe(world, 'A', source);
    expect(sources.map(({ taken }) => taken.length)).toEqual(sources.map(() => 1));
    expect(new Set(sources.map(({ taken }) => taken[0])).size).toBe(1);
  });

  it('nothing is kept of a list that nobody reads', () => {
    const world = worldOf(sliceSize);
    subscribe(world, 'c1', agent);
    world.wait(1000);
    expect(world.core.view.lists.size).toBe(0);
  });
});
