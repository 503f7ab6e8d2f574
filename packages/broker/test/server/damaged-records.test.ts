import { CeBrokerError, encodeEvent, encodePublishRequest } from 'ce-broker-proto';
import { expect, it } from 'vitest';
import { DataTypePolicies } from '../../src/access/data-type-policy.js';
import { ANONYMOUS } from '../../src/access/identity.js';
import { BrokerCore } from '../../src/core/index.js';
import { historyOf } from '../../src/server/admin/history.js';
import { StateRows } from '../../src/server/admin/state-rows.js';
import { traceOf } from '../../src/server/admin/trace-rows.js';
import { processClock } from '../../src/server/clock.js';
import type { StoredBytes } from '../../src/state/event-store.js';
import { MemoryStore } from '../../src/state/memory-store.js';
import { eventOf } from './support/running.js';

/** Stands in for a disk that gives back something else than was written: where that happens cannot be chosen on a real one. */
class DamagedStore extends MemoryStore {
  damaged = 0;

  override read(stored: StoredBytes): Uint8Array {
    if (stored.position !== this.damaged) return super.read(stored);
    throw new CeBrokerError('data_loss', 'the record does not have the checksum that it was written with');
  }
}

it('a damaged record is said to be one, and the rest of the resource is shown', async () => {
  const store = new DamagedStore();
  const core = new BrokerCore({
    store,
    port: { wake: () => undefined, newId: () => 'id', note: () => undefined },
    policies: new DataTypePolicies(),
    options: { history: 5 },
    clock: () => processClock.now(),
  });
  for (let version = 1; version <= 3; version += 1) {
    const request = encodePublishRequest(encodeEvent(eventOf({ resourceId: 'a', version, data: '{}' })));
    const call = { reply: () => undefined, fail: (_: number, message: string) => expect.fail(message) };
    core.publish(call, request, ANONYMOUS, processClock.now());
  }
  const rows = new StateRows(core.view, processClock);
  const nowhere = { cluster: undefined, source: undefined, type: undefined };
  const [resource] = await rows.found('a', nowhere);
  if (resource === undefined) return expect.fail('it is there');

  store.damaged = 2;
  const { specs } = await historyOf(core.view, resource);
  expect(specs.map(({ version, damaged, changes }) => [version, damaged, changes === null])).toEqual([
    [3, false, true],
    [0, true, true],
    [1, false, true],
  ]);
  expect(traceOf(core.view, rows, resource).spec).toMatchObject({
    version: 3,
    superseded: [{ version: null }, { version: 1 }],
  });

  store.damaged = 3;
  expect(traceOf(core.view, rows, resource).spec).toMatchObject({ version: 3, eventId: null, action: null });
  expect(rows.detail(resource)).toMatchObject({ spec: { version: 3 }, specEvent: null });
});
