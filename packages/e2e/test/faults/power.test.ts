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
import { wantedState } from '../../src/power/wanted-state.js';
import { Random } from '../../src/random.js';
import { seedFromEnvironment } from '../../src/run.js';

const SEED = seedFromEnvironment();
/** CE_BROKER_FAULTS=1 plays the long form. */
const LONG = process.env['CE_BROKER_FAULTS'] === '1';
const PUBLISHES = LONG ? 6_000 : 800;
const FAILURES = LONG ? 3_000 : 200;
const lmdbWriter = fileURLToPath(new URL('../../power/lmdb-writer.mjs', import.meta.url));
const lmdbReader = fileURLToPath(new URL('../../power/lmdb-reader.mjs', import.meta.url));
const brokerWriter = fileURLToPath(new URL('../../dist/power/broker-writer.js', import.meta.url));
const brokerReader = fileURLToPath(new URL('../../dist/power/broker-reader.js', import.meta.url));

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

test(`the power fails under a broker, seed ${SEED}: nothing that was acknowledged is lost, nothing damaged is served`, async () => {
  const operations = await journalOf('broker', brokerWriter, [String(PUBLISHES), String(SEED)]);
  const folder = join(root, 'failed-broker');
  const reader = new Reader(brokerReader);
  const broken: string[] = [];
  await playPowerFailures(operations, {
    failures: FAILURES,
    random: new Random(SEED),
    folder,
    // A torn one is watched for its holder's beat: that has tests of its own, and takes two seconds each time.
    leaveOut: ['broker.lock'],
    look: async ({ at, loss, acknowledged }) => {
      const problems = await reader.ask<string[]>(JSON.stringify(wantedState(folder, acknowledged)));
      for (const problem of problems ?? ['the broker died']) broken.push(`at ${at} (${loss}): ${problem}`);
    },
  });
  expect(broken).toEqual([]);

  // Were the second half of the operations forgotten, that would show.
  const said = operations.flatMap((one) => (one.type === 'witness' ? [one.data.toString('utf8')] : []));
  const all = said.join('').split('\n').slice(0, -1);
  await playPowerFailures(operations.slice(0, operations.length / 2), {
    failures: 1,
    random: new Random(SEED),
    folder,
    look: async () => {
      const problems = await reader.ask<string[]>(JSON.stringify(wantedState(folder, all)));
      expect(problems?.length).toBeGreaterThan(50);
    },
  });
  await reader.close();
}, 900_000);

/** Writes straight to LMDB, lets the power fail at so many moments, and says what was lost or damaged. */
async function failures(mode: string, commits: number, count: number): Promise<string[]> {
  const operations = await journalOf(mode, lmdbWriter, [String(commits), mode]);
  const folder = join(root, `failed-${mode}`);
  const reader = new Reader(lmdbReader);
  const broken: string[] = [];
  await playPowerFailures(operations, {
    failures: count,
    random: new Random(SEED),
    folder,
    leaveOut: ['lock.mdb'],
    look: async ({ at, loss, acknowledged }) => {
      const found = await reader.ask<Record<string, number>>(folder);
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

/** What a program did to its folder: it gets that, the witness file, and more. */
async function journalOf(name: string, program: string, more: readonly string[]): Promise<PowerOperation[]> {
  const at = (what: string) => join(root, `${what}-${name}`);
  mkdirSync(at('data'));
  writeFileSync(at('witness'), '');
  await promisify(execFile)(process.execPath, [program, at('data'), at('witness'), ...more], {
    env: { ...process.env, ...powerEnvironment(library, at('data'), at('witness'), at('journal')) },
  });
  return readPowerJournal(at('journal'));
}

/** Reads stores in a process of its own, as a broken one may end it: a line in, a line of JSON out. */
class Reader {
  readonly #program: string;
  #process: ReturnType<Reader['start']>;

  constructor(program: string) {
    this.#program = program;
    this.#process = this.start();
  }

  private start() {
    const child = spawn(process.execPath, [this.#program], { stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin.on('error', () => undefined);
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  }

  /** Undefined when it died of it. */
  async ask<T>(line: string): Promise<T | undefined> {
    this.#process.child.stdin.write(`${line}\n`);
    const { done, value } = await this.#process.lines.next();
    if (done !== true) return JSON.parse(String(value)) as T;
    this.#process = this.start();
    return undefined;
  }

  async close(): Promise<void> {
    this.#process.child.stdin.end();
    await this.#process.lines.next();
  }
}
