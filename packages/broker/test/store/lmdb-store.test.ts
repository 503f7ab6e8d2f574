import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SILENT } from 'ce-broker-proto';
import { afterEach, describe, expect, it } from 'vitest';
import { DataTypePolicies } from '../../src/access/data-type-policy.js';
import { ANONYMOUS } from '../../src/access/identity.js';
import { BrokerCore } from '../../src/core/broker-core.js';
import type { CoreOptions } from '../../src/core/options.js';
import type { OpenStore } from '../../src/state/event-store.js';
import { type LmdbOptions, lmdbStore } from '../../src/store/index.js';
import { DATA_TYPES, type EventFields, publishRequest } from '../runner/events.js';
import { printDelivery } from '../runner/print.js';
import { Subscriber } from '../runner/world.js';

const works = DATA_TYPES['works'] ?? '';
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ce-broker-store-'));
  folders.push(folder);
  return folder;
}

/** A core over a store of real files. */
class Kept {
  readonly core: BrokerCore;
  readonly store: OpenStore;
  readonly out: string[] = [];

  private constructor(store: OpenStore, options: Partial<CoreOptions>) {
    this.store = store;
    this.core = new BrokerCore({
      store,
      clock: () => Date.now(),
      policies: new DataTypePolicies(),
      options: { history: 3, ...options },
      port: { wake: () => {}, newId: () => crypto.randomUUID(), note: () => {} },
    });
  }

  static async open(
    dataDir: string,
    options: Partial<CoreOptions> = {},
    settings: Partial<LmdbOptions> = {},
  ): Promise<Kept> {
    return new Kept(await lmdbStore({ dataDir, ...settings }).open({ logger: SILENT }), options);
  }

  /** Resolves with the answer: `ok`, or the message. */
  publish(fields: Partial<EventFields> & { readonly verb?: string }): Promise<string> {
    const { verb = 'update', ...rest } = fields;
    const request = publishRequest({
      id: crypto.randomUUID(),
      source: 'A',
      type: `${works}.spec.${verb}_request`,
      cluster: 'c1',
      ...rest,
    });
    return new Promise((resolve) => {
      const call = { reply: () => resolve('ok'), fail: (_: number, message: string) => resolve(message) };
      this.core.publish(call, request, ANONYMOUS, Date.now());
    });
  }

  subscribe(clusterName: string): void {
    const subscriber = new Subscriber(
      clusterName,
      (who, message) => this.out.push(printDelivery(who.label, message)),
      () => {},
    );
    this.core.subscribe(subscriber, { source: '', clusterName, dataType: works }, ANONYMOUS, Date.now());
  }

  async resync(cluster: string, listed: [string, string][] = []): Promise<string[]> {
    const data = {
      resourceVersions: listed.map(([resourceID, resourceVersion]) => ({
        resourceID,
        resourceVersion: Number(resourceVersion),
      })),
    };
    this.out.length = 0;
    await this.publish({
      type: `${works}.spec.resync_request`,
      cluster,
      source: `${cluster}-agent`,
      originalSource: '',
      data,
    });
    while (this.core.runJobs(Date.now())) {}
    return this.out.splice(0).sort();
  }
}

describe('a store of real files', () => {
  it('knows who gave what to whom, and who is gone, however long their names are', async () => {
    const folder = newFolder();
    const long = 'A'.repeat(4_000);
    const first = await Kept.open(folder);
    await first.publish({ verb: 'create', resourceId: 'a', version: '1', source: long });
    await first.publish({ verb: 'create', resourceId: 'b', version: '1', source: `${long}2`, cluster: 'c2' });
    const { core } = first;
    const how = { by: 'op', dryRun: false, now: () => Date.now() };
    for (const step of core.custody({ source: long }, { kind: 'adopt', to: 'B' }, how)) void step;
    for (const step of core.custody({ source: `${long}2` }, { kind: 'forget' }, how)) void step;
    expect(core.view.table.find(works, 'c1')?.find('a')?.owner).toBe('B');
    await first.store.close();
    const { core: again, store } = await Kept.open(folder);
    const { adoptions, table } = again.view;
    expect(table.find(works, 'c1')?.find('a')?.owner).toBe('B');
    expect(adoptions.heirOf(long, 'B')).toBe('B');
    expect(adoptions.isRetired(`${long}2`)).toBe(true);
    adoptions.returned(`${long}2`);
    await store.close();
    const { core: third, store: last } = await Kept.open(folder);
    expect(third.view.adoptions.isRetired(`${long}2`)).toBe(false);
    await last.close();
  });

  it('has every acknowledged event after a restart: owners, deletions, positions, versions', async () => {
    const folder = newFolder();
    const first = await Kept.open(folder);
    const answers = await Promise.all([
      first.publish({ verb: 'create', resourceId: 'a', version: '1' }),
      first.publish({ resourceId: 'a', version: '2', data: { n: 2 } }),
      first.publish({ verb: 'create', resourceId: 'b', version: '1' }),
      first.publish({ verb: 'delete', resourceId: 'b', version: '1', deletedAt: Date.now() }),
      first.publish({ verb: 'create', resourceId: 'c', version: '1', cluster: 'c2' }),
    ]);
    expect(answers).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
    const { position } = first.core.view;
    await first.store.close();
    expect(statSync(join(folder, 'data.mdb')).mode & 0o777).toBe(0o600);

    const second = await Kept.open(folder);
    expect(second.core.view.position).toBeGreaterThanOrEqual(position);
    expect(second.store.epoch).toBe(first.store.epoch);
    second.subscribe('c1');
    expect(await second.resync('c1')).toEqual([
      'c1 gets delete c1/b v1 from A deletion',
      'c1 gets update c1/a v2 from A',
    ]);
    expect(await second.publish({ resourceId: 'a', version: '3', source: 'B' })).toContain(
      'belongs to source A',
    );
    expect(await second.publish({ resourceId: 'a', version: '2' })).toBe('ok');
    expect(second.core.view.counters.stale).toBe(1);
    await second.store.close();
  });

  it('has them also when it is not closed, and settles what the journal held', async () => {
    const folder = newFolder();
    const first = await Kept.open(folder, {}, { settleAt: 50 });
    const names = Array.from({ length: 400 }, (_, index) => `r${index}`);
    for (const version of ['1', '2', '3']) {
      await Promise.all(names.map((resourceId) => first.publish({ resourceId, version })));
    }
    // As a kill would leave it: what is in the file, and nothing else.
    const left = newFolder();
    copyFileSync(join(folder, 'data.mdb'), join(left, 'data.mdb'));
    await first.store.close();
    const second = await Kept.open(left, {}, { settleAt: 50 });
    second.subscribe('c1');
    const got = await second.resync('c1');
    expect(got).toEqual(names.map((name) => `c1 gets update c1/${name} v3 from A`).sort());
    await second.store.close();
  });

  it('is walked over several turns while things change: what stays comes exactly once', async () => {
    const kept = await Kept.open(newFolder(), { mostAtRest: 0 }, { settleAt: 20 });
    const names = Array.from({ length: 300 }, (_, index) => `r${String(index).padStart(3, '0')}`);
    await Promise.all(names.map((resourceId) => kept.publish({ resourceId, version: '1' })));
    for (let tick = 1; tick <= 10; tick++) {
      kept.core.tick(Date.now() + tick * 10_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const partition = kept.core.view.table.find(works, 'c1');
    expect(partition?.hot.size).toBeLessThan(300);
    const seen: string[] = [];
    for (const { id } of partition?.views() ?? []) {
      seen.push(id);
      if (seen.length % 50 === 0) {
        const changed = names.filter((_, index) => index % 7 === 0);
        await Promise.all(
          changed.map((resourceId) => kept.publish({ resourceId, version: String(seen.length) })),
        );
        kept.core.tick(Date.now() + 200_000 + seen.length * 10_000);
      }
    }
    expect(seen.sort()).toEqual(names);
    await kept.store.close();
  });

  it('keeps types whose policy is latest in memory, and goes on above their positions', async () => {
    const folder = newFolder();
    const first = await Kept.open(folder);
    const type = `${DATA_TYPES['leases']}.spec.update_request`;
    expect(await first.publish({ resourceId: 'a', version: '1' })).toBe('ok');
    expect(await first.publish({ type, resourceId: 'lease', version: '1' })).toBe('ok');
    const { position } = first.core.view;
    await first.store.close();
    const second = await Kept.open(folder);
    expect(second.core.view.position).toBeGreaterThan(position);
    expect([...second.core.view.table.all()].map(({ size }) => size)).toEqual([1]);
    await second.store.close();
  });

  it('is not opened over a damaged journal, and the refusal says where and what to do', async () => {
    const folder = newFolder();
    const first = await Kept.open(folder);
    for (const resourceId of ['a', 'b', 'c']) expect(await first.publish({ resourceId })).toBe('ok');
    const left = newFolder();
    const bytes = readFileSync(join(folder, 'data.mdb'));
    await first.store.close();
    // The id stands in the event, and in the journal behind the head's kind and partition.
    const journaled = Buffer.from([1, 1, 1, 0x62]);
    let found = 0;
    for (let at = bytes.indexOf(journaled); at >= 0; at = bytes.indexOf(journaled, at + 1)) {
      bytes[at + 3] = 0x7a;
      found += 1;
    }
    expect(found).toBeGreaterThan(0);
    writeFileSync(join(left, 'data.mdb'), bytes);
    const refused = Kept.open(left);
    await expect(refused).rejects.toMatchObject({ code: 'data_loss' });
    await expect(refused).rejects.toThrow(left);
    await expect(refused).rejects.toThrow('restore a backup, or move the folder away');
  });
});
