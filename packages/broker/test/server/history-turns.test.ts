import { encodeEvent, encodePublishRequest } from 'ce-broker-proto';
import { expect, it } from 'vitest';
import { DataTypePolicies } from '../../src/access/data-type-policy.js';
import { ANONYMOUS } from '../../src/access/identity.js';
import { BrokerCore } from '../../src/core/index.js';
import { historyOf } from '../../src/server/admin/history.js';
import { processClock } from '../../src/server/clock.js';
import { MemoryStore } from '../../src/state/memory-store.js';
import { eventOf } from './support/running.js';

it('a version that is forgotten while the history is read is left out, and no other event stands in for it', async () => {
  const core = new BrokerCore({
    store: new MemoryStore(),
    port: { wake: () => undefined, newId: () => 'id', note: () => undefined },
    policies: new DataTypePolicies(),
    options: { history: 3 },
    clock: () => processClock.now(),
  });
  const publish = (resourceId: string, version: number): void => {
    const data = JSON.stringify({ of: resourceId, version });
    const request = encodePublishRequest(encodeEvent(eventOf({ resourceId, version, data })));
    const call = { reply: () => undefined, fail: (_: number, message: string) => expect.fail(message) };
    core.publish(call, request, ANONYMOUS, processClock.now());
  };
  for (let version = 1; version <= 3; version += 1) publish('a', version);
  const [partition] = [...core.view.table.all()];
  const resource = partition?.find('a');
  if (resource === undefined) return expect.fail('it is there');

  const read = historyOf(core.view, resource);
  publish('a', 4);
  publish('other', 77);
  const { specs } = await read;

  expect(specs.map(({ version }) => version)).toEqual([3, 2]);
  expect(JSON.stringify(specs)).not.toContain('other');
});
