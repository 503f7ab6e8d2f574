import { describe, expect, it, vi } from 'vitest';
import { DATA_TYPES, publishRequest } from './runner/events.js';
import { World } from './runner/world.js';

const works = DATA_TYPES['works'] ?? '';

describe('keys that are held', () => {
  it('cost nothing where others are delivered, and nothing as time passes', () => {
    let written = 0;
    const world = new World({}, { wrote: () => (written += 1), ended: () => {}, noted: () => {} });
    let events = 0;
    const publish = (source: string, resourceId: string) => {
      events += 1;
      const type = `${works}.spec.update_request`;
      const version = String(events);
      world.publish(publishRequest({ id: version, source, type, cluster: 'c1', resourceId, version }));
    };
    world.subscribe('c1', { source: '', clusterName: 'c1', dataType: works });
    world.core.hold({ kind: 'source', name: 'A' }, { by: 'op', reason: 'r' }, world.now);
    for (let index = 0; index < 20_000; index += 1) publish('A', `a${index}`);
    const { session } = world.subscriber('c1');
    expect([session?.held.size, session?.dirty.size, written]).toEqual([20_000, 0, 0]);
    const looks = vi.spyOn(world.core.view.holds, 'covers');
    for (let index = 0; index < 100; index += 1) publish('B', `b${index}`);
    expect(written).toBe(100);
    expect(looks.mock.calls.length).toBeLessThanOrEqual(200);
    looks.mockClear();
    world.freeze('c1');
    for (let index = 0; index < 100; index += 1) publish('B', `b${index}`);
    world.wait(5_000);
    world.thaw('c1');
    expect(written).toBe(200);
    expect(looks.mock.calls.length).toBeLessThanOrEqual(400);
    world.core.release({ kind: 'source', name: 'A' }, 'op', world.now);
    expect([session?.held.size, written]).toEqual([0, 20_200]);
  });
});
