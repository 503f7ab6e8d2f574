import { afterEach, beforeEach, expect, test } from 'vitest';
import { SourceState } from '../../../src/cli/fleet/source/source-state.js';
import { VersionWar } from '../../../src/cli/fleet/source/version-war.js';
import { Folder } from '../support/cli.js';
import { read, write } from './support/fleet.js';

let folder: Folder;
let state: SourceState;
const path = () => folder.at('state.json');
const load = (source = 'hub', dataType = 'a.b.c') => SourceState.load(path(), source, dataType);
const failed = (error: unknown) => {
  throw error;
};
const content = Buffer.from('x');
beforeEach(() => {
  folder = new Folder();
  state = load();
});
afterEach(() => {
  folder[Symbol.dispose]();
});

test('a version is given out only once it is on disk', async () => {
  state.put('c1', 'a', content, 'h1');
  expect(state.resource('hub/c1/a')).toBeUndefined();
  // To the client's list it is a resource all the same: what is not listed is deleted.
  expect([...state.list('c1')]).toMatchObject([{ uid: 'hub/c1/a', resourceVersion: '-1' }]);
  await state.save();
  expect(state.resource('hub/c1/a')).toMatchObject({ resourceVersion: '1', content });
  expect(JSON.parse(read(path()) ?? '')).toMatchObject({ resources: { 'hub/c1/a': { version: '1' } } });
});

test('a file that has not been read since the start is listed, and cannot be published', async () => {
  state.put('c1', 'a', content, 'h1');
  await state.save();
  const again = load();
  expect(again.resource('hub/c1/a')).toBeUndefined();
  expect([...again.list('')]).toMatchObject([{ uid: 'hub/c1/a', resourceVersion: '-1' }]);
  expect(again.put('c1', 'a', content, 'h1')).toBe('hub/c1/a');
  expect([...again.list('c2')]).toEqual([]);
});

test('a deletion is over when the agent confirms that one, and its version is remembered', async () => {
  state.put('c1', 'a', content, 'h1');
  state.remove('hub/c1/a', Date.now());
  expect(state.confirm('hub/c1/a', '1', Date.now(), failed)).toBe(false);
  expect([...state.entries()]).toHaveLength(1);
  expect(state.confirm('hub/c1/a', '2', Date.now(), failed)).toBe(true);
  expect(state.confirm('hub/c1/a', '2', Date.now(), failed)).toBe(false);
  expect([...state.entries()]).toEqual([]);
  await state.close();
  const again = load();
  again.put('c1', 'a', content, 'h1');
  expect(again.get('hub/c1/a')).toMatchObject({ version: '3', created: false, taken: false });
});

test('a confirmed deletion is forgotten in the end', async () => {
  state.put('c1', 'a', content, 'h1');
  state.remove('hub/c1/a', 0);
  state.confirm('hub/c1/a', '2', Date.now() - 8 * 24 * 3_600_000, failed);
  await state.close();
  expect(load().get('hub/c1/a')).toBeUndefined();
});

test('a confirmation of the life before does not end the present one', () => {
  state.put('c1', 'a', content, 'h1');
  state.remove('hub/c1/a', 0);
  state.put('c1', 'a', content, 'h1');
  expect(state.confirm('hub/c1/a', '2', 0, failed)).toBe(false);
  expect(state.get('hub/c1/a')).toMatchObject({ version: '3', created: false });
});

test('a version goes above what somebody else has, never below', () => {
  state.put('c1', 'a', content, 'h1');
  state.raise('hub/c1/a', '41', false);
  expect(state.get('hub/c1/a')?.version).toBe('42');
  state.raise('hub/c1/a', '5', false);
  expect(state.get('hub/c1/a')?.version).toBe('42');
});

test('an acknowledgement of an older version does not count', async () => {
  state.put('c1', 'a', content, 'h1');
  state.put('c1', 'a', content, 'h2');
  state.taken('hub/c1/a', '1', failed);
  expect(state.get('hub/c1/a')?.taken).toBe(false);
  state.taken('hub/c1/a', '2', failed);
  expect(state.get('hub/c1/a')).toMatchObject({ taken: true, created: true });
  await state.close();
});

test.each([
  ['', 'it is empty'],
  ['{', 'no JSON'],
  ['[]', 'its content'],
  ['{"format":"ce-broker source 2","source":"hub","dataType":"a.b.c","resources":{}}', 'format'],
  [
    '{"format":"ce-broker source 1","source":"hub","dataType":"a.b.c","resources":{"x":{"cluster":"c","name":"x","version":-1,"hash":"","created":true,"taken":true}}}',
    'resources.x.version',
  ],
])('the state file %j is damaged, and the message says where', (text, where) => {
  write(path(), text);
  expect(() => load()).toThrow(`the state file ${path()} is damaged (${where}`);
});

test('a state file of another source, or of another data type, is not used', async () => {
  state.put('c1', 'a', content, 'h1');
  await state.save();
  expect(() => load('other')).toThrow(`is of source hub and data type a.b.c, not of other and a.b.c`);
  expect(() => load('hub', 'x.y.z')).toThrow('give this source a --state of its own');
});

test('a state file that cannot be written keeps the version back, and the next save gives it out', async () => {
  const state = SourceState.load(folder.at('sub/state.json'), 'hub', 'a.b.c');
  state.put('c1', 'a', content, 'h1');
  await expect(state.save()).rejects.toThrow('ENOENT');
  expect(state.resource('hub/c1/a')).toBeUndefined();
  write(folder.at('sub/other'), '');
  await state.save();
  expect(state.resource('hub/c1/a')?.resourceVersion).toBe('1');
});

test('whoever would go above the versions of another for the second time is stopped, until the own file changes', () => {
  const war = new VersionWar();
  expect(war.mayRaise('a', '5', false)).toBe(true);
  expect(war.has('a')).toBe(false);
  expect(war.mayRaise('a', '7', false)).toBe(false);
  expect(war.has('a')).toBe(true);
  expect(war.mayRaise('a', '6', false)).toBe(false);
  expect(war.mayRaise('b', '5', false)).toBe(true);
  expect(war.over('a')).toBe('7');
  expect(war.has('a')).toBe(false);
  expect(war.over('b')).toBeUndefined();
});

test('a foreign version after the agent had the own one is of another source at once', () => {
  const war = new VersionWar();
  expect(war.mayRaise('a', '2', true)).toBe(false);
  expect(war.has('a')).toBe(true);
});
