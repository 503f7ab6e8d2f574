import { describe, expect, it } from 'vitest';
import { ANONYMOUS } from '../src/access/identity.js';
import type { CoreOptions } from '../src/core/options.js';
import type { CoreNote } from '../src/core/port.js';
import { bundleStatus, DATA_TYPES, type EventFields, publishRequest } from './runner/events.js';
import { printDelivery } from './runner/print.js';
import { Disk, SimulatedStore } from './runner/simulated-store.js';
import { World } from './runner/world.js';

const bundles = DATA_TYPES['bundles'] ?? '';

/** A broker over a store whose groups are committed, or lost, when the test says so. */
function start(options: Partial<CoreOptions> = {}) {
  const disk = new Disk();
  let store = new SimulatedStore(disk);
  const out: string[] = [];
  const notes: CoreNote[] = [];
  const listener = {
    wrote: (who: { readonly label: string }, message: Uint8Array) =>
      out.push(printDelivery(who.label, message)),
    ended: () => {},
    noted: (note: CoreNote) => notes.push(note),
  };
  const make = () => {
    store = new SimulatedStore(disk);
    return store;
  };
  const world = new World({ history: 1, ...options }, listener, { make });
  let ids = 0;
  const publish = (verb: string, fields: Partial<EventFields> = {}) => {
    ids += 1;
    world.now += 10;
    const isStatus = verb === 'applied' || verb === 'gone';
    const request = publishRequest({
      id: `e${ids}`,
      source: isStatus ? 'agent' : 'A',
      originalSource: isStatus ? 'A' : undefined,
      type: isStatus ? `${bundles}.status.update_request` : `${bundles}.spec.${verb}_request`,
      cluster: 'c1',
      resourceId: 'x',
      time: world.now,
      deletedAt: verb === 'delete' ? world.now : undefined,
      data: isStatus ? bundleStatus(verb === 'gone') : {},
      ...fields,
    });
    const answer = { state: 'waits' };
    const call = {
      reply: () => {
        answer.state = 'ok';
      },
      fail: () => {
        answer.state = 'refused';
      },
    };
    world.core.publish(call, request, ANONYMOUS, world.now);
    return answer;
  };
  const resource = () => world.core.view.table.find(bundles, 'c1')?.find('x');
  return {
    world,
    publish,
    resource,
    notes,
    commit: () => store.commit(),
    fail: () => store.fail(),
    take: () => out.splice(0),
  };
}

describe('a group that the store loses', () => {
  it('takes with it what was stale beside it only: sent again, that is looked at again', () => {
    const { publish, commit, fail, resource } = start();
    publish('create', { version: '1' });
    commit();
    publish('update', { version: '5' });
    const stale = publish('update', { version: '3', id: 'three' });
    fail();
    expect(stale.state).toBe('refused');
    const again = publish('update', { version: '3', id: 'three' });
    commit();
    expect(again.state).toBe('ok');
    expect(resource()?.spec?.version).toBe(3n);
  });

  it('leaves the deletion of the life before owed to those who have not seen it', () => {
    const { world, publish, commit, fail, take } = start();
    world.subscribe('c1', { source: '', clusterName: 'c1', dataType: bundles });
    publish('create', { version: '7' });
    commit();
    world.freeze('c1');
    publish('delete', { version: '7' });
    commit();
    publish('create', { version: '1' });
    commit();
    publish('update', { version: '2' });
    fail();
    take();
    world.thaw('c1');
    expect(take().map((line) => line.split(' ')[2])).toEqual(['delete']);
  });

  it('leaves it owed when the group that is lost ended the next life too, and began another', () => {
    const { world, publish, commit, fail, take } = start();
    world.subscribe('c1', { source: '', clusterName: 'c1', dataType: bundles });
    publish('create', { version: '7' });
    commit();
    world.freeze('c1');
    publish('delete', { version: '7' });
    commit();
    publish('create', { version: '1' });
    commit();
    publish('delete', { version: '1' });
    publish('create', { version: '2' });
    publish('delete', { version: '2' });
    fail();
    take();
    world.thaw('c1');
    expect(take().map((line) => line.split(' ').slice(2, 5).join(' '))).toEqual(['delete c1/x v7']);
    // What was owed is owed to nobody who has seen it.
    publish('delete', { version: '1' });
    fail();
    world.wait(1_000);
    expect(take()).toEqual([]);
  });

  it('owes the end of an earlier life to an agent that subscribes before the next is durable, once it lists that', () => {
    const { world, publish, commit, take } = start();
    publish('create', { version: '7' });
    commit();
    publish('delete', { version: '7' });
    commit();
    publish('create', { version: '1' });
    world.subscribe('c1', { source: '', clusterName: 'c1', dataType: bundles });
    commit();
    const resourceVersions = [{ resourceID: 'x', resourceVersion: 7 }];
    world.publish(
      publishRequest({
        id: 'r1',
        source: 'c1-agent',
        type: `${bundles}.spec.resync_request`,
        cluster: 'c1',
        originalSource: '',
        data: { resourceVersions },
      }),
    );
    world.settle();
    publish('gone');
    commit();
    world.wait(1_000);
    const specs = take().filter((line) => !line.includes('asked'));
    expect(specs.map((line) => line.split(' ')[2])).toEqual(['delete', 'create']);
  });

  it('does not count against the deletions that are too many', () => {
    const massDeletion = { share: 0.5, withinMs: 3_600_000, least: 2 };
    const { world, publish, commit, fail } = start({ massDeletion });
    const ids = Array.from({ length: 10 }, (_, index) => `r${index}`);
    // Older than the time: none came and went within it.
    for (const resourceId of ids)
      publish('create', { version: '1', resourceId, time: world.now - 7_200_000 });
    commit();
    const some = ids.slice(0, 3);
    for (const resourceId of some) publish('delete', { version: '1', resourceId });
    fail();
    for (const resourceId of some) publish('delete', { version: '1', resourceId });
    commit();
    expect([...world.core.view.deletions.all()]).toEqual([]);
    for (const resourceId of ids.slice(3, 6)) publish('delete', { version: '1', resourceId });
    expect([...world.core.view.deletions.all()].map(({ deleted, of }) => [deleted, of])).toEqual([[6, 10]]);
    fail();
    // The one too many is lost too: nothing waits.
    expect([...world.core.view.deletions.all()]).toEqual([]);
  });
});

describe('with a store that commits in groups', () => {
  it('a Deleted of an earlier life is acknowledged once it is durable that the agent has seen to it', () => {
    const { world, publish, commit, resource } = start();
    world.subscribe('c1', { source: '', clusterName: 'c1', dataType: bundles });
    publish('create', { version: '1' });
    commit();
    publish('delete', { version: '1' });
    commit();
    publish('create', { version: '1' });
    commit();
    expect(resource()?.farewell).toBeDefined();
    const gone = publish('gone');
    expect(gone.state).toBe('waits');
    commit();
    expect(gone.state).toBe('ok');
    world.restart();
    expect(resource()?.farewell).toBeUndefined();
  });

  it('a deletion that is not durable yet, and so was handed to nobody, is not taken for confirmed', () => {
    const { world, publish, commit, notes, resource, take } = start();
    world.subscribe('c1', { source: '', clusterName: 'c1', dataType: bundles });
    publish('create', { version: '1' });
    commit();
    publish('delete', { version: '1' });
    commit();
    publish('create', { version: '2' });
    commit();
    publish('delete', { version: '2' });
    // The agent has seen to the first deletion only.
    publish('gone');
    take();
    commit();
    world.settle();
    expect(take().map((line) => line.split(' ')[2])).toContain('delete');
    expect(resource()?.tombstone).toBeDefined();
    expect(notes.filter(({ kind }) => kind === 'damaged')).toEqual([]);
  });
});
