import { decodeEvent, readResourceId } from 'ce-broker-proto';
import { expect, it } from 'vitest';
import { DATA_TYPES, publishRequest } from '../runner/events.js';
import { World } from '../runner/world.js';

const { works: dataType = '' } = DATA_TYPES;

it('what was released while the discard was at work is not wanted again: the agents have its deletion', () => {
  const taken: string[] = [];
  const world = new World(
    { massDeletion: { share: 0.4, withinMs: 600_000, least: 1 } },
    {
      wrote: (_, bytes) => {
        const event = decodeEvent(bytes);
        taken.push(
          `${readResourceId(event)} ${event.extensions.has('deletiontimestamp') ? 'deletion' : 'spec'}`,
        );
      },
      ended: () => {},
      noted: () => {},
    },
  );
  const publish = (resourceId: string, version: number, deleted = false): void => {
    const request = publishRequest({
      id: world.newId(),
      source: 'A',
      type: `${dataType}.spec.${deleted ? 'delete' : 'create'}_request`,
      cluster: 'c1',
      resourceId,
      version: String(version),
      deletedAt: deleted ? world.now : undefined,
      data: { version },
    });
    expect(world.publish(request)).toEqual({ code: 0, message: '' });
  };
  world.subscribe('c1', { source: '', clusterName: 'c1', dataType });
  for (const id of ['a', 'b', 'c', 'd']) publish(id, 1);
  for (const id of ['a', 'b', 'c', 'd']) publish(id, 2, true);
  taken.length = 0;

  const work = world.core.discard({ cluster: 'c1' }, { by: 'ann', now: () => world.now });
  while (taken.length === 0) work.next();
  expect(taken).toEqual(['b spec']);
  world.core.releaseDeletions('c1', 'bob', world.now);
  expect(taken).toEqual(['b spec', 'c deletion', 'd deletion']);
  let last = work.next();
  while (last.done !== true) last = work.next();

  expect(taken).toEqual(['b spec', 'c deletion', 'd deletion']);
  expect(last.value).toEqual({ discarded: 1, left: 0 });
});
