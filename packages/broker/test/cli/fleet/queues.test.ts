import { expect, test } from 'vitest';
import { WorkQueue } from '../../../src/cli/fleet/agent/work-queue.js';
import type { FileResource } from '../../../src/cli/fleet/file-resource.js';
import { Outbox } from '../../../src/cli/fleet/outbox.js';
import { until } from './support/fleet.js';

const resource = (uid: string, version: number, more: Partial<FileResource> = {}): FileResource => ({
  uid,
  resourceVersion: String(version),
  cluster: 'c1',
  source: 'hub',
  name: uid,
  ...more,
});
const deletion = (uid: string, version: number) => resource(uid, version, { deletionTimestamp: new Date() });

/** Work that ends when it is told to. */
class Works {
  readonly begun: string[] = [];
  readonly #ends = new Map<string, () => void>();
  readonly work = ({ uid, resourceVersion, deletionTimestamp }: FileResource): Promise<void> => {
    const name = `${uid}${resourceVersion}${deletionTimestamp === undefined ? '' : '-'}`;
    this.begun.push(name);
    return new Promise((resolve) => this.#ends.set(name, resolve));
  };
  end(name: string): void {
    this.#ends.get(name)?.();
  }
}

test('of what comes while a resource is worked on only the newest is next', async () => {
  const works = new Works();
  const queue = new WorkQueue({ work: works.work });
  for (const version of [1, 2, 3, 4]) await queue.add(resource('a', version));
  expect(works.begun).toEqual(['a1']);
  expect(queue.newest('a')?.resourceVersion).toBe('4');
  works.end('a1');
  await until('the next', () => works.begun.length === 2);
  expect(works.begun).toEqual(['a1', 'a4']);
  works.end('a4');
  await queue.idle();
  expect(queue.newest('a')).toBeUndefined();
});

test('a deletion is never left out, and takes the place of what came before it', async () => {
  const works = new Works();
  const queue = new WorkQueue({ work: works.work });
  for (const event of [
    resource('a', 1),
    resource('a', 2),
    deletion('a', 3),
    resource('a', 4),
    resource('a', 5),
  ]) {
    await queue.add(event);
  }
  for (const name of ['a1', 'a3-', 'a5']) {
    await until(name, () => works.begun.at(-1) === name);
    works.end(name);
  }
  await queue.idle();
  expect(works.begun).toEqual(['a1', 'a3-', 'a5']);
});

test('resources are worked on side by side, but no more than so many', async () => {
  const works = new Works();
  const queue = new WorkQueue({ work: works.work, parallel: 2 });
  for (const uid of ['a', 'b', 'c']) await queue.add(resource(uid, 1));
  expect(works.begun).toEqual(['a1', 'b1']);
  works.end('b1');
  await until('the third', () => works.begun.length === 3);
  expect(works.begun.at(-1)).toBe('c1');
});

test('whoever brings more than there is room for waits until there is', async () => {
  const works = new Works();
  const queue = new WorkQueue({ work: works.work, parallel: 1, maxWaitingBytes: 1_500 });
  const content = new Uint8Array(600);
  await queue.add(resource('a', 1, { content }));
  await queue.add(resource('b', 1, { content }));
  let free = false;
  const waiting = queue.add(resource('c', 1, { content })).then(() => {
    free = true;
  });
  // The newer version takes the place of the older one: no more room is needed.
  await Promise.resolve();
  expect(free).toBe(false);
  works.end('a1');
  await waiting;
  expect(free).toBe(true);
});

test('a queue that is stopped ends what is under way, and begins nothing', async () => {
  const works = new Works();
  const queue = new WorkQueue({ work: works.work, parallel: 1 });
  await queue.add(resource('a', 1));
  await queue.add(resource('a', 2));
  await queue.add(resource('b', 1));
  const stopped = queue.stop();
  works.end('a1');
  await stopped;
  await queue.add(resource('c', 1));
  expect(works.begun).toEqual(['a1']);
});

test('the outbox sends again what failed, with the newest, when there is a connection again', async () => {
  const sent: string[] = [];
  const failed: string[] = [];
  let away = true;
  const outbox = new Outbox({
    send: async (uid) => {
      if (away) throw new Error('away');
      sent.push(uid);
    },
    failed: (uid) => failed.push(uid),
    retryMs: 1_000_000,
  });
  for (const uid of ['a', 'b']) outbox.add(uid);
  await until('both failed', () => failed.length === 2);
  expect(outbox.size).toBe(2);
  away = false;
  outbox.retry();
  await until('both sent', () => sent.length === 2);
  expect(outbox.size).toBe(0);
  await outbox.stop();
});

test('the outbox tries by itself too, one call for each resource at a time', async () => {
  let calls = 0;
  let underWay = 0;
  let most = 0;
  const outbox = new Outbox({
    send: async () => {
      underWay++;
      most = Math.max(most, underWay);
      await Promise.resolve();
      underWay--;
      calls++;
      if (calls < 3) throw new Error('not yet');
    },
    failed: () => outbox.add('a'),
    retryMs: 1,
  });
  outbox.add('a');
  outbox.add('a');
  outbox.add('a');
  await until('it is taken', () => calls >= 3 && outbox.size === 0);
  expect(most).toBe(1);
  await outbox.stop();
});
