import { describe, expect, it } from 'vitest';
import { ANONYMOUS } from '../src/access/identity.js';
import { DATA_TYPES, publishRequest } from './runner/events.js';
import { printDelivery } from './runner/print.js';
import { Disk, SimulatedStore } from './runner/simulated-store.js';
import { World } from './runner/world.js';

/** A resource that was deleted and created again while its agent was away, over a disk that writes when the test says so. */
function start(dataType: string) {
  const disk = new Disk();
  const out: string[] = [];
  let store = new SimulatedStore(disk);
  const world = new World(
    {},
    {
      wrote: (subscriber, message) => out.push(printDelivery(subscriber.label, message)),
      ended: () => {},
      noted: () => {},
    },
    {
      make: () => {
        store = new SimulatedStore(disk);
        return store;
      },
    },
  );
  let ids = 0;
  const publish = (verb: string, fields: object = {}) => {
    ids += 1;
    const type = `${dataType}.spec.${verb}_request`;
    const deletedAt = verb === 'delete' ? world.now : undefined;
    const event = { id: `e${ids}`, source: 'A', type, cluster: 'c1', time: world.now, deletedAt, ...fields };
    world.core.publish({ reply: () => {}, fail: () => {} }, publishRequest(event), ANONYMOUS, world.now);
    world.settle();
  };
  const resync = (versions: Readonly<Record<string, number>>) => {
    const entries = Object.entries(versions);
    const resourceVersions = entries.map(([resourceID, resourceVersion]) => ({
      resourceID,
      resourceVersion,
    }));
    publish('resync', { source: 'c1-agent', originalSource: '', data: { resourceVersions } });
  };
  const agent = () => world.subscribe('c1', { source: '', clusterName: 'c1', dataType });
  const commit = () => store.commit();
  const take = () =>
    out
      .splice(0)
      .filter((line) => line.startsWith('c1 gets') && !line.includes('heartbeat'))
      .map((line) => line.replace(' type bundles', ''));
  for (const verb of ['create', 'delete', 'create']) publish(verb, { resourceId: 'x', version: '1' });
  commit();
  return { world, agent, resync, commit, take };
}

const PRESENT = ['c1 gets create c1/x v1 from A'];

describe('the present life, where the end of the one before is owed to nobody any more', () => {
  for (const name of ['works', 'bundles']) {
    const dataType = DATA_TYPES[name] ?? '';

    it.each(['listed', 'not asked for'])(
      `goes out when that is on disk, and is known after a restart (${name}, %s)`,
      (how) => {
        const { world, agent, resync, commit, take } = start(dataType);
        agent();
        if (how === 'listed') resync({});
        // Whoever says nothing is waited for so long.
        world.wait(how === 'listed' ? 1_000 : 31_000);
        expect(take()).toEqual([]);
        commit();
        expect(take()).toEqual(PRESENT);
        world.restart();
        agent();
        resync({ x: 1 });
        world.wait(1_000);
        expect(take()).toEqual([]);
      },
    );

    it(`has not gone out when the broker stops before: what is listed is the life before (${name})`, () => {
      const { world, agent, resync, take } = start(dataType);
      agent();
      world.wait(31_000);
      world.restart();
      agent();
      resync({ x: 1 });
      expect(take()).toEqual(['c1 gets delete c1/x v1 from A deletion']);
    });
  }
});
