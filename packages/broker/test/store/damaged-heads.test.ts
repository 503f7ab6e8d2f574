import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SILENT } from 'ce-broker-proto';
import { afterEach, describe, expect, it } from 'vitest';
import { DataTypePolicies } from '../../src/access/data-type-policy.js';
import { ANONYMOUS } from '../../src/access/identity.js';
import { BrokerCore } from '../../src/core/broker-core.js';
import type { CoreOptions } from '../../src/core/options.js';
import type { CoreNote } from '../../src/core/port.js';
import type { OpenStore } from '../../src/state/event-store.js';
import { openDatabases } from '../../src/store/databases.js';
import { lmdbStore } from '../../src/store/index.js';
import { idOfKey } from '../../src/store/layout.js';
import { DATA_TYPES, type EventFields, publishRequest } from '../runner/events.js';
import { printDelivery } from '../runner/print.js';
import { Subscriber } from '../runner/world.js';

const works = DATA_TYPES['works'] ?? '';
const bundles = DATA_TYPES['bundles'] ?? '';
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A core over a store of real files. */
class Kept {
  readonly core: BrokerCore;
  readonly store: OpenStore;
  readonly out: string[] = [];
  readonly notes: CoreNote[] = [];
  readonly dataType: string;

  private constructor(store: OpenStore, dataType: string, options: Partial<CoreOptions>) {
    this.store = store;
    this.dataType = dataType;
    this.core = new BrokerCore({
      store,
      clock: () => Date.now(),
      policies: new DataTypePolicies(),
      options,
      port: { wake: () => {}, newId: () => crypto.randomUUID(), note: (note) => this.notes.push(note) },
    });
  }

  static async open(dataDir: string, dataType: string, options: Partial<CoreOptions> = {}): Promise<Kept> {
    return new Kept(await lmdbStore({ dataDir }).open({ logger: SILENT }), dataType, options);
  }

  publish(verb: string, fields: Partial<EventFields>): Promise<string> {
    const type = `${this.dataType}.spec.${verb}`;
    const request = publishRequest({ id: crypto.randomUUID(), source: 'A', type, cluster: 'c1', ...fields });
    return new Promise((resolve) => {
      const call = { reply: () => resolve('ok'), fail: (_: number, message: string) => resolve(message) };
      this.core.publish(call, request, ANONYMOUS, Date.now());
    });
  }

  subscribe(source: string, clusterName: string): void {
    const subscriber = new Subscriber(
      source + clusterName,
      (who, message) => this.out.push(printDelivery(who.label, message)),
      () => {},
    );
    this.core.subscribe(subscriber, { source, clusterName, dataType: this.dataType }, ANONYMOUS, Date.now());
  }

  async resync(listed: Readonly<Record<string, number>>): Promise<void> {
    const resourceVersions = Object.entries(listed).map(([resourceID, resourceVersion]) => ({
      resourceID,
      resourceVersion,
    }));
    await this.publish('resync_request', {
      source: 'c1-agent',
      originalSource: '',
      data: { resourceVersions },
    });
  }

  /** What has gone out so far, without the name of the type. */
  take(): string[] {
    while (this.core.runJobs(Date.now())) {}
    return this.out.splice(0).map((line) => line.replace(' type bundles', ''));
  }

  find(id: string) {
    return this.core.view.table.find(this.dataType, 'c1')?.find(id);
  }
}

/** A store that knows three resources of two sources, all of them with the agent; what it knows of x is not what was written. */
async function damagedStore(dataType: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'ce-broker-store-'));
  folders.push(folder);
  const kept = await Kept.open(folder, dataType);
  for (const [source, resourceId] of [
    ['A', 'x'],
    ['A', 'y'],
    ['B', 'z'],
  ] as const)
    expect(await kept.publish('create_request', { source, resourceId, version: '3' })).toBe('ok');
  await kept.store.close();
  const databases = openDatabases(folder);
  let found = 0;
  for (const { key, value } of [...databases.heads.getRange({})]) {
    if (idOfKey(key) !== 'x') continue;
    found += 1;
    const other = Buffer.from(value);
    other[other.byteLength - 1] = (other.at(-1) ?? 0) ^ 1;
    await databases.heads.put(key, other);
  }
  expect(found).toBe(1);
  await databases.root.close();
  return folder;
}

const held = { x: 3, y: 3, z: 3 };

describe('what is known of a resource, when it is damaged', () => {
  for (const dataType of [works, bundles]) {
    for (const orphans of ['withhold', 'forward'] as const) {
      const what = `${dataType === works ? 'works' : 'bundles'}, orphans: ${orphans}`;
      it(`costs no live resource: whoever has it says it again, and no other source is asked about it (${what})`, async () => {
        const kept = await Kept.open(await damagedStore(dataType), dataType, { orphans });
        kept.subscribe('', 'c1');
        await kept.resync(held);
        kept.take();
        expect(kept.notes).toContainEqual(expect.objectContaining({ kind: 'damaged', resourceId: 'x' }));
        kept.subscribe('B', '');
        kept.subscribe('A', '');
        await kept.resync(held);
        const said = kept.take();
        // Lists that were put off, since their source was asked a moment before.
        kept.core.tick(Date.now() + 11_000);
        said.push(...kept.take());
        expect(said.filter((line) => line.includes(' deletion'))).toEqual([]);
        expect(said.filter((line) => line.startsWith('A is asked for the specs'))).toContain(
          'A is asked for the specs of A on c1: y v3',
        );
        expect(said.filter((line) => line.startsWith('B is asked for the specs'))).toContain(
          'B is asked for the specs of B on c1: z v3',
        );
        // A source deletes what is listed and it does not have.
        expect(said.filter((line) => /asked for the specs.* x /.test(line))).toEqual([]);
        // A Go source sends what is not listed.
        expect(await kept.publish('resync_response', { resourceId: 'x', version: '3' })).toBe('ok');
        expect(kept.find('x')?.owner).toBe('A');
        kept.take();
        await kept.resync(held);
        expect(kept.take().filter((line) => line.startsWith('c1 gets'))).toEqual([]);
        expect(kept.core.view.table.find(dataType, 'c1')?.orphans.size).toBe(0);
        expect(
          await kept.publish('update_request', { source: 'B', resourceId: 'x', version: '4' }),
        ).toContain('belongs to source A');
        await kept.store.close();
      });
    }
  }

  it('is known again from a status: it names the source', async () => {
    const kept = await Kept.open(await damagedStore(bundles), bundles);
    kept.subscribe('', 'c1');
    const status = { source: 'c1-agent', originalSource: 'A', resourceId: 'x', version: '3' };
    const type = `${bundles}.status.update_request`;
    expect(await kept.publish('', { ...status, type, data: {} })).toBe('ok');
    expect(kept.find('x')?.owner).toBe('A');
    await kept.resync(held);
    kept.take();
    kept.subscribe('A', '');
    // Nothing is known of its spec: what is not listed is sent.
    expect(kept.take()).toContain('A is asked for the specs of A on c1: y v3');
    await kept.store.close();
  });
});
