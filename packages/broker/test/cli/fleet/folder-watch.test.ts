import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FolderWatch } from '../../../src/cli/fleet/source/folder-watch.js';
import { Folder } from '../support/cli.js';
import { until, write } from './support/fleet.js';

let folder: Folder;
let watch: FolderWatch;
let looks: number;
let unwatched: string[];
const start = (rescanMs: number) => {
  watch = new FolderWatch({
    look: async () => {
      looks++;
    },
    debounceMs: 5,
    rescanMs,
    unwatched: (why) => unwatched.push(why),
  });
};
beforeEach(() => {
  folder = new Folder();
  [looks, unwatched] = [0, []];
});
afterEach(async () => {
  await watch.stop();
  folder[Symbol.dispose]();
});
const folders = (...paths: string[]) =>
  new Map(paths.map((path) => [path, `${statSync(path).dev} ${statSync(path).ino}`]));

test('a change is looked at, without waiting for the next look', async () => {
  start(1_000_000);
  const file = write(folder.at('c1/a'), '');
  expect(watch.watch(folders(folder.at('c1')))).toBe(true);
  expect(watch.watch(folders(folder.at('c1')))).toBe(false);
  appendFileSync(file, 'x');
  await until('a look', () => looks > 0);
});

test('another folder under the same name is watched in place of the one before', async () => {
  start(1_000_000);
  mkdirSync(folder.at('c1'));
  watch.watch(folders(folder.at('c1')));
  renameSync(folder.at('c1'), folder.at('away'));
  mkdirSync(folder.at('c1'));
  expect(watch.watch(folders(folder.at('c1')))).toBe(true);
  const before = looks;
  write(folder.at('c1/a'), '');
  await until('a look', () => looks > before);
});

test('what the system does not tell is found by looking now and then', async () => {
  start(5);
  watch.lookIn(0);
  await until('some looks', () => looks > 3);
});

test('a folder that cannot be watched is told, and ends nothing', async () => {
  start(1_000_000);
  expect(watch.watch(new Map([[folder.at('none'), 'x']]))).toBe(false);
  expect(unwatched).toEqual([expect.stringContaining('ENOENT')]);
});

test('looks come one after the other, and one that was asked for meanwhile is not lost', async () => {
  let underWay = 0;
  let most = 0;
  const ends: (() => void)[] = [];
  watch = new FolderWatch({
    look: async () => {
      underWay++;
      looks++;
      most = Math.max(most, underWay);
      await new Promise<void>((resolve) => ends.push(resolve));
      underWay--;
    },
    rescanMs: 1_000_000,
  });
  watch.lookIn(0);
  await until('the first', () => looks === 1);
  watch.lookIn(0);
  watch.lookIn(5);
  ends[0]?.();
  await until('the second', () => looks === 2);
  expect(most).toBe(1);
  ends[1]?.();
});
