import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Notices } from '../../../src/cli/fleet/notices.js';
import { isLeftover, scanFolder } from '../../../src/cli/fleet/source/folder-scan.js';
import { Inventory } from '../../../src/cli/fleet/source/inventory.js';
import { SourceState } from '../../../src/cli/fleet/source/source-state.js';
import { Folder } from '../support/cli.js';
import { write } from './support/fleet.js';

let folder: Folder;
let now: number;
let said: string[];
let state: SourceState;
beforeEach(() => {
  folder = new Folder();
  mkdirSync(folder.at('fleet'));
  now = 0;
  said = [];
  state = SourceState.load(folder.at('state.json'), 'hub', 'a.b.c');
});
afterEach(() => {
  folder[Symbol.dispose]();
});

const file = (path: string) => folder.at(`fleet/${path}`);
const inventoryOf = (more: { allowEmpty?: boolean } = {}) =>
  new Inventory({
    dir: folder.at('fleet'),
    state,
    notices: new Notices((line) => said.push(line)),
    allowEmpty: false,
    settleMs: 200,
    returnMs: 30_000,
    now: () => now,
    ...more,
  });

/** Looks, some milliseconds after the last look; gives what is to be published. */
async function look(inventory: Inventory, afterMs = 200): Promise<readonly string[]> {
  now += afterMs;
  return (await inventory.compare(await scanFolder(folder.at('fleet')))).changed;
}

/** Looks until nothing is on its way any more. */
async function settle(inventory: Inventory): Promise<readonly string[]> {
  const all: string[] = [];
  for (let round = 0; round < 6; round++) all.push(...(await look(inventory)));
  return all.sort();
}

const version = (path: string) => state.get(`hub/${path}`)?.version;
const alive = () => [...state.alive()].map(([uid]) => uid).sort();

describe('what is a file of the fleet', () => {
  test.each(['.hidden', 'a~', '#a#', '.a.swp', 'a.swp', 'a.TMP', 'a.part', '..data'])('%s is not', (name) => {
    expect(isLeftover(name)).toBe(true);
  });

  test('folders in the folder of a cluster, files beside the folders, and odd names are ignored, and told', async () => {
    write(file('c1/a.yaml'), 'a');
    write(file('c1/sub/b.yaml'), 'b');
    write(file('readme.md'), 'r');
    write(file('c1/.hidden'), 'h');
    write(file('c1/a.yaml~'), 'h');
    write(file(' c/b.yaml'), 'b');
    write(file('c1/a\nb'), 'b');
    symlinkSync(folder.at('nowhere'), file('c1/dangling'));
    const inventory = inventoryOf();
    expect(await settle(inventory)).toEqual(['hub/c1/a.yaml']);
    const told = said.join('\n');
    expect(told).toContain(`${file('c1/sub')} is a folder in the folder of a cluster: it is ignored`);
    expect(told).toContain(`${file('readme.md')} is in no folder of a cluster`);
    expect(told).toContain('names no cluster (it begins or ends with a blank)');
    expect(told).toContain('holds a control character: it is ignored');
    expect(told).toContain(`cannot read ${file('c1/dangling')}`);
    expect(said).toHaveLength(5);
    // Said once, not at each look.
    await settle(inventory);
    expect(said).toHaveLength(5);
  });

  test('a link to a file or to a folder is what it leads to', async () => {
    write(folder.at('real/a.yaml'), 'a');
    mkdirSync(file('c1'));
    symlinkSync(folder.at('real/a.yaml'), file('c1/a.yaml'));
    symlinkSync(folder.at('real'), file('c2'));
    expect(await settle(inventoryOf())).toEqual(['hub/c1/a.yaml', 'hub/c2/a.yaml']);
  });

  test('a file that no event holds is told, and not published', async () => {
    write(file('c1/big'), Buffer.alloc(5 * 1024 * 1024));
    expect(await settle(inventoryOf())).toEqual([]);
    expect(said.join('\n')).toMatch(/big has 5242880 bytes, and an event takes \d+: it is not published/);
  });
});

describe('a change', () => {
  test('is taken when the file stays as it is, and not while it is being written', async () => {
    const inventory = inventoryOf();
    write(file('c1/a.yaml'), 'a');
    expect(await look(inventory)).toEqual([]);
    appendFileSync(file('c1/a.yaml'), 'b');
    expect(await look(inventory)).toEqual([]);
    appendFileSync(file('c1/a.yaml'), 'c');
    expect(await look(inventory)).toEqual([]);
    expect(await look(inventory, 10)).toEqual([]);
    expect(await look(inventory)).toEqual(['hub/c1/a.yaml']);
    expect(Buffer.from(state.resource('hub/c1/a.yaml')?.content ?? []).toString()).toBe('');
    await state.save();
    expect(Buffer.from(state.resource('hub/c1/a.yaml')?.content ?? []).toString()).toBe('abc');
  });

  test('raises the version; the same content again does not', async () => {
    const inventory = inventoryOf();
    write(file('c1/a.yaml'), 'one');
    await settle(inventory);
    state.taken('hub/c1/a.yaml', '1', () => undefined);
    utimesSync(file('c1/a.yaml'), 1, 1);
    expect(await settle(inventory)).toEqual([]);
    write(file('c1/a.yaml'), 'two');
    expect(await settle(inventory)).toEqual(['hub/c1/a.yaml']);
    expect(version('c1/a.yaml')).toBe('2');
    await state.close();
  });

  test('as editors make it, with the file gone for a moment, is no deletion', async () => {
    const inventory = inventoryOf();
    write(file('c1/a.yaml'), 'one');
    write(file('c1/b.yaml'), 'b');
    await settle(inventory);
    renameSync(file('c1/a.yaml'), file('c1/a.yaml~'));
    await look(inventory);
    write(file('c1/a.yaml'), 'two');
    expect(await settle(inventory)).toEqual(['hub/c1/a.yaml']);
    expect(state.get('hub/c1/a.yaml')).toMatchObject({ version: '2', created: false });
    expect(state.get('hub/c1/a.yaml')?.deletedAt).toBeUndefined();
  });
});

describe('a deletion', () => {
  test('is a version of its own, and a file that comes back has the next', async () => {
    const inventory = inventoryOf();
    write(file('c1/a.yaml'), 'one');
    write(file('c1/b.yaml'), 'b');
    await settle(inventory);
    rmSync(file('c1/a.yaml'));
    expect(await settle(inventory)).toEqual(['hub/c1/a.yaml']);
    expect(state.get('hub/c1/a.yaml')).toMatchObject({ version: '2', deletedAt: expect.any(String) });
    write(file('c1/a.yaml'), 'one');
    expect(await settle(inventory)).toEqual(['hub/c1/a.yaml']);
    expect(state.get('hub/c1/a.yaml')).toMatchObject({ version: '3', created: false });
    expect(alive()).toEqual(['hub/c1/a.yaml', 'hub/c1/b.yaml']);
  });

  test('waits for the last of those that go one by one, so that an emptying is seen as one', async () => {
    const inventory = inventoryOf();
    for (const name of ['a', 'b', 'c']) write(file(`c1/${name}`), name);
    await settle(inventory);
    for (const name of ['a', 'b', 'c']) {
      rmSync(file(`c1/${name}`));
      expect(await look(inventory)).toEqual([]);
    }
    expect(await settle(inventory)).toEqual([]);
    expect(inventory.guarding).toBe(true);
    expect(alive()).toHaveLength(3);
  });

  test('of the whole folder of a cluster is meant, as long as another has files', async () => {
    const inventory = inventoryOf();
    write(file('c1/a.yaml'), 'a');
    write(file('c2/b.yaml'), 'b');
    await settle(inventory);
    rmSync(file('c2'), { recursive: true });
    expect(await settle(inventory)).toEqual(['hub/c2/b.yaml']);
  });

  test('is not what a folder behind a broken link is', async () => {
    const inventory = inventoryOf();
    write(folder.at('volume/b.yaml'), 'b');
    write(file('c1/a.yaml'), 'a');
    symlinkSync(folder.at('volume'), file('c2'));
    await settle(inventory);
    renameSync(folder.at('volume'), folder.at('away'));
    expect(await settle(inventory)).toEqual([]);
    expect(said.join('\n')).toContain(`cannot read the folder ${file('c2')}`);
    expect(alive()).toHaveLength(2);
  });

  test('is not what a file that cannot be read is', async () => {
    const inventory = inventoryOf();
    write(file('c1/a.yaml'), 'a');
    write(file('c1/b.yaml'), 'b');
    await settle(inventory);
    rmSync(file('c1/a.yaml'));
    symlinkSync(file('c1/a.yaml'), file('c1/a.yaml'));
    expect(await settle(inventory)).toEqual([]);
    expect(said.join('\n')).toContain(`cannot read ${file('c1/a.yaml')}: ELOOP`);
    expect(alive()).toHaveLength(2);
  });
});

describe('the guard', () => {
  test('the last file alone deletes nothing: the folder is empty then', async () => {
    const inventory = inventoryOf();
    write(file('c1/a.yaml'), 'a');
    await settle(inventory);
    rmSync(file('c1/a.yaml'));
    expect(await settle(inventory)).toEqual([]);
    expect(said).toEqual([
      expect.stringMatching(
        /WARNING: .*fleet holds no files any more\. NOTHING IS DELETED: .* the 1 file .*--allow-empty/,
      ),
    ]);
  });

  test.each(['vanished', 'a file now'])('a folder that has %s deletes nothing', async (how) => {
    const inventory = inventoryOf();
    write(file('c1/a.yaml'), 'a');
    await settle(inventory);
    rmSync(folder.at('fleet'), { recursive: true });
    if (how === 'a file now') write(folder.at('fleet'), '');
    expect(await settle(inventory)).toEqual([]);
    expect(said[0]).toMatch(/WARNING: .*fleet is (not there|no folder)\. NOTHING IS DELETED/);
    expect(alive()).toHaveLength(1);
  });

  test('when files come back one by one, those that are still missing get time', async () => {
    const inventory = inventoryOf();
    for (const name of ['a', 'b', 'c']) write(file(`c1/${name}`), name);
    await settle(inventory);
    for (const name of ['a', 'b', 'c']) state.taken(`hub/c1/${name}`, '1', () => undefined);
    renameSync(file('c1'), folder.at('away'));
    await settle(inventory);
    write(file('c1/a'), 'a');
    expect(await settle(inventory)).toEqual([]);
    expect(said.join('\n')).toContain('2 of the files');
    now += 29_000;
    write(file('c1/b'), 'b');
    // Another one is back: the time begins again.
    expect(await settle(inventory)).toEqual([]);
    now += 28_000;
    expect(await settle(inventory)).toEqual([]);
    expect(alive()).toHaveLength(3);
    now += 2_000;
    expect(await settle(inventory)).toEqual(['hub/c1/c']);
    await state.close();
  });

  test('--allow-empty means it', async () => {
    const inventory = inventoryOf({ allowEmpty: true });
    write(file('c1/a.yaml'), 'a');
    await settle(inventory);
    rmSync(folder.at('fleet'), { recursive: true });
    expect(await settle(inventory)).toEqual(['hub/c1/a.yaml']);
  });

  test('what was deleted while nobody looked is found by the state file', async () => {
    write(file('c1/a.yaml'), 'a');
    write(file('c1/b.yaml'), 'b');
    await settle(inventoryOf());
    await state.save();
    rmSync(file('c1/b.yaml'));
    state = SourceState.load(folder.at('state.json'), 'hub', 'a.b.c');
    expect(await settle(inventoryOf())).toContain('hub/c1/b.yaml');
    expect(version('c1/b.yaml')).toBe('2');
  });

  test('a state file that comes back with its volume is read then', async () => {
    write(file('c1/a.yaml'), 'a');
    await settle(inventoryOf());
    state.raise('hub/c1/a.yaml', '6', false);
    await state.save();
    renameSync(folder.at('state.json'), folder.at('away.json'));
    renameSync(file('c1'), folder.at('away'));
    state = SourceState.load(folder.at('state.json'), 'hub', 'a.b.c');
    const inventory = inventoryOf();
    expect(await settle(inventory)).toEqual([]);
    renameSync(folder.at('away.json'), folder.at('state.json'));
    renameSync(folder.at('away'), file('c1'));
    await settle(inventory);
    expect(version('c1/a.yaml')).toBe('7');
  });
});
