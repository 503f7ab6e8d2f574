import { CeBrokerError } from 'ce-broker-proto';
import { describe, expect, it } from 'vitest';
import { ANONYMOUS } from '../src/access/identity.js';
import type { Core } from '../src/core/core.js';
import { sweep } from '../src/core/sweep.js';
import type { StoredBytes, StoreRefusal } from '../src/state/event-store.js';
import { bundleStatus, DATA_TYPES, publishRequest } from './runner/events.js';
import { Disk, SimulatedStore } from './runner/simulated-store.js';
import { World } from './runner/world.js';

const works = DATA_TYPES['works'] ?? '';
/** Agents write these. */
const registrations = 'cluster.open-cluster-management.io.v1.managedclusters';
const ids = ['v', 'w', 'x', 'y'];
const nobody = { wrote: () => {}, ended: () => {}, noted: () => {} };

/** A disk that may be full, and of which some events are damaged. */
class TroubledStore extends SimulatedStore {
  override refusal: StoreRefusal | undefined = undefined;
  damaged = 0;

  override read(stored: StoredBytes): Uint8Array {
    if (stored.position === this.damaged) throw new CeBrokerError('data_loss', 'damaged');
    return super.read(stored);
  }
}

/** A broker that looks at one resource in a turn; between two turns everything may leave memory. */
class Slow {
  readonly disk = new Disk();
  readonly store = new TroubledStore(this.disk);
  readonly world = new World({ mostAtRest: 0, sliceSize: 1 }, nobody, { make: () => this.store });
  #events = 0;

  publish(fields: Partial<Parameters<typeof publishRequest>[0]>): number[] {
    this.#events += 1;
    const answers: number[] = [];
    const call = { reply: () => void answers.push(0), fail: (code: number) => void answers.push(code) };
    const common = { id: `e${this.#events}`, source: 'A', type: '', cluster: 'c1', time: this.world.now };
    this.world.core.publish(call, publishRequest({ ...common, ...fields }), ANONYMOUS, this.world.now);
    return answers;
  }

  spec(resourceId: string, version: string, verb = 'update'): number[] {
    return this.publish({ type: `${works}.spec.${verb}_request`, resourceId, version });
  }

  status(resourceId: string, sequenceId: string): number[] {
    const about = { originalSource: 'A', resourceId, sequenceId, statusHash: `h${sequenceId}`, version: '1' };
    const type = `${works}.status.update_request`;
    return this.publish({ type, source: 'agent', ...about, data: bundleStatus(false) });
  }

  request(resourceId: string): number[] {
    const type = `${registrations}.spec.update_request`;
    return this.publish({ type, source: 'agent', originalSource: 'A', resourceId });
  }

  /** Everything is committed, and nobody uses it any more. */
  forgetAll(): void {
    this.store.commit();
    for (let turn = 0; turn < 3; turn++) {
      (this.world.core.view as Core).nextSweep = 0;
      sweep(this.world.core.view, this.world.now);
    }
  }

  subscribe(about: { source: string; clusterName: string; dataType: string }): void {
    const outlet = { writableBytes: () => 1 << 20, write: () => {}, end: () => {}, endConnection: () => {} };
    this.world.core.subscribe(outlet, about, ANONYMOUS, this.world.now);
  }

  jobs(most = Number.POSITIVE_INFINITY): void {
    const { core, now } = this.world;
    for (let done = 0; done < most && core.view.jobs.size > 0; done++) core.runJobs(now);
  }

  /** What a broker over the same disk knows. */
  kept(id: string, dataType = works) {
    const after = new World({}, nobody, { make: () => new SimulatedStore(this.disk) });
    return after.core.view.table.find(dataType, 'c1')?.find(id);
  }
}

describe('what takes many turns finds a resource as it is then, when it left memory and changed meanwhile:', () => {
  for (const between of [1, 2, 3, 4, 5, 6]) {
    it(`a status resync, after ${between} turns`, () => {
      const slow = new Slow();
      for (const id of ids) slow.spec(id, '1', 'create');
      for (const id of ids) slow.status(id, '001');
      slow.forgetAll();
      slow.subscribe({ source: 'A', clusterName: '', dataType: works });
      slow.jobs();
      slow.forgetAll();
      slow.publish({ type: `${works}.status.resync_request`, data: { statusHashes: [] } });
      slow.jobs(between);
      const answers = ids.map((id) => slow.spec(id, '2'));
      slow.forgetAll();
      expect(answers).toEqual([[0], [0], [0], [0]]);
      slow.jobs();
      for (const id of ids) slow.status(id, '002');
      slow.forgetAll();
      expect(ids.map((id) => slow.kept(id)?.spec?.version)).toEqual([2n, 2n, 2n, 2n]);
    });

    it(`requests for a source that comes, after ${between} turns`, () => {
      const slow = new Slow();
      for (const id of ids) slow.request(id);
      slow.forgetAll();
      slow.subscribe({ source: 'A', clusterName: '', dataType: registrations });
      slow.jobs(between - 1);
      for (const id of ids) slow.request(id);
      slow.forgetAll();
      slow.jobs();
      const partition = slow.world.core.view.table.partition(registrations, 'c1');
      expect(ids.map((id) => partition.find(id)?.request?.position)).toEqual([5, 6, 7, 8]);
    });
  }

  it('custody that waits for the store', () => {
    const slow = new Slow();
    slow.spec('x', '1', 'create');
    slow.forgetAll();
    const how = { by: 'me', dryRun: false, now: () => slow.world.now };
    const work = slow.world.core.custody({ source: 'A' }, { kind: 'adopt', to: 'B' }, how);
    expect(work.next().value).toBe('step');
    slow.store.refusal = { code: 'resource_exhausted', reason: 'behind', message: 'behind' };
    expect(work.next().value).toBe('wait');
    slow.store.refusal = undefined;
    expect(slow.spec('x', '2')).toEqual([]);
    slow.forgetAll();
    while (work.next().done !== true);
    slow.forgetAll();
    expect(slow.kept('x')).toMatchObject({ owner: 'B', spec: { version: 2n } });
  });

  it('a damaged event that is dropped when its turn comes', () => {
    const slow = new Slow();
    slow.spec('x', '1', 'create');
    slow.forgetAll();
    slow.subscribe({ source: '', clusterName: 'c1', dataType: works });
    slow.jobs();
    slow.forgetAll();
    slow.store.damaged = 1;
    const ask = { source: 'agent', originalSource: '', data: { resourceVersions: [] } };
    slow.publish({ type: `${works}.spec.resync_request`, ...ask });
    slow.jobs(1);
    expect([...slow.world.core.view.jobs.keys()].filter((key) => key.startsWith('damaged'))).toHaveLength(1);
    slow.forgetAll();
    slow.spec('x', '2');
    slow.jobs();
    slow.forgetAll();
    expect(slow.kept('x')?.spec?.version).toBe(2n);
  });
});

it('what comes where there is room for no more leaves memory with the commit', () => {
  const slow = new Slow();
  for (let index = 0; index < 600; index++) slow.spec(`r${index}`, '1', 'create');
  const partition = slow.world.core.view.table.partition(works, 'c1');
  expect(partition.hot.size).toBe(600);
  slow.store.commit();
  expect(partition.hot.size).toBe(0);
  expect(partition.size).toBe(600);
  expect(slow.kept('r599')?.spec?.version).toBe(1n);
});
