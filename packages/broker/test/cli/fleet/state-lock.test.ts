import { existsSync, utimesSync } from 'node:fs';
import { hostname } from 'node:os';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StateLock } from '../../../src/cli/fleet/state-lock.js';
import { Folder } from '../support/cli.js';
import { read, write } from './support/fleet.js';

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => {
  folder[Symbol.dispose]();
});
const path = () => folder.at('state.json');
const lock = () => folder.at('state.json.lock');
const take = () => StateLock.take(path(), 'ce-broker source');
const holder = (more: object) =>
  write(
    lock(),
    JSON.stringify({ command: 'ce-broker source', pid: process.pid, started: '', host: hostname(), ...more }),
  );

test('a lock is held by one, and free again when that one lets go', () => {
  const first = take();
  expect(() => take()).toThrow(
    /state\.json is in use by ce-broker source \(process \d+ on .*\): end that one first/,
  );
  first.release();
  expect(existsSync(lock())).toBe(false);
  take().release();
});

test('a lock of a process that is gone is taken over', () => {
  holder({ pid: 2 ** 22 + 1, started: '1' });
  take().release();
});

test.skipIf(process.platform !== 'linux')(
  'a lock of a process whose number another one has now is taken over',
  () => {
    holder({ pid: process.ppid, started: '1' });
    take().release();
  },
);

test('a lock of another machine holds as long as it is refreshed', () => {
  holder({ host: 'elsewhere', pid: 7 });
  expect(() => take()).toThrow('process 7 on elsewhere');
  const old = new Date(Date.now() - 60_000);
  utimesSync(lock(), old, old);
  take().release();
});

test('a lock that nobody finished writing is taken over when it is old', () => {
  write(lock(), '');
  expect(() => take()).toThrow('a program that has just started');
  const old = new Date(Date.now() - 5_000);
  utimesSync(lock(), old, old);
  take().release();
});

test('a lock that another one has taken meanwhile is not let go of', () => {
  const mine = take();
  write(lock(), 'of another');
  mine.release();
  expect(read(lock())).toBe('of another');
});

test('a folder that does not take a lock is told', () => {
  expect(() => StateLock.take(folder.at('none/state.json'), 'x')).toThrow(
    `cannot write ${folder.at('none/state.json')}.lock`,
  );
});
