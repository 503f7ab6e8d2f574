import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { CeBrokerError } from 'ce-broker-proto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DataDirLock, LOCK_FILE } from '../../src/store/data-dir-lock.js';

let root: string;
let directory: string;
const children: ChildProcess[] = [];
const locks: DataDirLock[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ce-broker-lock-'));
  directory = join(root, 'data');
});
afterEach(() => {
  for (const lock of locks.splice(0)) lock.release();
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

const path = () => join(directory, LOCK_FILE);
const take = async (onLost: (error: CeBrokerError) => void = () => undefined) => {
  const lock = await DataDirLock.take(directory, { command: 'the test', onLost });
  locks.push(lock);
  return lock;
};

/** Another process that takes the directory; gives what it says first. */
async function holder(): Promise<{ child: ChildProcess; said: string; next: () => Promise<string> }> {
  const script = fileURLToPath(new URL('./support/hold.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, directory, 'another broker'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => String((await lines.next()).value);
  return { child, said: await next(), next };
}

function told(): { promise: Promise<CeBrokerError>; resolve: (error: CeBrokerError) => void } {
  let resolve: (error: CeBrokerError) => void = () => undefined;
  const promise = new Promise<CeBrokerError>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

async function refused(): Promise<CeBrokerError> {
  return take().then(
    () => expect.fail('it was taken'),
    (error: CeBrokerError) => error,
  );
}

test('a data directory is created for its owner only, held by one, and free again when that one lets go', async () => {
  const first = await take();
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  expect(statSync(path()).mode & 0o777).toBe(0o600);
  const error = await refused();
  expect(error.code).toBe('failed_precondition');
  expect(error.message).toContain(
    `the data directory ${directory} is in use by the test (process ${process.pid} on ${hostname()}, since 20`,
  );
  first.release();
  expect(readdirSync(directory)).toEqual([]);
  await take();
});

test('another process is refused, with the holder named; after kill -9 of the holder it gets it', async () => {
  const { child, said } = await holder();
  expect(said).toBe('held');
  const error = await refused();
  expect(error.code).toBe('failed_precondition');
  expect(error.message).toContain(`another broker (process ${child.pid} on ${hostname()}`);
  expect(error.message).toContain('end that one first, or give this one another data directory');
  child.kill('SIGKILL');
  await once(child, 'exit');
  await take();
  expect((await holder()).said).toContain(
    `failed_precondition: the data directory ${directory} is in use by`,
  );
});

test('a holder that was stopped still holds it', async () => {
  const { child } = await holder();
  child.kill('SIGSTOP');
  expect((await refused()).message).toContain(`process ${child.pid}`);
});

test('of several that find the lock of a dead one at the same moment one gets it', async () => {
  const { child } = await holder();
  child.kill('SIGKILL');
  await once(child, 'exit');
  const answers = await Promise.all(Array.from({ length: 6 }, async () => (await holder()).said));
  expect(answers.filter((said) => said === 'held')).toHaveLength(1);
  expect(answers.filter((said) => said.startsWith('refused: failed_precondition'))).toHaveLength(5);
  // None of them left its half behind.
  expect(readdirSync(directory)).toEqual([LOCK_FILE]);
});

test.skipIf(process.platform !== 'linux')(
  'a lock of a process whose number another one has now is taken over',
  async () => {
    const mine = await take();
    const mark = JSON.parse(readFileSync(path(), 'utf8')) as object;
    mine.release();
    writeFileSync(path(), JSON.stringify({ ...mark, pid: process.ppid }));
    await take();
  },
);

// The mark is written by hand: a second machine or container cannot run here.
test.each([
  ['on another host', { host: 'elsewhere', boot: 'another', pidNamespace: 'pid:[1]' }],
  ['in another container of this host', { pidNamespace: 'pid:[1]' }],
  ['before a restart of this host', { boot: 'another' }],
])('a holder %s is refused while it beats, and taken over when it does not', async (_where, more) => {
  const mine = await take();
  const mark = JSON.parse(readFileSync(path(), 'utf8')) as object;
  mine.release();
  writeFileSync(path(), JSON.stringify({ ...mark, command: 'a far broker', id: 'far', ...more }));
  const beating = setInterval(() => utimesSync(path(), new Date(), new Date()), 1_000);
  try {
    expect((await refused()).message).toContain('in use by a far broker (process');
  } finally {
    clearInterval(beating);
  }
  await take();
  expect(readFileSync(path(), 'utf8')).toContain('"command":"the test"');
});

test('a lock that nobody finished writing is taken over', async () => {
  (await take()).release();
  writeFileSync(path(), '');
  await take();
});

test('a holder is told when its lock is replaced, and then leaves it alone', async () => {
  const { promise, resolve } = told();
  const mine = await take(resolve);
  unlinkSync(path());
  writeFileSync(path(), JSON.stringify({ command: 'a thief', pid: 7, host: 'elsewhere' }));
  const error = await promise;
  expect(error.code).toBe('failed_precondition');
  expect(error.message).toContain('it was taken by a thief (process 7 on elsewhere)');
  mine.release();
  expect(readFileSync(path(), 'utf8')).toContain('a thief');
});

test('a holder is told when the directory goes', async () => {
  const { promise, resolve } = told();
  await take(resolve);
  rmSync(directory, { recursive: true });
  expect((await promise).message).toContain('it was removed');
});

test('a place that takes no directory is told', async () => {
  writeFileSync(join(root, 'file'), '');
  directory = join(root, 'file', 'data');
  const error = await refused();
  expect(error.code).toBe('unreadable_file');
  expect(error.message).toContain(`cannot create the data directory ${directory}`);
});

test('a place where the system makes no directory is told at once', async () => {
  // In a process of its own: one that tries again for ever cannot be stopped from within.
  directory = '/proc/ce-broker/data';
  const { said } = await holder();
  expect(said).toContain('refused: unreadable_file');
  expect(said).toContain(`cannot create the data directory ${directory}`);
  expect(said).toContain('choose another data directory');
});

test('the folders above it are created too, for this user only', async () => {
  directory = join(root, 'a', 'b', 'data');
  await take();
  for (const path of [join(root, 'a'), directory]) expect(statSync(path).mode & 0o777).toBe(0o700);
});
