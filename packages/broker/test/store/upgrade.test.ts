import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SILENT } from 'ce-broker-proto';
import { afterEach, expect, it } from 'vitest';
import { type Databases, openDatabases } from '../../src/store/databases.js';
import { lmdbStore } from '../../src/store/index.js';
import { FORMAT, seal, unseal } from '../../src/store/layout.js';
import { readFormat, writeFormat } from '../../src/store/progress.js';
import { upgrade } from '../../src/store/upgrade.js';

const ENTRIES = 25;
const PER_TRANSACTION = 10;

const folders: string[] = [];
const opened: Databases[] = [];
afterEach(async () => {
  for (const { root } of opened.splice(0)) await root.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function open(folder: string): Databases {
  const databases = openDatabases(folder);
  opened.push(databases);
  return databases;
}

async function close(databases: Databases): Promise<void> {
  opened.splice(opened.indexOf(databases), 1);
  await databases.root.close();
}

const keyOf = (number: number) => Buffer.from(`entry/${String(number).padStart(3, '0')}`);

/** A store of a format of which this test alone knows: its entries have no checksum. */
async function writeFormat0(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'ce-broker-upgrade-'));
  folders.push(folder);
  const databases = open(folder);
  for (let number = 0; number < ENTRIES; number++)
    void databases.entries.put(keyOf(number), Buffer.from(`value ${number}`));
  await writeFormat(databases.meta, 0);
  await close(databases);
  return folder;
}

/** From 0 to 1: seals what is not sealed, ten entries a transaction; the power goes after `transactions` of them. */
function sealEntries(transactions = Number.POSITIVE_INFINITY) {
  const done: number[] = [];
  const step = async ({ entries }: Databases): Promise<void> => {
    const open = [...entries.getRange({})].filter(({ key, value }) => unseal(key, value) === undefined);
    for (let from = 0; from < open.length; from += PER_TRANSACTION) {
      if (done.length === transactions) throw new Error('the power went');
      const some = open.slice(from, from + PER_TRANSACTION);
      await Promise.all(some.map(({ key, value }) => entries.put(key, seal(key, value))));
      done.push(some.length);
    }
  };
  return { steps: new Map([[0, step]]), done };
}

it('brings a store of an earlier format up to date, also when it was interrupted, and it is read then', async () => {
  const folder = await writeFormat0();
  let databases = open(folder);
  const first = sealEntries(1);
  await expect(upgrade(databases, folder, SILENT, first.steps, 1)).rejects.toThrow('the power went');
  expect(readFormat(databases.meta)).toBe(0);
  await close(databases);

  databases = open(folder);
  const second = sealEntries();
  await upgrade(databases, folder, SILENT, second.steps, 1);
  expect(second.done).toEqual([10, 5]);
  expect(readFormat(databases.meta)).toBe(1);
  const third = sealEntries();
  await upgrade(databases, folder, SILENT, third.steps, 1);
  expect(third.done).toEqual([]);
  await close(databases);

  const store = await lmdbStore({ dataDir: folder }).open({ logger: SILENT });
  const read = [...store.entries('entry/')];
  expect(read).toHaveLength(ENTRIES);
  expect(read[7]).toEqual(['entry/007', 'value 7']);
  await store.close();
});

it('walks through several formats, and says the number of each that is reached', async () => {
  const folder = await writeFormat0();
  const databases = open(folder);
  const walked: number[] = [];
  const step = (number: number) => async () => {
    expect(readFormat(databases.meta)).toBe(number);
    walked.push(number);
  };
  await upgrade(databases, folder, SILENT, new Map([0, 1, 2].map((number) => [number, step(number)])), 3);
  expect(walked).toEqual([0, 1, 2]);
  expect(readFormat(databases.meta)).toBe(3);
});

it('refuses a store of a later version by name, and one that it cannot bring up to date', async () => {
  const folder = await writeFormat0();
  const databases = open(folder);
  await expect(upgrade(databases, folder, SILENT, new Map(), 1)).rejects.toMatchObject({
    code: 'failed_precondition',
    message: `the store in ${folder} has format 0, which this version cannot bring up to date`,
  });
  await writeFormat(databases.meta, FORMAT + 1);
  await close(databases);
  await expect(lmdbStore({ dataDir: folder }).open({ logger: SILENT })).rejects.toMatchObject({
    code: 'failed_precondition',
    message: `the store in ${folder} has format ${FORMAT + 1}, and this version knows ${FORMAT} at most: start the version that wrote it, or a later one`,
  });
  const again = open(folder);
  expect(readFormat(again.meta)).toBe(FORMAT + 1);
});
