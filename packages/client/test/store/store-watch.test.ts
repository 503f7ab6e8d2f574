import { getEventListeners } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { JsonResource } from '../../src/codec/json-resource.js';
import { ResourceStore } from '../../src/store/resource-store.js';
import { type StoreChange, StoreWatch } from '../../src/store/store-watch.js';
import { resource } from './tools.js';

function newStore(): ResourceStore<JsonResource> {
  return new ResourceStore<JsonResource>();
}

function told({ type, resource: { uid, resourceVersion } }: StoreChange<JsonResource>): string {
  return `${type} ${uid} v${resourceVersion}`;
}

async function rest(watch: AsyncIterable<StoreChange<JsonResource>>): Promise<string[]> {
  const changes: string[] = [];
  for await (const change of watch) changes.push(told(change));
  return changes;
}

const v = (version: number) => ({ resourceVersion: String(version) });

describe('a watch', () => {
  it('tells each change to a reader that keeps up, from the call on', async () => {
    const store = newStore();
    store.set(resource('before'));
    const watch = store.watch();
    const seen: string[] = [];
    const next = async () => {
      const { value } = await watch.next();
      if (value !== undefined) seen.push(told(value));
    };
    store.set(resource('r'));
    await next();
    const waiting = next();
    store.set(resource('r', v(2)));
    await waiting;
    store.delete('r');
    await next();
    expect(seen).toEqual(['added r v1', 'modified r v2', 'deleted r v2']);
    await store.close();
    await expect(watch.next()).resolves.toEqual({ done: true, value: undefined });
  });

  it('begins with what is there when asked to', async () => {
    const store = newStore();
    store.set(resource('a'));
    store.set(resource('b'));
    const watch = store.watch({ initial: true });
    store.set(resource('b', v(2)));
    store.delete('a');
    store.set(resource('c'));
    await store.close();
    expect(await rest(watch)).toEqual(['added b v2', 'added c v1']);
  });

  it('sums up what a slow reader missed, one change for each resource', async () => {
    const store = newStore();
    for (const uid of ['changed', 'deleted', 'replaced', 'untouched']) store.set(resource(uid));
    const watch = store.watch();
    for (let version = 2; version < 1_000; version++) store.set(resource('changed', v(version)));
    store.set(resource('deleted', v(2)));
    store.delete('deleted');
    store.delete('replaced');
    store.set(resource('replaced', v(5)));
    for (let n = 0; n < 1_000; n++) {
      store.set(resource(`passing-${n}`));
      store.delete(`passing-${n}`);
    }
    store.set(resource('new'));
    store.set(resource('new', v(2)));
    await store.close();
    expect(await rest(watch)).toEqual(
      ['changed v999', 'deleted v2', 'replaced v5', 'new v2'].map(
        (text, index) => `${['modified', 'deleted', 'modified', 'added'][index]} ${text}`,
      ),
    );
  });

  // Looking past all that is read already for each one would take a minute here.
  it('gives half a million changes that wait in their order, and what comes while it reads after them', async () => {
    const watch = new StoreWatch<JsonResource>(() => undefined);
    const count = 500_000;
    const push = (uid: string) => watch.push(uid, { type: 'added', resource: resource(uid) });
    for (let n = 0; n < count; n++) push(String(n));
    let inOrder = 0;
    while (inOrder < count && (await watch.next()).value?.resource.uid === String(inOrder)) inOrder++;
    expect(inOrder).toBe(count);
    push('a');
    push('b');
    expect((await watch.next()).value?.resource.uid).toBe('a');
    push('a');
    push('b');
    watch.end();
    expect(await rest(watch)).toEqual(['added b v1', 'added a v1']);
  });

  it('lets one reader not hold up another', async () => {
    const store = newStore();
    const [slow, quick] = [store.watch(), store.watch()];
    store.set(resource('r'));
    expect((await quick.next()).value).toMatchObject({ type: 'added' });
    store.set(resource('r', v(2)));
    expect((await quick.next()).value).toMatchObject({ type: 'modified' });
    expect((await slow.next()).value).toMatchObject({ type: 'added', resource: { resourceVersion: '2' } });
  });

  it('ends by its signal, and leaves no listener behind', async () => {
    const store = newStore();
    const abort = new AbortController();
    const watch = store.watch({ signal: abort.signal });
    const waiting = watch.next();
    abort.abort();
    await expect(waiting).resolves.toEqual({ done: true, value: undefined });
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
    await expect(rest(store.watch({ signal: abort.signal }))).resolves.toEqual([]);
    await store.close();
    await expect(rest(store.watch())).resolves.toEqual([]);
  });

  it('may share its signal with any number of others', async () => {
    const store = newStore();
    const abort = new AbortController();
    const warnings: string[] = [];
    const warned = (warning: Error) => void warnings.push(warning.name);
    process.on('warning', warned);
    onTestFinished(() => void process.off('warning', warned));
    const ends = Array.from({ length: 50 }, () => store.watch({ signal: abort.signal }).next());
    // Warnings are told on the next tick.
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    expect((await Promise.all(ends)).every(({ done }) => done)).toBe(true);
    expect(warnings).toEqual([]);
  });

  it('ends when its reader breaks off', async () => {
    const store = newStore();
    const { signal } = new AbortController();
    store.set(resource('a'));
    for await (const _ of store.watch({ signal, initial: true })) break;
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});
