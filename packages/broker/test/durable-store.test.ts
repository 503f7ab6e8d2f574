import { describe, expect, it } from 'vitest';
import { ANONYMOUS } from '../src/access/identity.js';
import type { StoreListener, StoreRecord, StoreTable } from '../src/state/event-store.js';
import { MemoryStore } from '../src/state/memory-store.js';
import type { StoredBytes } from '../src/state/stored.js';
import { DATA_TYPES, publishRequest } from './runner/events.js';
import { printDelivery } from './runner/print.js';
import { World } from './runner/world.js';

/** A store that commits in groups, but only when the test says so. */
class CommitsLater extends MemoryStore {
  #durable = 0;
  #appended = 0;
  #listener: StoreListener | undefined;

  override get durablePosition(): number {
    return this.#durable;
  }

  override open(_table: StoreTable, listener: StoreListener): void {
    this.#listener = listener;
  }

  override append(record: StoreRecord): StoredBytes {
    this.#appended = record.position;
    return super.append(record);
  }

  /** @param meanwhile happens after the group was cut */
  commit(meanwhile?: () => void): void {
    const cut = this.#appended;
    meanwhile?.();
    this.#durable = cut;
    this.#listener?.durable();
  }
}

function start() {
  const store = new CommitsLater();
  const out: string[] = [];
  const world = new World(
    {},
    {
      wrote: (subscriber, message) => out.push(printDelivery(subscriber.label, message)),
      ended: () => {},
      noted: () => {},
    },
    { make: () => store },
  );
  let ids = 0;
  const publish = (version: string, id = 'x', eventId = '') => {
    ids += 1;
    const deletes = version === 'delete';
    const verb = deletes ? 'delete' : version === '1' ? 'create' : 'update';
    const type = `${DATA_TYPES['works']}.spec.${verb}_request`;
    const request = publishRequest({
      id: eventId === '' ? `e${ids}` : eventId,
      deletedAt: deletes ? world.now : undefined,
      source: 'A',
      type,
      cluster: 'c1',
      resourceId: id,
      version: deletes ? '5' : version,
    });
    const call = {
      reply: () => out.push(`${id} v${version} acknowledged`),
      fail: (code: number) => out.push(`${id} v${version} failed with ${code}`),
    };
    world.core.publish(call, request, ANONYMOUS, world.now);
  };
  const commit = (meanwhile?: () => void) => store.commit(meanwhile);
  const take = () => out.splice(0);
  return { world, publish, commit, take };
}

const works = DATA_TYPES['works'] ?? '';

describe('with a store that commits in groups', () => {
  it('nothing is delivered or acknowledged before it is durable, and both come in order', () => {
    const { world, publish, commit, take } = start();
    world.subscribe('c1', { source: '', clusterName: 'c1', dataType: works });
    publish('1');
    publish('2');
    world.wait(1000);
    expect(take()).toEqual([]);
    commit();
    // One commit held both: the agent gets the newest.
    expect(take()).toEqual(['x v1 acknowledged', 'x v2 acknowledged', 'c1 gets update c1/x v2 from A']);
  });

  it('a resync is not answered with what is not durable yet', () => {
    const { world, publish, commit, take } = start();
    publish('1', 'x');
    commit();
    publish('2', 'x');
    publish('1', 'y');
    world.subscribe('c1', { source: '', clusterName: 'c1', dataType: works });
    const type = `${works}.spec.resync_request`;
    const request = {
      id: 'r1',
      source: 'c1-agent',
      type,
      cluster: 'c1',
      originalSource: '',
      data: { resourceVersions: [] },
    };
    take();
    world.publish(publishRequest(request));
    world.settle();
    // What was durable before; what is to come waits.
    expect(take()).toEqual(['c1 gets create c1/x v1 from A']);
    commit();
    // At least once: what the resync marked and what was just published may be the same event.
    const delivered = new Set(take().filter((line) => line.startsWith('c1')));
    expect([...delivered].sort()).toEqual(['c1 gets create c1/y v1 from A', 'c1 gets update c1/x v2 from A']);
  });

  it('a copy of an event is not acknowledged before the event itself is durable', () => {
    const { publish, commit, take } = start();
    publish('1', 'x', 'same');
    publish('1', 'x', 'same');
    expect(take()).toEqual([]);
    commit();
    expect(take()).toEqual(['x v1 acknowledged', 'x v1 acknowledged']);
  });

  it('a resource that changes faster than the disk is shown all the same, in order', () => {
    const { world, publish, commit, take } = start();
    world.subscribe('c1', { source: '', clusterName: 'c1', dataType: works });
    publish('1');
    for (let version = 2; version <= 9; version++) {
      // The next is there before the one before is durable.
      commit(() => publish(String(version)));
    }
    const shown = take().filter((line) => line.startsWith('c1'));
    expect(shown.length).toBeGreaterThan(5);
    expect(shown).toEqual([...shown].sort());
  });

  it('a deletion and a new life in one commit come to the agent one after the other', () => {
    const { world, publish, commit, take } = start();
    world.subscribe('c1', { source: '', clusterName: 'c1', dataType: works });
    publish('5');
    commit();
    publish('delete');
    publish('1');
    take();
    commit();
    expect(take().filter((line) => line.startsWith('c1'))).toEqual([
      'c1 gets delete c1/x v5 from A deletion',
    ]);
    world.wait(1000);
    expect(take()).toEqual(['c1 gets create c1/x v1 from A']);
  });

  it('a Publish that the store does not confirm in time is failed, and a late confirmation answers nobody twice', () => {
    const { world, publish, commit, take } = start();
    publish('1');
    world.wait(11_000);
    expect(take()).toEqual(['x v1 failed with 4']);
    commit();
    expect(take()).toEqual([]);
  });
});
