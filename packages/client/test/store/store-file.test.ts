import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { JsonResource } from '../../src/codec/json-resource.js';
import { ResourceStore } from '../../src/store/resource-store.js';
import { folder, opened, recorder, resource, uids } from './tools.js';

const built = new URL('../../dist/store/resource-store.js', import.meta.url).href;

/** Another process, ended with the test; what it prints, line by line. */
function child(script: string, ...args: string[]): { process: ChildProcess; lines: AsyncIterator<string> } {
  const source = `import { ResourceStore } from ${JSON.stringify(built)}; const [file] = process.argv.slice(1); ${script}`;
  const process_ = spawn(process.execPath, ['--input-type=module', '--eval', source, '--', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    process_.kill('SIGKILL');
  });
  return { process: process_, lines: createInterface({ input: process_.stdout })[Symbol.asyncIterator]() };
}

async function killed({ process: process_ }: { process: ChildProcess }): Promise<void> {
  const gone = once(process_, 'exit');
  process_.kill('SIGKILL');
  await gone;
}

describe('a store with a file', () => {
  it('brings everything back: Dates, bigints, bytes, and names that look like its own', async () => {
    const file = join(await folder(), 'store.jsonl');
    const spec = {
      at: new Date('2025-03-14T15:09:26.535Z'),
      never: new Date(Number.NaN),
      big: 2n ** 70n,
      list: [1n, new Date(0), { deep: new Uint8Array([1, 2, 255]) }],
      $date: 'no date',
      look: { $date: '2025-03-14T15:09:26.535Z' },
      alike: { $escaped: { $bigint: '1' } },
      text: 'line\nend\u2028and "quotes" 世界',
      nothing: null,
    };
    const plain = { $bigint: '7', nested: { $date: 'x' } };
    const proto = JSON.parse('{"__proto__":{"polluted":1},"at":1}');
    const store = await opened({ file });
    store.set(resource('special', { spec, deletionTimestamp: new Date(5) }));
    store.set(resource('plain', { spec: plain }));
    store.set(resource('proto', { spec: { proto, n: 1n } }));
    await store.close();

    const again = await opened({ file });
    expect(again.get('special')).toEqual(resource('special', { spec, deletionTimestamp: new Date(5) }));
    expect(again.get('plain')?.spec).toEqual(plain);
    const read = again.get('proto')?.spec as { proto: object };
    expect(Object.keys(read.proto)).toEqual(['__proto__', 'at']);
    expect(Object.getPrototypeOf(read.proto)).toBe(Object.prototype);
    expect(again.list({ clusterName: 'c1', source: 's1' })).toHaveLength(3);
  });

  it('keeps deletions, replacements and moves, over several runs', async () => {
    const file = join(await folder(), 'store.jsonl');
    for (let run = 1; run <= 5; run++) {
      const store = await opened({ file, flushDelayMs: 0 });
      store.set(resource('kept', { resourceVersion: String(run) }));
      store.set(resource(`run-${run}`));
      store.set(resource('moved', { source: `s${run}` }));
      await store.flush();
      store.delete(`run-${run - 1}`);
      await store.close();
    }
    const store = await opened({ file });
    expect(uids(store.list())).toEqual(['kept', 'moved', 'run-5']);
    expect(store.get('kept')?.resourceVersion).toBe('5');
    expect(uids(store.list({ source: 's5' }))).toEqual(['moved']);
  });

  it('writes by itself, without a flush', async () => {
    const file = join(await folder(), 'store.jsonl');
    const store = await opened({ file, flushDelayMs: 0 });
    store.set(resource('r'));
    await expect
      .poll(() => readFile(file, 'utf8').catch(() => ''), { timeout: 10_000 })
      .toContain('"uid":"r"');
  });

  it('makes no file and leaves no lock when nothing happened', async () => {
    const path = await folder();
    const store = await opened({ file: join(path, 'store.jsonl') });
    await store.close();
    await expect(readdir(path)).resolves.toEqual([]);
  });

  it('leaves nothing but its file behind, readable by its owner alone', async () => {
    const path = await folder();
    const file = join(path, 'store.jsonl');
    const store = await opened({ file });
    store.set(resource('r'));
    await store.close();
    await expect(readdir(path)).resolves.toEqual(['store.jsonl']);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('stays about as large as what it holds, however often that changes', async () => {
    const file = join(await folder(), 'store.jsonl');
    const store = await opened({ file, flushDelayMs: 0 });
    for (let version = 1; version <= 5_000; version++) {
      store.set(resource(`r${version % 10}`, { resourceVersion: String(version) }));
      if (version % 5 === 0) await store.flush();
    }
    await store.close();
    expect((await readFile(file, 'utf8')).split('\n').length).toBeLessThan(1_100);
    const again = await opened({ file });
    expect(again.size).toBe(10);
    expect(again.get('r0')?.resourceVersion).toBe('5000');
  });

  it('holds and brings back 50,000 resources', async () => {
    const file = join(await folder(), 'store.jsonl');
    const store = await opened({ file });
    for (let n = 0; n < 50_000; n++) store.set(resource(`r${n}`, { clusterName: `c${n % 500}` }));
    await store.flush();
    // One more change is one more line, not all of them again.
    const before = (await stat(file)).size;
    store.set(resource('r7', { clusterName: 'c7', resourceVersion: '2' }));
    await store.flush();
    expect((await stat(file)).size - before).toBeLessThan(500);
    await store.close();
    const again = await opened({ file });
    expect(again.size).toBe(50_000);
    expect(again.list({ clusterName: 'c7' })).toHaveLength(100);
  });

  it('has on the disk what it said was, when its process is killed', async () => {
    const file = join(await folder(), 'store.jsonl');
    const script = `
      const store = await ResourceStore.open({ file, flushDelayMs: 1 });
      for (let n = 0; ; n++) {
        store.set({ uid: 'r' + n, resourceVersion: '1', clusterName: 'c', source: 's', spec: 'x'.repeat(3000) });
        if (n > 0) store.set({ uid: 'counter', resourceVersion: String(n), clusterName: 'c', source: 's' });
        if (n % 7 === 0) { await store.flush(); console.log(n); }
      }`;
    for (let run = 0; run < 3; run++) {
      const one = child(script, file);
      let safe = 0;
      while (safe < 60 + 40 * run) safe = Number((await one.lines.next()).value);
      await killed(one);
      const store = await opened({ file });
      for (let n = 0; n <= safe; n++) expect(store.get(`r${n}`)?.spec).toHaveLength(3_000);
      expect(Number(store.get('counter')?.resourceVersion)).toBeGreaterThanOrEqual(safe);
      await store.close();
    }
  });

  it('drops a last line that a killed process left without an end', async () => {
    const file = join(await folder(), 'store.jsonl');
    const store = await opened({ file });
    store.set(resource('a'));
    store.set(resource('b'));
    await store.close();
    await appendFile(file, '{"key":["","c1","torn"],"resource":{"uid":"to');
    const again = await opened({ file });
    expect(uids(again.list())).toEqual(['a', 'b']);
    again.set(resource('c'));
    await again.close();
    expect(uids((await opened({ file })).list())).toEqual(['a', 'b', 'c']);
  });

  it.each<[string, (text: string) => string, number, string]>([
    ['empty', () => '', 1, 'it is not {"ceBrokerStore":1}'],
    ['of something else', () => '{"a":1}\n', 1, 'it is not {"ceBrokerStore":1}'],
    ['of a later version', (text) => text.replace(':1}', ':2}'), 1, 'it is not {"ceBrokerStore":1}'],
    ['broken in the middle', (text) => text.replace('"uid":"b"', '"uid:"b"'), 3, ''],
    ['with a line of another kind', (text) => text.replace('{"key"', '{"kex"'), 2, 'its "key" is not'],
    [
      'with another id',
      (text) => text.replace('"uid":"a"', '"uid":"z"'),
      2,
      'it holds no resource with the id a',
    ],
    ['with zeros', (text) => `${text}\0\0\0\n`, 5, ''],
  ])('refuses a file that is damaged: %s', async (_, damage, line, why) => {
    const file = join(await folder(), 'store.jsonl');
    const store = await opened({ file });
    for (const uid of ['a', 'b', 'c']) store.set(resource(uid));
    await store.close();
    const bad = damage(await readFile(file, 'utf8'));
    await writeFile(file, bad);
    const error = await ResourceStore.open({ file }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'data_loss', field: 'file' });
    expect(error.message).toContain(`${file}, line ${line}: `);
    expect(error.message).toContain(why);
    expect(error.message).toContain('remove it to start with nothing');
    // It is as it was, and its lock is free.
    expect(await readFile(file, 'utf8')).toBe(bad);
    await rm(file);
    await opened({ file });
  });

  it('says so when it cannot open the file', async () => {
    const path = await folder();
    await mkdir(join(path, 'sub'));
    const missing = ResourceStore.open({ file: join(path, 'missing', 'store.jsonl') });
    await expect(missing).rejects.toMatchObject({ code: 'unreadable_file', field: 'file' });
    await expect(missing).rejects.toThrow(/the store file .*missing.* cannot be opened: ENOENT/);
    await expect(ResourceStore.open({ file: join(path, 'sub') })).rejects.toMatchObject({
      code: 'unreadable_file',
    });
    await expect(readdir(path)).resolves.toEqual(['sub']);
    await expect(ResourceStore.open({ file: join(path, 'x'), flushDelayMs: -1 })).rejects.toThrow(
      /flushDelayMs is -1/,
    );
  });

  it('reports a write that fails, and makes up for it', async () => {
    const path = join(await folder(), 'sub');
    await mkdir(path);
    const file = join(path, 'store.jsonl');
    const { logger, errors } = recorder();
    const store = await opened({ file, flushDelayMs: 0, logger });
    await rm(path, { recursive: true });
    store.set(resource('a'));
    await expect.poll(() => errors.join(), { timeout: 10_000 }).toContain('cannot be written: ENOENT');
    store.set(resource('b'));
    await expect(store.flush()).rejects.toMatchObject({ code: 'unreadable_file', field: 'file' });
    await mkdir(path);
    // It tries again by itself.
    await expect
      .poll(() => readFile(file, 'utf8').catch(() => ''), { timeout: 10_000 })
      .toContain('"uid":"b"');
    await store.close();
    expect(uids((await opened({ file })).list())).toEqual(['a', 'b']);
  });

  it('rejects its close when the last changes could not be written, and lets the file go', async () => {
    const path = join(await folder(), 'sub');
    await mkdir(path);
    const file = join(path, 'store.jsonl');
    const store = await opened({ file, flushDelayMs: 60_000 });
    store.set(resource('a'));
    await rm(path, { recursive: true });
    await expect(store.close()).rejects.toThrow(/cannot be written/);
    await mkdir(path);
    await opened({ file });
  });

  it('names a resource that cannot be written, and writes the others', async () => {
    const file = join(await folder(), 'store.jsonl');
    const store = await opened({ file, flushDelayMs: 60_000 });
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    store.set(resource('bad', { spec: { toJSON: () => cycle } }));
    store.set(resource('good'));
    await expect(store.flush()).rejects.toThrow(/^the resource bad cannot be written to a file: /);
    await store.close();
    expect(uids((await opened({ file })).list())).toEqual(['good']);
  });

  it('keeps the mode of a file that is there', async () => {
    const file = join(await folder(), 'store.jsonl');
    const store = await opened({ file });
    store.set(resource('a'));
    await store.flush();
    await chmod(file, 0o640);
    for (let version = 0; version < 1_200; version++) {
      store.set(resource('a', { resourceVersion: String(version) }));
      await store.flush();
    }
    await store.close();
    expect((await stat(file)).mode & 0o777).toBe(0o640);
  });
});

describe('two processes and one file', () => {
  const script = `
    const store = await ResourceStore.open({ file });
    store.set({ uid: 'r', resourceVersion: '1', clusterName: 'c', source: 's' });
    await store.flush();
    console.log('open');
    setInterval(() => undefined, 1000);`;

  it('the second is refused, by name, and gets it when the first is gone', async () => {
    const file = join(await folder(), 'store.jsonl');
    const first = child(script, file);
    await first.lines.next();
    const error = await ResourceStore.open({ file }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'failed_precondition', field: 'file' });
    expect(error.message).toContain(`${file} is in use by process ${first.process.pid} `);
    await killed(first);
    const store = await opened({ file });
    expect(store.size).toBe(1);
  });

  it('a second that cannot tell who has it waits for a sign of life, or until it is told not to', async () => {
    const file = join(await folder(), 'store.jsonl');
    const elsewhere = { pid: 1, home: 'elsewhere', began: '', token: 'other' };
    await writeFile(`${file}.lock`, JSON.stringify(elsewhere));
    const abort = new AbortController();
    const opening = ResourceStore.open({ file, signal: abort.signal });
    abort.abort();
    await expect(opening).rejects.toMatchObject({ code: 'cancelled' });
    const late = ResourceStore.open({ file, signal: AbortSignal.timeout(20) });
    await expect(late).rejects.toMatchObject({ code: 'deadline_exceeded' });
  });

  it('so is a second store of one process', async () => {
    const file = join(await folder(), 'store.jsonl');
    const store = await opened({ file });
    await expect(ResourceStore.open<JsonResource>({ file })).rejects.toThrow(
      `is in use by process ${process.pid} `,
    );
    await store.close();
    await opened({ file });
  });

  it('is not written any more once another process has taken it over', async () => {
    const file = join(await folder(), 'f');
    const store = await opened({ file, flushDelayMs: 60_000 });
    store.set(resource('a'));
    await store.flush();
    const before = await readFile(file, 'utf8');
    const lock = await readFile(`${file}.lock`, 'utf8');
    await writeFile(`${file}.lock`, JSON.stringify({ ...JSON.parse(lock), token: 'other' }));
    store.set(resource('b'));
    await expect(store.flush()).rejects.toMatchObject({ code: 'failed_precondition', field: 'file' });
    await expect(store.close()).rejects.toMatchObject({ code: 'failed_precondition' });
    expect(await readFile(file, 'utf8')).toBe(before);
  });
});
