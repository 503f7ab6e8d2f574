import { CeBrokerError } from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import type { CoreNote } from '../src/core/port.js';
import type { StoredBytes } from '../src/state/event-store.js';
import { MemoryStore } from '../src/state/memory-store.js';
import { DATA_TYPES, type EventFields, publishRequest } from './runner/events.js';
import { printDelivery } from './runner/print.js';
import { World } from './runner/world.js';

/** Stands in for a disk that gives back something else than was written: where that happens cannot be chosen on a real one. */
class DamagedStore extends MemoryStore {
  readonly damaged = new Set<number>();

  override read(stored: StoredBytes): Uint8Array {
    if (!this.damaged.has(stored.position)) return super.read(stored);
    throw new CeBrokerError('data_loss', 'the record does not have the checksum that it was written with');
  }
}

function start(dataType: string) {
  const store = new DamagedStore();
  const out: string[] = [];
  const notes: CoreNote[] = [];
  const world = new World(
    {},
    {
      wrote: (who, message) => out.push(printDelivery(who.label, message)),
      ended: () => {},
      noted: (note) => notes.push(note),
    },
    { make: () => store },
  );
  let ids = 0;
  const send = (fields: Partial<EventFields>) => {
    ids += 1;
    world.publish(
      publishRequest({ id: `e${ids}`, source: 'A', type: '', cluster: 'c1', time: world.now, ...fields }),
    );
    world.settle();
  };
  const publish = (verb: string, version: string) => {
    const deletedAt = verb === 'delete' ? world.now : undefined;
    send({ type: `${dataType}.spec.${verb}_request`, resourceId: 'x', version, deletedAt });
  };
  const resync = (listed: Readonly<Record<string, number>>) => {
    const resourceVersions = Object.entries(listed).map(([resourceID, resourceVersion]) => ({
      resourceID,
      resourceVersion,
    }));
    const type = `${dataType}.spec.resync_request`;
    send({ type, source: 'c1-agent', originalSource: '', data: { resourceVersions } });
  };
  const find = () => world.core.view.table.find(dataType, 'c1')?.find('x');
  const agent = () => world.subscribe('c1', { source: '', clusterName: 'c1', dataType });
  const source = () => world.subscribe('A', { source: 'A', clusterName: '', dataType });
  const take = () => {
    world.settle();
    return out.splice(0);
  };
  return { world, store, notes, publish, resync, find, agent, source, take };
}

const works = DATA_TYPES['works'] ?? '';
const bundles = DATA_TYPES['bundles'] ?? '';

describe('a damaged event', () => {
  it('that was a deletion is asked for again: its source deletes what the agent still has', () => {
    const { world, store, notes, publish, resync, find, agent, source, take } = start(works);
    publish('create', '3');
    publish('delete', '3');
    store.damaged.add(find()?.spec?.position ?? 0);
    source();
    agent();
    take();
    resync({ x: 3 });
    world.wait(10_000);
    expect(take()).toContain('A is asked for the specs of A on c1: x v0');
    expect(notes.filter(({ kind }) => kind === 'orphans')).toEqual([]);
    publish('delete', '3');
    expect(take()).toEqual(['c1 gets delete c1/x v3 from A deletion']);
  });

  it('does not make an orphan of a resource whose source is away', () => {
    const { store, notes, publish, resync, find, agent, source, take } = start(works);
    publish('create', '3');
    publish('delete', '3');
    store.damaged.add(find()?.spec?.position ?? 0);
    agent();
    resync({ x: 3 });
    resync({ x: 3 });
    expect(notes.filter(({ kind }) => kind === 'orphans')).toEqual([]);
    take();
    source();
    expect(take()).toEqual(['A is asked for the specs of A on c1: x v0']);
  });

  it('that was the end of an earlier life does not keep the present one back', () => {
    const { world, store, publish, find, agent, take } = start(bundles);
    agent();
    publish('create', '1');
    world.freeze('c1');
    publish('delete', '1');
    publish('create', '2');
    store.damaged.add(find()?.farewell?.stored.position ?? 0);
    take();
    world.thaw('c1');
    expect(take().map((line) => line.split(' ').slice(0, 5).join(' '))).toEqual(['c1 gets create c1/x v2']);
  });
});
