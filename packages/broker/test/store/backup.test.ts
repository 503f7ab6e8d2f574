import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SILENT } from 'ce-broker-proto';
import { afterEach, describe, expect, it } from 'vitest';
import { DataTypePolicies } from '../../src/access/data-type-policy.js';
import { ANONYMOUS } from '../../src/access/identity.js';
import { BrokerCore } from '../../src/core/broker-core.js';
import type { OpenStore } from '../../src/state/event-store.js';
import { backupDirectory } from '../../src/store/backup-directory.js';
import { lmdbStore } from '../../src/store/index.js';
import { restoreBackup } from '../../src/store/restore.js';
import { DATA_TYPES, publishRequest } from '../runner/events.js';

const works = DATA_TYPES['works'] ?? '';
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ce-broker-backup-'));
  folders.push(folder);
  return folder;
}

async function open(dataDir: string): Promise<{ core: BrokerCore; store: OpenStore; notes: string[] }> {
  const store = await lmdbStore({ dataDir, settleAt: 200 }).open({ logger: SILENT });
  const notes: string[] = [];
  const core = new BrokerCore({
    store,
    clock: () => Date.now(),
    policies: new DataTypePolicies(),
    options: { history: 3 },
    port: { wake: () => {}, newId: () => crypto.randomUUID(), note: ({ kind }) => notes.push(kind) },
  });
  return { core, store, notes };
}

function publish(core: BrokerCore, resourceId: string, version: number): Promise<void> {
  const request = publishRequest({
    id: crypto.randomUUID(),
    source: 'A',
    type: `${works}.spec.update_request`,
    cluster: `c${resourceId.length % 3}`,
    resourceId,
    version: String(version),
    data: { text: 'x'.repeat(500), version },
  });
  return new Promise((resolve, reject) => {
    const call = { reply: () => resolve(), fail: (_: number, message: string) => reject(new Error(message)) };
    core.publish(call, request, ANONYMOUS, Date.now());
  });
}

async function save(pieces: AsyncIterable<Uint8Array>, file: string): Promise<void> {
  writeFileSync(file, '');
  for await (const piece of pieces) appendFileSync(file, piece);
}

function newest(core: BrokerCore): Map<string, bigint> {
  const found = new Map<string, bigint>();
  for (const partition of core.view.table.all()) {
    for (const { id, spec } of partition.views()) {
      if (spec === undefined) continue;
      expect(core.view.store.read(spec.stored).byteLength).toBe(spec.stored.size);
      found.set(id, spec.version);
    }
  }
  return found;
}

describe('a backup', () => {
  it('is consistent while the store is written, and has everything that was acknowledged before it began', async () => {
    const folder = newFolder();
    const { core, store } = await open(join(folder, 'data'));
    const acknowledged = new Map<string, number>();
    let stop = false;
    const writers = Array.from({ length: 16 }, async (_, writer) => {
      for (let n = 0; !stop; n++) {
        const id = `r${writer}-${n % 50}`;
        const version = Math.floor(n / 50) + 1;
        await publish(core, id, version);
        acknowledged.set(id, version);
      }
    });
    while (acknowledged.size < 800) await new Promise((resolve) => setImmediate(resolve));
    const before = new Map(acknowledged);
    const file = join(folder, 'one.backup');
    if (store.backup === undefined) throw new Error('no backup');
    await save(store.backup(), file);
    stop = true;
    await Promise.all(writers);
    await store.close();
    expect(readdirSync(join(folder, 'data')).filter((name) => name.startsWith('backup'))).toEqual([]);

    const restored = await restoreBackup(file, join(folder, 'restored'));
    expect(restored.header.epoch).toBe(store.epoch);
    expect(restored.epoch).not.toBe(store.epoch);
    expect(statSync(join(folder, 'restored', 'data.mdb')).mode & 0o777).toBe(0o600);
    const again = await open(join(folder, 'restored'));
    expect(again.store.epoch).toBe(restored.epoch);
    expect(again.notes).toEqual(['reconciling']);
    expect(again.store.lastPosition).toBeGreaterThan(restored.header.position);
    const found = newest(again.core);
    for (const [id, version] of before) expect(Number(found.get(id))).toBeGreaterThanOrEqual(version);
    await again.store.close();
  });

  it('that nobody waits for any more, or whose store is closed meanwhile, leaves nothing behind', async () => {
    const folder = newFolder();
    const { core, store } = await open(join(folder, 'data'));
    await Promise.all(Array.from({ length: 300 }, (_, n) => publish(core, `r${n}`, 1)));
    if (store.backup === undefined) throw new Error('no backup');
    const one = store.backup()[Symbol.asyncIterator]();
    await one.next();
    await expect(store.backup()[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'failed_precondition',
    });
    await one.return?.();
    const two = store.backup()[Symbol.asyncIterator]();
    await two.next();
    const rest = two.next().catch(() => undefined);
    await store.close();
    await rest;
    await two.return?.();
    expect(readdirSync(join(folder, 'data')).filter((name) => name.startsWith('backup'))).toEqual([]);
  });

  it('is made of a data directory at rest; the copy is the same, and a restored store can be backed up too', async () => {
    const folder = newFolder();
    const { core, store } = await open(join(folder, 'data'));
    for (const id of ['a', 'bb', 'ccc']) await publish(core, id, 1);
    await expect(save(backupDirectory(join(folder, 'data')), join(folder, 'x'))).rejects.toMatchObject({
      code: 'failed_precondition',
    });
    await store.close();
    await save(backupDirectory(join(folder, 'data')), join(folder, 'one.backup'));
    await restoreBackup(join(folder, 'one.backup'), join(folder, 'two'));
    await save(backupDirectory(join(folder, 'two')), join(folder, 'two.backup'));
    await restoreBackup(join(folder, 'two.backup'), join(folder, 'three'));
    const { core: third, store: last } = await open(join(folder, 'three'));
    expect(newest(third)).toEqual(
      new Map([
        ['a', 1n],
        ['bb', 1n],
        ['ccc', 1n],
      ]),
    );
    await last.close();
    await expect(save(backupDirectory(join(folder, 'nowhere')), join(folder, 'x'))).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  it('is restored as a whole or not at all, and never into a folder with something in it', async () => {
    const folder = newFolder();
    const { core, store } = await open(join(folder, 'data'));
    await publish(core, 'a', 1);
    await store.close();
    const file = join(folder, 'one.backup');
    await save(backupDirectory(join(folder, 'data')), file);
    const whole = readFileSync(file);
    const bad = join(folder, 'bad.backup');
    const into = join(folder, 'restored');
    const refused = (code: string, text: RegExp) =>
      expect(restoreBackup(bad, into)).rejects.toMatchObject({ code, message: expect.stringMatching(text) });

    for (const length of [whole.byteLength - 1, Math.floor(whole.byteLength / 2), 300]) {
      writeFileSync(bad, whole.subarray(0, length));
      await refused('data_loss', /bad\.backup is damaged: it ends in the middle/);
    }
    const flipped = Buffer.from(whole);
    flipped.writeUInt8(flipped.readUInt8(5_000) ^ 1, 5_000);
    writeFileSync(bad, flipped);
    await refused('data_loss', /its checksum is wrong/);
    writeFileSync(bad, 'a text that is no backup\n');
    await refused('unreadable_file', /is no backup of a ce-broker/);
    writeFileSync(bad, `{"ceBrokerBackup":99}\n`);
    await refused('failed_precondition', /format 99, and this version knows 1/);
    rmSync(bad);
    await refused('unreadable_file', /ENOENT/);
    expect(readdirSync(into)).toEqual([]);

    await expect(restoreBackup(file, join(folder, 'data'))).rejects.toMatchObject({
      code: 'failed_precondition',
      message: expect.stringContaining('is not empty'),
    });
    await restoreBackup(file, into);
    await expect(restoreBackup(file, into)).rejects.toMatchObject({ code: 'failed_precondition' });
  });
});
