import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { playPowerFailures } from '../../src/power/power-failures.js';
import {
  buildPowerLibrary,
  type PowerOperation,
  powerEnvironment,
  readPowerJournal,
} from '../../src/power/power-journal.js';
import { Random } from '../../src/random.js';
import { seedFromEnvironment } from '../../src/run.js';

const SEED = seedFromEnvironment();
const script = (name: string) => fileURLToPath(new URL(`../../power/${name}`, import.meta.url));

let root: string;
let library: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'ce-broker-power-'));
  library = buildPowerLibrary();
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

describe(`the power fails under LMDB itself, seed ${SEED}`, () => {
  test('nothing that was committed is lost or damaged', async () => {
    const broken = await failures('sound', 60, 250);
    expect(broken).toEqual([]);
  });

  test('a program that acknowledges before the commit is found out', async () => {
    expect((await failures('early', 60, 60)).length).toBeGreaterThan(0);
  });

  test('a store that does not sync is found out', async () => {
    expect((await failures('unsynced', 60, 60)).length).toBeGreaterThan(0);
  });
});

/** Writes straight to LMDB, lets the power fail at so many moments, and says what was lost or damaged. */
async function failures(mode: string, commits: number, count: number): Promise<string[]> {
  const operations = await lmdbWrites(mode, commits);
  const folder = join(root, `failed-${mode}`);
  const reader = new Reader();
  const broken: string[] = [];
  await playPowerFailures(operations, {
    failures: count,
    random: new Random(SEED),
    folder,
    leaveOut: ['lock.mdb'],
    look: async ({ at, loss, acknowledged }) => {
      const found = await reader.read(folder);
      if (found === undefined) {
        broken.push(`at ${at} (${loss}): the store cannot be read`);
        return;
      }
      for (const [key, version] of Object.entries(found)) {
        if (version < 0) broken.push(`at ${at} (${loss}): ${key} is damaged`);
      }
      for (const line of acknowledged) {
        const [key = '', version] = line.split(' ');
        if ((found[key] ?? 0) < Number(version)) {
          broken.push(`at ${at} (${loss}): ${key} was acknowledged with ${version}, but is ${found[key]}`);
        }
      }
    },
  });
  await reader.close();
  return broken;
}

async function lmdbWrites(mode: string, commits: number): Promise<PowerOperation[]> {
  const [folder, witness, journal] = [`data-${mode}`, `witness-${mode}`, `journal-${mode}`].map((name) =>
    join(root, name),
  ) as [string, string, string];
  mkdirSync(folder);
  writeFileSync(witness, '');
  await promisify(execFile)(
    process.execPath,
    [script('lmdb-writer.mjs'), folder, witness, String(commits), mode],
    { env: { ...process.env, ...powerEnvironment(library, folder, witness, journal) } },
  );
  return readPowerJournal(journal);
}

/** Reads stores in a process of its own, as a broken one may end it. */
class Reader {
  #child = this.#start();

  #start() {
    const child = spawn(process.execPath, [script('lmdb-reader.mjs')], { stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin.on('error', () => undefined);
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  }

  async read(folder: string): Promise<Record<string, number> | undefined> {
    this.#child.child.stdin.write(`${folder}\n`);
    const { done, value } = await this.#child.lines.next();
    if (done !== true) return JSON.parse(String(value)) as Record<string, number>;
    this.#child = this.#start();
    return undefined;
  }

  async close(): Promise<void> {
    this.#child.child.stdin.end();
    await this.#child.lines.next();
  }
}
