import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileApplier } from '../../../src/cli/fleet/agent/file-applier.js';
import { Folder } from '../support/cli.js';
import { read, write } from './support/fleet.js';

let folder: Folder;
let files: FileApplier;
beforeEach(async () => {
  folder = new Folder();
  files = await FileApplier.open(folder.at('dir'));
});
afterEach(() => {
  folder[Symbol.dispose]();
});

const bytes = Buffer.from('content');

test('a file is written whole, over what was there, and nothing else is left', async () => {
  write(folder.at('dir/web.yaml'), 'old');
  expect(await files.write('web.yaml', bytes)).toBeUndefined();
  expect(read(folder.at('dir/web.yaml'))).toBe('content');
  expect(readdirSync(folder.at('dir'))).toEqual(['web.yaml']);
});

test.each([
  ['', 'is empty'],
  ['.', 'is a folder'],
  ['..', 'is a folder'],
  ['../web.yaml', 'holds a slash'],
  ['/etc/passwd', 'holds a slash'],
  ['a/b', 'holds a slash'],
  ['a\\b', 'holds a slash'],
  ['.hidden', 'begins with a dot'],
  ['.ce-broker-agent.json', 'begins with a dot'],
  ['a\0b', 'holds a control character'],
  ['a\nb', 'holds a control character'],
  ['x'.repeat(256), 'longer than 255 bytes'],
  ['é'.repeat(128), 'longer than 255 bytes'],
])('the name %j is refused, and nothing is written', async (name, why) => {
  expect(await files.write(name, bytes)).toContain(why);
  expect(await files.remove(name)).toBeUndefined();
  expect(readdirSync(folder.at('dir'))).toEqual([]);
  expect(readdirSync(folder.path)).toEqual(['dir']);
});

test('names of 255 bytes, with blanks and letters of the world, are written', async () => {
  for (const name of ['x'.repeat(255), 'größe 世界.yaml', '-rf', '$(id).txt']) {
    expect(await files.write(name, bytes)).toBeUndefined();
    expect(read(folder.at(`dir/${name}`))).toBe('content');
  }
});

test('a link in the folder is neither followed nor replaced', async () => {
  const outside = write(folder.at('outside'), 'mine');
  symlinkSync(outside, folder.at('dir/web.yaml'));
  expect(await files.write('web.yaml', bytes)).toContain('is a symbolic link in the agent');
  expect(await files.remove('web.yaml')).toContain('left alone');
  expect(read(outside)).toBe('mine');
  expect(lstatSync(folder.at('dir/web.yaml')).isSymbolicLink()).toBe(true);
});

test('a folder in the folder is left alone', async () => {
  mkdirSync(folder.at('dir/web.yaml'));
  expect(await files.write('web.yaml', bytes)).toContain('is a folder in the agent');
  expect(await files.remove('web.yaml')).toContain('left alone');
});

test('a folder that has gone is not made again: that fails, and may be tried again', async () => {
  renameSync(folder.at('dir'), folder.at('away'));
  await expect(files.write('web.yaml', bytes)).rejects.toThrow('ENOENT');
  expect(await files.remove('web.yaml')).toBeUndefined();
  expect(readdirSync(folder.path)).toEqual(['away']);
});

test('the folder stays the one that it was, when a link is put in its place', async () => {
  mkdirSync(folder.at('other'));
  rmSync(folder.at('dir'), { recursive: true });
  symlinkSync(folder.at('other'), folder.at('dir'));
  await expect(files.write('web.yaml', bytes)).rejects.toThrow('is no folder any more');
  expect(readdirSync(folder.at('other'))).toEqual([]);
});

test('what a write left that was cut short is cleared at the next start', async () => {
  write(folder.at('dir/.ce-broker-6f9619ff-8b86-d011-b42d-00c04fc964ff.tmp'), 'half');
  write(folder.at('dir/.other.tmp'), 'not ours');
  await FileApplier.open(folder.at('dir'));
  expect(readdirSync(folder.at('dir'))).toEqual(['.other.tmp']);
});

test('a file that is gone is removed', async () => {
  write(folder.at('dir/web.yaml'), 'x');
  expect(await files.remove('web.yaml')).toBeUndefined();
  expect(await files.remove('web.yaml')).toBeUndefined();
  expect(readdirSync(folder.at('dir'))).toEqual([]);
});

test('a folder that cannot be used is told by its option', async () => {
  write(folder.at('file'), '');
  await expect(FileApplier.open(folder.at('file'))).rejects.toThrow(
    `--dir: cannot use ${folder.at('file')}: `,
  );
});
