import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../src/state/memory-store.js';
import { Cell, type Resource } from '../../src/state/resource.js';
import { ResourceTable } from '../../src/state/resource-table.js';
import { Disk, SimulatedStore } from '../runner/simulated-store.js';

const nobodyHolds = (): boolean => false;

/** A table with room for two resources over a store that has all that was changed. */
class Kept {
  readonly store = new SimulatedStore(new Disk(), true);
  readonly table = new ResourceTable(this.store, () => 'durable', 2);
  readonly partition = this.table.partition('works', 'c1');
  #position = 0;

  change(id: string): Resource {
    const resource = this.partition.resource(id);
    this.#position += 1;
    const bytes = Buffer.from(id);
    const record = { resource, kind: 'spec', position: this.#position, bytes, at: 1, user: '' } as const;
    const stored = this.store.append(record);
    resource.spec = new Cell(resource, 'spec', stored, this.#position, 1, 1n);
    this.table.changed(resource);
    return resource;
  }

  get inMemory(): string[] {
    return [...this.partition.hot.keys()].sort();
  }
}

function withTwoAtRest(): Kept {
  const kept = new Kept();
  kept.change('a');
  kept.change('b');
  kept.store.commit();
  return kept;
}

describe('where there is room for no more, a resource', () => {
  it('leaves memory once it is committed and nobody holds it', () => {
    const kept = withTwoAtRest();
    const passing = kept.change('c');
    kept.table.residents.letPass(nobodyHolds);
    expect(kept.inMemory).toEqual(['a', 'b', 'c']);
    kept.store.commit();
    kept.table.residents.letPass((resource) => resource === passing);
    expect(kept.inMemory).toEqual(['a', 'b', 'c']);
    kept.table.residents.letPass(nobodyHolds);
    expect(kept.inMemory).toEqual(['a', 'b']);
    expect(kept.table.residents.passing).toBe(0);
    expect(kept.partition.size).toBe(3);
    expect(kept.partition.find('c')?.spec?.position).toBe(3);
  });

  it('stays when it was asked for again', () => {
    const kept = withTwoAtRest();
    kept.change('c');
    kept.store.commit();
    kept.partition.find('c');
    kept.table.residents.letPass(nobodyHolds);
    expect(kept.inMemory).toEqual(['a', 'b', 'c']);
    expect(kept.table.residents.passing).toBe(0);
  });

  it('stays when time will end it', () => {
    const kept = withTwoAtRest();
    const { spec } = kept.change('c');
    if (spec !== undefined) spec.deleting = true;
    kept.store.commit();
    kept.table.residents.letPass(nobodyHolds);
    expect(kept.inMemory).toEqual(['a', 'b', 'c']);
  });

  it('makes no other leave that came after it under the same id', () => {
    const kept = withTwoAtRest();
    const lost = kept.change('c');
    kept.table.restore(lost, undefined);
    const after = kept.change('c');
    expect(after).not.toBe(lost);
    kept.table.residents.letPass(nobodyHolds);
    expect(kept.partition.find('c')).toBe(after);
    kept.partition.letGo(lost);
    expect(kept.partition.hot.get('c')).toBe(after);
  });

  it('takes the place of one that was not used for long', () => {
    const kept = withTwoAtRest();
    for (let sweep = 0; sweep < 20; sweep++) {
      kept.change('c');
      kept.partition.find('a');
      kept.store.commit();
      kept.table.sweep(nobodyHolds);
    }
    kept.table.residents.letPass(nobodyHolds);
    expect(kept.inMemory).toEqual(['a', 'c']);
  });
});

describe('where no store has them, resources', () => {
  it('stay, and nobody looks at them again', () => {
    const table = new ResourceTable(new MemoryStore(), () => 'durable', 2);
    const partition = table.partition('works', 'c1');
    for (const id of ['a', 'b', 'c', 'd']) {
      table.setOwner(partition.resource(id), 'A');
      table.changed(partition.resource(id));
    }
    table.residents.letPass(nobodyHolds);
    table.sweep(nobodyHolds);
    expect(table.residents.passing).toBe(0);
    expect([...partition.hot.keys()]).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('a resource that has left memory', () => {
  const gone = (kept: Kept): Resource => {
    const passing = kept.change('c');
    kept.store.commit();
    kept.table.residents.letPass(nobodyHolds);
    return passing;
  };

  it('cannot be changed: it would take the place of what others were told since', () => {
    const kept = withTwoAtRest();
    const before = gone(kept);
    expect(() => kept.table.changed(before)).toThrow(
      'resource c of works on cluster c1 is to be changed as it was before it left memory',
    );
    kept.change('c');
    expect(() => kept.table.changed(before)).toThrow('before it left memory');
  });

  it('is held as it is now, whatever was seen of it before', () => {
    const kept = withTwoAtRest();
    gone(kept);
    const [, , seen] = [...kept.partition.views()];
    expect(seen?.spec?.position).toBe(3);
    kept.change('c');
    kept.store.commit();
    kept.table.residents.letPass(nobodyHolds);
    expect(kept.inMemory).toEqual(['a', 'b']);
    if (seen === undefined) throw new Error('it was not seen');
    const held = kept.partition.hold(seen);
    expect(held.spec?.position).toBe(4);
    expect(kept.partition.find('c')).toBe(held);
    kept.table.changed(held);
  });

  it('is loaded once to be held, when nothing has changed since it was seen', () => {
    const kept = withTwoAtRest();
    gone(kept);
    const [, , seen] = [...kept.partition.views()];
    if (seen === undefined) throw new Error('it was not seen');
    const { loads } = kept.store;
    expect(kept.partition.hold(seen)).toBe(seen);
    expect(kept.store.loads).toBe(loads);
  });
});
