import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ANONYMOUS } from '../src/access/identity.js';
import { encodeResource } from '../src/state/resource-codec.js';
import { bundleStatus, DATA_TYPES, publishRequest } from './runner/events.js';
import { Disk, SimulatedStore } from './runner/simulated-store.js';
import { World } from './runner/world.js';

const bundles = DATA_TYPES['bundles'] ?? '';
const nobody = { wrote: () => {}, ended: () => {}, noted: () => {} };

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('create', 'update', 'delete', 'applied', 'deleted'),
      id: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('commit') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart') }) },
);
type Step = { readonly kind: string; readonly id?: number };

class History {
  readonly #disk = new Disk();
  #store = new SimulatedStore(this.#disk);
  readonly #world = new World({ history: 3 }, nobody, {
    make: () => {
      this.#store = new SimulatedStore(this.#disk);
      return this.#store;
    },
  });
  readonly #waiting: string[] = [];
  #events = 0;
  #versions = 1;

  play({ id = 0, kind }: Step): void {
    if (kind === 'commit') this.#store.commit();
    else if (kind === 'fail') {
      this.#store.fail();
      this.compare();
    } else if (kind === 'restart') {
      this.#waiting.length = 0;
      this.#world.restart();
    } else this.#publish(kind, `r${id}`);
    if (kind === 'commit' || kind === 'fail') expect(this.#waiting).toEqual([]);
  }

  /** What the broker knows is what a broker knows that is started from the same disk. */
  compare(): void {
    const fresh = new World({ history: 3 }, nobody, { make: () => new SimulatedStore(this.#disk) });
    expect(describeCore(this.#world)).toEqual(describeCore(fresh));
  }

  #publish(kind: string, resourceId: string): void {
    this.#events += 1;
    this.#versions += 1;
    this.#world.now += 1000;
    const isStatus = kind === 'applied' || kind === 'deleted';
    const request = publishRequest({
      id: `e${this.#events}`,
      source: isStatus ? 'agent' : 'A',
      originalSource: isStatus ? 'A' : undefined,
      type: isStatus ? `${bundles}.status.update_request` : `${bundles}.spec.${kind}_request`,
      cluster: 'c1',
      resourceId,
      time: this.#world.now,
      version: kind === 'create' ? '1' : String(this.#versions),
      deletedAt: kind === 'delete' ? this.#world.now : undefined,
      data: isStatus ? bundleStatus(kind === 'deleted') : {},
    });
    const key = `e${this.#events}`;
    const done = () => this.#waiting.splice(this.#waiting.indexOf(key), 1);
    this.#waiting.push(key);
    this.#world.core.publish({ reply: done, fail: done }, request, ANONYMOUS, this.#world.now);
  }
}

function describeCore({ core }: World): unknown {
  const { store, table } = core.view;
  const partitions = [...table.all()].map((partition) => ({
    size: partition.size,
    owned: [...partition.owned].sort(),
    resources: [...partition.views()]
      .map(({ id }) => {
        const resource = partition.find(id);
        return [id, resource === undefined ? '' : encodeResource(resource)?.toString('base64')];
      })
      .sort(),
    readable: [...partition.views()].every(
      ({ spec }) => spec === undefined || store.read(spec.stored).byteLength > 0,
    ),
  }));
  const ids = (resources: Iterable<{ readonly id: string }>) => [...resources].map(({ id }) => id).sort();
  return {
    partitions: partitions.filter(({ size }) => size > 0),
    tombstones: ids(table.tombstones),
    graves: ids(table.graves),
    farewells: ids(table.farewells),
  };
}

describe('a group that the store loses', () => {
  it('leaves nothing behind: the broker knows what the disk knows, and every Publish is answered', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const history = new History();
        for (const one of steps) history.play(one as Step);
        history.play({ kind: 'commit' });
        history.compare();
      }),
      { numRuns: 300, seed: 5 },
    );
  });
});
