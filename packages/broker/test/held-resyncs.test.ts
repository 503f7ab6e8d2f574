import { expect, it } from 'vitest';
import { DATA_TYPES, publishRequest } from './runner/events.js';
import { World } from './runner/world.js';

const works = DATA_TYPES['works'] ?? '';
/** A list of some 3 MiB. */
const resourceVersions = Array.from({ length: 40_000 }, (_, index) => ({
  resourceID: `00000000-0000-0000-0000-${String(index).padStart(12, '0')}`,
  resourceVersion: 1,
}));

function resync(cluster: string, agent = `${cluster}-agent`): Uint8Array {
  return publishRequest({
    id: `resync-${cluster}-${agent}`,
    source: agent,
    type: `${works}.spec.resync_request`,
    cluster,
    originalSource: '',
    data: { resourceVersions },
  });
}

it('a fleet whose lists are larger than what is held at once is answered, one after the other', () => {
  const world = new World({}, { wrote: () => {}, ended: () => {}, noted: () => {} });
  const clusters = Array.from({ length: 30 }, (_, index) => `c${index}`);
  for (const clusterName of clusters)
    world.subscribe(clusterName, { source: '', clusterName, dataType: works });
  for (const cluster of clusters) {
    expect(world.publish(resync(cluster)).code).toBe(0);
    world.settle();
  }
});

it('a fleet that asks all at once, as when its broker comes back, is answered', () => {
  const world = new World({}, { wrote: () => {}, ended: () => {}, noted: () => {} });
  const clusters = Array.from({ length: 50 }, (_, index) => `c${index}`);
  for (const clusterName of clusters)
    world.subscribe(clusterName, { source: '', clusterName, dataType: works });
  for (const cluster of clusters) expect(world.publish(resync(cluster)).code).toBe(0);
  world.settle();
});

it('those whose agents are not here yet are bounded, and who is too much is told', () => {
  const world = new World({}, { wrote: () => {}, ended: () => {}, noted: () => {} });
  const answers = Array.from({ length: 30 }, (_, index) => world.publish(resync(`c${index}`)));
  expect(answers.some(({ message }) => message.includes('too many resyncs in hand'))).toBe(true);
});

it('one agent with many names does not take what there is for all', () => {
  const world = new World({}, { wrote: () => {}, ended: () => {}, noted: () => {} });
  for (const clusterName of ['c1', 'c2'])
    world.subscribe(clusterName, { source: '', clusterName, dataType: works });
  const answers = Array.from({ length: 30 }, (_, index) => world.publish(resync('c1', `agent-${index}`)));
  expect(answers.at(-1)?.message).toContain('too many resyncs of agent c1 in hand');
  expect(world.publish(resync('c2')).code).toBe(0);
});

it('a source may ask about each cluster of its fleet', () => {
  const world = new World({}, { wrote: () => {}, ended: () => {}, noted: () => {} });
  world.subscribe('A', { source: 'A', clusterName: '', dataType: works });
  const statusHashes = resourceVersions.map(({ resourceID }) => ({ resourceID, statusHash: 'h' }));
  const type = `${works}.status.resync_request`;
  for (let index = 0; index < 30; index++) {
    const request = { id: `${index}`, source: 'A', type, cluster: `c${index}`, data: { statusHashes } };
    expect(world.publish(publishRequest(request)).code).toBe(0);
  }
});

it('a list is counted as long as it waits to be answered, and no longer', () => {
  const world = new World({}, { wrote: () => {}, ended: () => {}, noted: () => {} });
  world.workAtOnce = 0;
  for (const clusterName of ['c1', 'c2'])
    world.subscribe(clusterName, { source: '', clusterName, dataType: works });
  for (const cluster of ['c1', 'c2']) world.publish(resync(cluster));
  const { answerBudget, counters } = world.core.view;
  const held = answerBudget.used;
  expect(held).toBeGreaterThan(4 << 20);
  world.wait(12_000);
  expect(answerBudget.used).toBe(held);
  expect(counters.dropped.size).toBe(0);
  world.work(Number.POSITIVE_INFINITY);
  world.wait(12_000);
  expect(answerBudget.used).toBe(0);
});
