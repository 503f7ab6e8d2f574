import { readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FileLock } from '../../src/store/file-lock.js';
import { folder } from './tools.js';

const TIMES = { beatMs: 20, staleMs: 600 };

async function locked(file: string): Promise<FileLock> {
  const lock = await FileLock.acquire(file, TIMES);
  onTestFinished(() => lock.release());
  return lock;
}

/** A lock as this process writes it, changed. */
async function lockLike(file: string, change: object): Promise<string> {
  const lock = await FileLock.acquire(file, TIMES);
  const text = await readFile(`${file}.lock`, 'utf8');
  await lock.release();
  return JSON.stringify({ ...JSON.parse(text), token: 'other', ...change });
}

describe('a file lock', () => {
  it('goes to one, and to the next when it is released', async () => {
    const file = join(await folder(), 'f');
    const first = await locked(file);
    await expect(FileLock.acquire(file, TIMES)).rejects.toThrow(/is in use by process/);
    await first.release();
    await first.release();
    await locked(file);
  });

  it('of a process that is gone is taken over at once', async () => {
    const file = join(await folder(), 'f');
    await writeFile(`${file}.lock`, await lockLike(file, { pid: 2 ** 22 + 1 }));
    await locked(file);
  });

  it('of an earlier process with the same id is taken over at once', async () => {
    const file = join(await folder(), 'f');
    await writeFile(`${file}.lock`, await lockLike(file, { began: '1' }));
    await locked(file);
  });

  it('of another machine that gives a sign of life is kept', async () => {
    const file = join(await folder(), 'f');
    await writeFile(`${file}.lock`, await lockLike(file, { home: 'elsewhere' }));
    const beat = setInterval(() => void utimes(`${file}.lock`, new Date(), new Date()), 20);
    onTestFinished(() => clearInterval(beat));
    await expect(FileLock.acquire(file, TIMES)).rejects.toThrow(/is in use by process \d+ on elsewhere/);
  });

  it('of another machine whose clock is hours behind is kept while it gives signs', async () => {
    const file = join(await folder(), 'f');
    await writeFile(`${file}.lock`, await lockLike(file, { home: 'elsewhere' }));
    const behind = () => new Date(Date.now() - 3_600_000);
    await utimes(`${file}.lock`, behind(), behind());
    const beat = setInterval(() => void utimes(`${file}.lock`, behind(), behind()), 20);
    onTestFinished(() => clearInterval(beat));
    await expect(FileLock.acquire(file, TIMES)).rejects.toThrow(/is in use by process \d+ on elsewhere/);
  });

  it('that another took over is not kept alive, nor removed, by who had it', async () => {
    const file = join(await folder(), 'f');
    const lock = await locked(file);
    await expect(lock.check()).resolves.toBeUndefined();
    const other = JSON.stringify({ pid: 1, home: 'elsewhere', began: '', token: 'other' });
    await writeFile(`${file}.lock`, other);
    await expect(lock.check()).rejects.toMatchObject({ code: 'failed_precondition', field: 'file' });
    // Its holder gives no signs, and this one none for it.
    await locked(file);
    await lock.release();
    expect(await readFile(`${file}.lock`, 'utf8')).toContain('"pid"');
    await rm(`${file}.lock`);
    await writeFile(file, 'what another wrote');
    await expect(lock.check()).rejects.toMatchObject({ code: 'failed_precondition' });
  });

  it.each(['another machine', 'nobody can tell'])('of %s that gives none is taken over', async (who) => {
    const file = join(await folder(), 'f');
    const text = who === 'another machine' ? await lockLike(file, { home: 'elsewhere' }) : 'half a lo';
    await writeFile(`${file}.lock`, text);
    await locked(file);
  });

  it('gives signs of life', async () => {
    const file = join(await folder(), 'f');
    await locked(file);
    const text = await readFile(`${file}.lock`, 'utf8');
    await writeFile(`${file}.lock`, JSON.stringify({ ...JSON.parse(text), home: 'elsewhere' }));
    await expect(FileLock.acquire(file, TIMES)).rejects.toThrow(/is in use/);
  });

  it('goes to one of many who see a stale one at once', async () => {
    const path = await folder();
    for (let round = 0; round < 20; round++) {
      const file = join(path, `f${round}`);
      await writeFile(`${file}.lock`, await lockLike(file, { pid: 2 ** 22 + 1 }));
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => locked(file)));
      expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const one of tries) {
        if (one.status === 'rejected') expect(one.reason.code).toBe('failed_precondition');
      }
    }
    await expect(readdir(path)).resolves.toHaveLength(20);
  });

  it('is taken over although a process was killed while it took it over', async () => {
    const file = join(await folder(), 'f');
    await writeFile(`${file}.lock`, await lockLike(file, { pid: 2 ** 22 + 1 }));
    await writeFile(`${file}.lock.claim`, '');
    await utimes(`${file}.lock.claim`, new Date(0), new Date(0));
    await locked(file);
  });
});
