import { CloudEventsDataType } from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import type { JsonResource } from '../../src/codec/json-resource.js';
import type { ResourceObject } from '../../src/generic/resource.js';
import { type ResourcePlace, ResourceStore } from '../../src/store/resource-store.js';
import { resource, uids } from './tools.js';

const THINGS = new CloudEventsDataType('io.example', 'v1', 'things');
const ANY = { clusterName: '', source: '', dataType: THINGS };

function filled(): ResourceStore<JsonResource> {
  const store = new ResourceStore<JsonResource>();
  for (const clusterName of ['c1', 'c2']) {
    for (const source of ['s1', 's2'])
      store.set(resource(`${clusterName}-${source}`, { clusterName, source }));
  }
  return store;
}

describe('a resource store', () => {
  it('lists all, those of a cluster, those of a source, and those of both', () => {
    const store = filled();
    expect(uids(store.list(ANY))).toEqual(['c1-s1', 'c1-s2', 'c2-s1', 'c2-s2']);
    expect(uids(store.list({ ...ANY, clusterName: 'c1' }))).toEqual(['c1-s1', 'c1-s2']);
    expect(uids(store.list({ ...ANY, source: 's2' }))).toEqual(['c1-s2', 'c2-s2']);
    expect(uids(store.list({ ...ANY, clusterName: 'c2', source: 's1' }))).toEqual(['c2-s1']);
    expect(uids(store.list({ ...ANY, clusterName: 'c3' }))).toEqual([]);
    expect(uids(store.list({ ...ANY, source: 's3', clusterName: 'c1' }))).toEqual([]);
    expect(store.size).toBe(4);
  });

  it('finds one, within what is asked for alone', () => {
    const store = filled();
    expect(store.get('c1-s1', { ...ANY, clusterName: 'c1', source: 's1' })?.uid).toBe('c1-s1');
    expect(store.get('c1-s1')?.uid).toBe('c1-s1');
    expect(store.get('c1-s1', { ...ANY, clusterName: 'c2' })).toBeUndefined();
    expect(store.get('c1-s1', { ...ANY, source: 's2' })).toBeUndefined();
    expect(store.get('nothing', ANY)).toBeUndefined();
  });

  it('holds one id once for each cluster', () => {
    const store = new ResourceStore<JsonResource>();
    store.set(resource('r', { clusterName: 'c1', resourceVersion: '1' }));
    store.set(resource('r', { clusterName: 'c2', resourceVersion: '2' }));
    expect(store.size).toBe(2);
    expect(store.get('r', { clusterName: 'c2' })?.resourceVersion).toBe('2');
    expect(() => store.delete('r')).toThrow(
      'the store holds several resources r (c1, c2, ...): give delete the clusterName',
    );
    expect(store.delete('r', { clusterName: 'c1' })).toBe(true);
    expect(store.delete('r', { clusterName: 'c1' })).toBe(false);
    expect(store.delete('r')).toBe(true);
    expect(store.size).toBe(0);
  });

  it('replaces one that is set again, and lists it under its new source alone', () => {
    const store = filled();
    store.set(resource('c1-s1', { source: 's9', resourceVersion: '2' }));
    expect(store.size).toBe(4);
    expect(uids(store.list({ source: 's1' }))).toEqual(['c2-s1']);
    expect(uids(store.list({ source: 's9' }))).toEqual(['c1-s1']);
    expect(store.get('c1-s1')?.resourceVersion).toBe('2');
  });

  it('keeps data types apart where it is told of them', () => {
    const others = new CloudEventsDataType('io.example', 'v1', 'others');
    const place = (type: CloudEventsDataType | string) => (r: JsonResource) => ({
      clusterName: r.clusterName,
      source: r.source,
      dataType: r.name === 'other' ? others : type,
    });
    const store = new ResourceStore<JsonResource>({ placeOf: place(THINGS.toString()) });
    store.set(resource('r', { name: 'thing' }));
    store.set(resource('r', { name: 'other' }));
    expect(store.list(ANY).map(({ name }) => name)).toEqual(['thing']);
    expect(store.get('r', { ...ANY, dataType: others })?.name).toBe('other');
    expect(store.delete('r', { dataType: others })).toBe(true);
    expect(uids(store.list({ ...ANY, dataType: others }))).toEqual([]);
    expect(uids(store.list(ANY))).toEqual(['r']);
  });

  it('lists what was there when it was asked, whatever happens meanwhile', () => {
    const store = filled();
    const seen: string[] = [];
    for (const { uid } of store.list(ANY)) {
      seen.push(uid);
      store.delete(uid);
      store.set(resource(`${uid}-again`));
    }
    expect(seen).toHaveLength(4);
    expect(store.size).toBe(4);
  });

  it('refuses a resource without a place, by name', () => {
    const store = new ResourceStore<ResourceObject>();
    expect(() => store.set({ uid: 'r1', resourceVersion: '1' })).toThrow(
      'the resource r1 has no place: uid, clusterName and source must be strings; give the store a placeOf',
    );
    const place = { clusterName: 'c', source: 's' } satisfies ResourcePlace;
    const told = new ResourceStore<ResourceObject>({ placeOf: () => place });
    told.set({ uid: 'r1', resourceVersion: '1' });
    expect(told.get('r1')).toBeDefined();
    expect(() => told.set({ uid: 'r\u00001', resourceVersion: '1' })).toThrow(
      /must not hold a NUL character/,
    );
  });

  it('takes nothing after close', async () => {
    const store = filled();
    await store.close();
    await store.close();
    expect(() => store.set(resource('r'))).toThrow('this resource store is closed');
    expect(() => store.delete('c1-s1')).toThrow('this resource store is closed');
    await store.flush();
  });

  it('finds one cluster of many without looking at the others', () => {
    const store = new ResourceStore<JsonResource>();
    for (let n = 0; n < 200_000; n++) {
      store.set(resource(`r${n}`, { clusterName: `c${n % 2_000}`, source: `s${n % 7}` }));
    }
    // A look at all of them each time would be 400 million: minutes.
    for (let n = 0; n < 2_000; n++)
      expect(store.list({ clusterName: `c${n}`, source: `s${n % 7}` }).length).toBeGreaterThan(0);
    for (let n = 0; n < 200_000; n++) {
      if (store.get(`r${n}`, { clusterName: `c${n % 2_000}`, source: '' }) === undefined)
        expect.unreachable();
    }
    expect(store.size).toBe(200_000);
  });
});
