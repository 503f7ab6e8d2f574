import { expect, it } from 'vitest';
import { DataTypePolicies } from '../../src/access/data-type-policy.js';
import { ANONYMOUS } from '../../src/access/identity.js';
import { BrokerCore } from '../../src/core/broker-core.js';
import { processClock } from '../../src/server/clock.js';
import { BrokerCustody } from '../../src/server/custody.js';
import type { StoreStats } from '../../src/state/event-store.js';
import { DATA_TYPES, publishRequest } from '../runner/events.js';
import { Disk, SimulatedStore } from '../runner/simulated-store.js';

/** Counts what it loses, as the real one does. */
class Losing extends SimulatedStore {
  #lost = 0;

  get stats(): StoreStats {
    return { failedGroups: new Map([['disk_full', this.#lost]]) } as unknown as StoreStats;
  }

  override setEntry(key: string, value: string | undefined): void {
    super.setEntry(key, value);
    Object.assign(this, { hasUnsavedEntries: true });
  }

  override commit(): void {
    Object.assign(this, { hasUnsavedEntries: false });
    super.commit();
  }

  override fail(): void {
    this.#lost += 1;
    super.fail();
  }
}

it('says that the disk did not take it, and what was lost is as it was', async () => {
  const store = new Losing(new Disk());
  const core = new BrokerCore({
    store,
    clock: () => processClock.now(),
    policies: new DataTypePolicies(),
    port: { wake: () => {}, newId: () => crypto.randomUUID(), note: () => {} },
  });
  for (const resourceId of ['a', 'b']) {
    const type = `${DATA_TYPES['works']}.spec.create_request`;
    const request = publishRequest({
      id: resourceId,
      source: 'A',
      type,
      cluster: 'c1',
      resourceId,
      version: '1',
    });
    core.publish({ reply: () => {}, fail: () => {} }, request, ANONYMOUS, processClock.now());
  }
  store.commit();
  const custody = new BrokerCustody(core, processClock);
  const known = () => [...core.view.table.all()].reduce((sum, { size }) => sum + size, 0);
  const done = custody.run({ source: 'A' }, { kind: 'forget' }, 'op', true);
  await expect.poll(known).toBe(0);
  store.fail();
  store.commit();
  await expect(done).rejects.toMatchObject({ code: 'unavailable' });
  expect(known()).toBe(2);
  const again = custody.run({ source: 'A' }, { kind: 'forget' }, 'op', true);
  await expect.poll(known).toBe(0);
  store.commit();
  expect(await again).toMatchObject({ resources: 2, dryRun: false });
});
