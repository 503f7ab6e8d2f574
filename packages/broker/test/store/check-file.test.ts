import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CeBrokerError } from 'ce-broker-proto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { checkDataFile } from '../../src/store/check-file.js';
import { Scrub } from '../../src/store/scrub.js';
import { MixedStore } from './support/mixed-store.js';
import { Random } from './support/random.js';

const PAGE = 4_096;
const NO_LIMIT = { budgetMs: Number.POSITIVE_INFINITY };
const ALL_LATER = { budgetMs: -1 };

let root: string;
/** A store of some thousand records, closed. */
let sound: Buffer;
let folder: string;
let file: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'ce-broker-check-'));
  const store = new MixedStore(join(root, 'sound'), 1);
  for (let i = 0; i < 60; i++) await store.commit();
  await store.close();
  sound = readFileSync(store.file);
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});
beforeEach(() => {
  folder = mkdtempSync(join(root, 'case-'));
  file = join(folder, 'data.mdb');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Writes the store with some bytes changed. */
function write(change: (bytes: Buffer) => Buffer | undefined): void {
  const bytes = Buffer.from(sound);
  writeFileSync(file, change(bytes) ?? bytes);
}

function damage(): CeBrokerError {
  try {
    checkDataFile(file, NO_LIMIT);
  } catch (error) {
    if (error instanceof CeBrokerError && error.code === 'data_loss') return error;
    throw error;
  }
  return expect.fail('no damage was found');
}

const metaTransactions = (bytes: Buffer) => [0, 1].map((page) => bytes.readUInt32LE(page * PAGE + 152));
const newest = (bytes: Buffer) => {
  const [first = 0, second = 0] = metaTransactions(bytes);
  return first >= second ? 0 : 1;
};
/** The leaves of the store, by their page numbers. */
const leavesOf = (bytes: Buffer) =>
  Array.from({ length: bytes.length / PAGE - 2 }, (_, i) => i + 2).filter(
    (page) => bytes.readUInt16LE(page * PAGE + 18) === 2 && bytes.readUInt32LE(page * PAGE) === page,
  );

test('a store is sound after each commit, whatever was written, deleted or rewritten', async () => {
  const store = new MixedStore(folder, 2);
  for (let i = 0; i < 150; i++) {
    await store.commit();
    const result = checkDataFile(store.file, NO_LIMIT);
    expect(result.kind).toBe('used');
    expect(result.rest).toBeUndefined();
  }
  await store.close();
});

test('what is not there, empty or was being created holds nothing', () => {
  expect(checkDataFile(file).kind).toBe('absent');
  writeFileSync(file, '');
  expect(checkDataFile(file).kind).toBe('absent');
  writeFileSync(file, Buffer.alloc(2 * PAGE));
  expect(checkDataFile(file).kind).toBe('blank');
});

test('damage is told with the file, the page, what is wrong and what to do', () => {
  write((bytes) => {
    bytes.writeUInt32LE(0, PAGE * newest(bytes) + 24);
    return undefined;
  });
  const error = damage();
  expect(error.message).toMatch(
    /^the store's file \/.*data\.mdb is damaged at page [01]: it has not the mark of an LMDB file\. Restore a backup, or move the file away: the broker then starts empty/,
  );
});

test('another file is not taken for a store', () => {
  writeFileSync(file, 'nothing of the kind '.repeat(1_000));
  expect(damage().message).toContain('page 0: it is no meta page');
});

test('of two meta pages the later one counts; that the other is torn is no damage', () => {
  write((bytes) => {
    const page = 1 - newest(bytes);
    bytes.fill(0, page * PAGE + 56, page * PAGE + 168);
    return undefined;
  });
  expect(checkDataFile(file, NO_LIMIT).kind).toBe('used');
});

test('a meta page with another transaction number is damage', () => {
  write((bytes) => {
    const page = newest(bytes);
    bytes.writeUInt32LE(bytes.readUInt32LE(page * PAGE + 152) + 256, page * PAGE + 152);
    return undefined;
  });
  expect(damage().message).toContain('they follow each other');
});

test('a file that was cut off is damaged, wherever', () => {
  for (let cut = 1; cut <= 12; cut++) {
    write((bytes) => bytes.subarray(0, bytes.length - Math.floor((bytes.length * cut) / 13)));
    expect(damage().message).toContain('the file ends before');
  }
});

test('a zeroed page, and one that another one was written over, are found', () => {
  for (const page of leavesOf(sound).slice(0, 3)) {
    write((bytes) => bytes.fill(0, page * PAGE, (page + 1) * PAGE));
    const used = (() => {
      try {
        checkDataFile(file, NO_LIMIT);
        return false;
      } catch (error) {
        expect(String(error)).toContain(`page ${page}: it bears the number 0`);
        return true;
      }
    })();
    write((bytes) => {
      bytes.copy(bytes, page * PAGE, 3 * PAGE, 4 * PAGE);
      return undefined;
    });
    if (used && page !== 3) expect(damage().message).toContain(`page ${page}: it bears the number`);
  }
});

test('after a passed check LMDB lives through everything, whatever was flipped, cut, zeroed or swapped', async () => {
  const random = new Random(7);
  const script = fileURLToPath(new URL('./support/read-all.mjs', import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const count = { damaged: 0, passed: 0 };
  for (let i = 0; i < 200; i++) {
    write((bytes) => spoil(bytes, random));
    try {
      checkDataFile(file, NO_LIMIT);
    } catch (error) {
      expect(error).toMatchObject({ code: 'data_loss' });
      count.damaged += 1;
      continue;
    }
    count.passed += 1;
    child.stdin.write(`${folder}\n`);
    const { done } = await lines.next();
    if (done === true) expect.fail(`case ${i} ended LMDB: ${JSON.stringify(await ended)}`);
    rmSync(join(folder, 'lock.mdb'), { force: true });
  }
  child.stdin.end();
  expect(await ended).toEqual([0, null]);
  expect(count.damaged).toBeGreaterThan(20);
  expect(count.passed).toBeGreaterThan(20);
});

/** Mostly where the structure is: the heads of pages, their offsets, the heads of nodes. */
function spoil(bytes: Buffer, random: Random): Buffer | undefined {
  const page = 2 + random.below(bytes.length / PAGE - 2);
  const at = page * PAGE;
  const flip = (where: number) => {
    bytes[where] = (bytes[where] ?? 0) ^ (1 << random.below(8));
  };
  const ways: (() => Buffer | undefined)[] = [
    () => void flip(random.below(bytes.length)),
    () => void flip(at + random.below(24)),
    () => void flip(at + 24 + random.below(40)),
    () => void flip(at + 24 + bytes.readUInt16LE(at + 24 + 2 * random.below(10)) + random.below(24)),
    () => void flip(random.below(2) * PAGE + random.below(168)),
    () => bytes.fill(0, at, at + PAGE),
    () => bytes.subarray(0, random.below(bytes.length)),
    () => {
      const other = (2 + random.below(bytes.length / PAGE - 2)) * PAGE;
      const kept = Buffer.from(bytes.subarray(at, at + PAGE));
      bytes.copy(bytes, at, other, other + PAGE);
      kept.copy(bytes, other);
      return undefined;
    },
  ];
  return ways[random.below(ways.length)]?.();
}

test('what the time does not suffice for is checked in the background, and damage there is reported', async () => {
  const store = new MixedStore(folder, 3);
  for (let i = 0; i < 60; i++) await store.commit();
  await store.close();
  const before = checkDataFile(file, ALL_LATER);
  if (before.rest === undefined) return expect.fail('nothing was left to check');
  expect(before.bytesRead).toBeLessThan(before.bytes);
  const none: string[] = [];
  await new Scrub(before.rest, { onDamage: ({ message }) => none.push(message) }).done;
  expect(none).toEqual([]);

  const { rest } = checkDataFile(file, ALL_LATER);
  if (rest === undefined) return expect.fail('nothing was left to check');
  const bytes = readFileSync(file);
  const meta = newest(bytes) * PAGE;
  // Not the lists of free pages and of databases: these are checked at once.
  const roots = [bytes.readUInt32LE(meta + 88), bytes.readUInt32LE(meta + 136)];
  const hurt = leavesOf(bytes).filter((page) => !roots.includes(page));
  for (const page of hurt) bytes.writeUInt16LE(0xfff0, page * PAGE + 24);
  writeFileSync(file, bytes);
  const found: CeBrokerError[] = [];
  await new Scrub(rest, { onDamage: (error) => found.push(error) }).done;
  expect(found.length).toBeGreaterThan(3);
  for (const error of found) {
    expect(error.code).toBe('data_loss');
    expect(error.message).toMatch(/data\.mdb is damaged at page \d+: node 0 at 65520\./);
  }
});

test('a store that is written while it is checked shows no damage', async () => {
  const store = new MixedStore(folder, 4);
  for (let i = 0; i < 60; i++) await store.commit();
  for (let round = 0; round < 2; round++) {
    const { rest } = checkDataFile(file, ALL_LATER);
    if (rest === undefined) return expect.fail('nothing was left to check');
    const found: string[] = [];
    const scrub = new Scrub(rest, {
      onDamage: ({ message }) => found.push(message),
      bytesPerSecond: 2_000_000,
    });
    let over = false;
    const done = scrub.done.then(() => {
      over = true;
    });
    while (!over) await store.commit();
    await done;
    expect(found).toEqual([]);
  }
  await store.close();
});

test('it stops when it is closed, and tells of a file that is gone', async () => {
  writeFileSync(file, sound);
  const slow = checkDataFile(file, ALL_LATER).rest;
  if (slow === undefined) return expect.fail('nothing was left to check');
  const none: string[] = [];
  const scrub = new Scrub(slow, { onDamage: ({ message }) => none.push(message), bytesPerSecond: 1 });
  await scrub.close();
  expect(none).toEqual([]);

  const { rest } = checkDataFile(file, ALL_LATER);
  if (rest === undefined) return expect.fail('nothing was left to check');
  rmSync(file);
  const told: CeBrokerError[] = [];
  await new Scrub(rest, { onDamage: (error) => told.push(error) }).done;
  expect(told.map(({ code }) => code)).toEqual(['unreadable_file']);
});
