import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { CloudEventsDataType } from 'ce-broker-proto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AgentState } from '../../../src/cli/fleet/agent/agent-state.js';
import { AgentWorker } from '../../../src/cli/fleet/agent/agent-worker.js';
import { CommandRunner } from '../../../src/cli/fleet/agent/command-runner.js';
import { FileApplier } from '../../../src/cli/fleet/agent/file-applier.js';
import { SpecStore } from '../../../src/cli/fleet/agent/spec-store.js';
import type { FileResource } from '../../../src/cli/fleet/file-resource.js';
import { Notices } from '../../../src/cli/fleet/notices.js';
import { Folder } from '../support/cli.js';
import { read, until, write } from './support/fleet.js';

let folder: Folder;
let published: FileResource[];
let resyncs: number;
let away: boolean;
let said: string[];
let worker: AgentWorker;
let state: AgentState;
/** Called once something is done, before it is written down. */
let whenDone: () => void;
const path = () => folder.at('state.json');
const dataType = CloudEventsDataType.parse('a.b.c');
const listed = async () => [...(await worker.lister.list({ clusterName: 'c1', source: '', dataType }))];
const got = (uid: string) => worker.lister.get?.(uid, { clusterName: 'c1', source: '', dataType });

async function start(command?: string): Promise<void> {
  state = AgentState.load(path(), 'c1', 'a.b.c');
  worker = new AgentWorker({
    state,
    files: await FileApplier.open(folder.at('dir')),
    command:
      command === undefined
        ? undefined
        : {
            runner: new CommandRunner({ command, timeoutMs: 20_000 }),
            specs: new SpecStore(`${path()}.specs`),
          },
    publish: async (resource) => {
      if (away) throw new Error('away');
      published.push(resource);
    },
    resync: async () => {
      resyncs++;
    },
    isAway: () => true,
    notices: new Notices((line) => said.push(line)),
    done: () => whenDone(),
    resyncDelayMs: 1,
    retryMs: 50,
  });
}

async function end(): Promise<void> {
  await worker.finish(5_000);
  await worker.stop();
}

beforeEach(async () => {
  folder = new Folder();
  [published, resyncs, away, said] = [[], 0, false, []];
  whenDone = () => undefined;
  await start();
});
afterEach(async () => {
  await end();
  folder[Symbol.dispose]();
});

const spec = (name: string, version: number, text: string, source = 'hub'): FileResource => ({
  uid: `${source}/c1/${name}`,
  resourceVersion: String(version),
  cluster: 'c1',
  source,
  name,
  content: Buffer.from(text),
});
const deletion = (name: string, version: number, source = 'hub'): FileResource => {
  const { content: _, ...rest } = spec(name, version, '', source);
  return { ...rest, deletionTimestamp: new Date() };
};
const reported = (version: number, newState: string) =>
  until(`v${version} ${newState}`, () =>
    published.some(({ report }) => report?.version === String(version) && report.status.state === newState),
  );
const file = (name: string) => read(folder.at(`dir/${name}`));

test('what is listed is what is done; what is compared with is what has come', async () => {
  await start('[ "$(cat)" = fast ] || sleep 0.2');
  await worker.receive(spec('a', 1, 'fast'));
  await reported(1, 'applied');
  await worker.receive(spec('a', 2, 'slow'));
  expect((await listed()).map(({ resourceVersion }) => resourceVersion)).toEqual(['1']);
  expect(got('hub/c1/a')).toMatchObject({ resourceVersion: '2' });
  await reported(2, 'applied');
  expect((await listed()).map(({ resourceVersion }) => resourceVersion)).toEqual(['2']);
});

test('a deletion that waits hides the resource, so that its next life, with a lower version, is not taken for stale', async () => {
  await start('sleep 0.2');
  await worker.receive(spec('a', 9, 'old life'));
  await worker.receive(deletion('a', 9));
  expect(got('hub/c1/a')).toBeUndefined();
  expect(await listed()).toMatchObject([{ resourceVersion: '0' }]);
  await worker.receive(spec('a', 1, 'new life'));
  expect(got('hub/c1/a')).toMatchObject({ resourceVersion: '1' });
  await reported(1, 'applied');
  expect(file('a')).toBe('new life');
});

test('a deletion is listed until its report was taken, and then a resync confirms it', async () => {
  await worker.receive(spec('a', 1, 'x'));
  await reported(1, 'applied');
  away = true;
  await worker.receive(deletion('a', 2));
  await until('the file is gone', () => file('a') === undefined);
  await until('it is done', () => state.get('hub/c1/a')?.status?.deleted === true);
  expect(await listed()).toHaveLength(1);
  expect(resyncs).toBe(0);
  away = false;
  worker.connected();
  await until('the resync', () => resyncs === 1);
  expect(published.at(-1)?.report?.status).toMatchObject({
    state: 'deleted',
    deleted: true,
    action: 'DELETED',
  });
  expect(await listed()).toEqual([]);
});

test('a deletion whose report goes out before it is written down is forgotten like any other', async () => {
  await worker.receive(spec('a', 1, 'x'));
  await reported(1, 'applied');
  whenDone = () => worker.connected();
  await worker.receive(deletion('a', 2));
  await until('the resync', () => resyncs === 1);
  expect(await listed()).toEqual([]);
});

test('a report that was not taken goes out after a restart', async () => {
  away = true;
  await worker.receive(spec('a', 1, 'x'));
  await until('it is applied', () => state.get('hub/c1/a')?.status !== undefined);
  await end();
  away = false;
  await start();
  worker.connected();
  await reported(1, 'applied');
});

test('a deletion that was done, and not reported, is reported after a restart, and done once', async () => {
  const log = folder.at('log');
  await start(`echo $CE_BROKER_ACTION >> ${log}`);
  await worker.receive(spec('a', 1, 'x'));
  await reported(1, 'applied');
  away = true;
  await worker.receive(deletion('a', 2));
  await until('it is done', () => state.get('hub/c1/a')?.status?.deleted === true);
  await end();
  away = false;
  await start(`echo $CE_BROKER_ACTION >> ${log}`);
  // The broker sends it again, for it is still listed.
  await worker.receive(deletion('a', 2));
  worker.connected();
  await until('the resync', () => resyncs === 1);
  expect(read(log)).toBe('ADDED\nDELETED\n');
});

test('a deletion of what is not known is reported, and touches no file', async () => {
  write(folder.at('dir/mine'), 'mine');
  await worker.receive(deletion('mine', 3));
  await reported(3, 'deleted');
  expect(file('mine')).toBe('mine');
});

test('of two resources with one name that come at once one is applied, and the other refused', async () => {
  await Promise.all([
    worker.receive(spec('web', 1, 'hub')),
    worker.receive(spec('Web', 5, 'other', 'other')),
  ]);
  await reported(1, 'applied');
  await reported(5, 'refused');
  expect(readdirSync(folder.at('dir')).filter((name) => !name.startsWith('.'))).toEqual(['web']);
  expect((await listed()).map(({ resourceVersion }) => resourceVersion)).toEqual(['1', '5']);
  // A deletion of the refused one leaves the file of the other alone.
  await worker.receive(deletion('Web', 6, 'other'));
  await reported(6, 'deleted');
  expect(file('web')).toBe('hub');
});

test('a refused one is asked for again when the name is free', async () => {
  await worker.receive(spec('web', 1, 'hub'));
  await worker.receive(spec('web', 5, 'other', 'other'));
  await reported(5, 'refused');
  await worker.receive(deletion('web', 2));
  await until('the resync', () => resyncs === 1);
  expect(await listed()).toMatchObject([{ uid: 'other/c1/web', resourceVersion: '0' }]);
  await worker.receive(spec('web', 5, 'other', 'other'));
  await reported(5, 'applied');
  expect(file('web')).toBe('other');
});

test('what the machine prevented is reported, and asked for again', async () => {
  renameSync(folder.at('dir'), folder.at('away'));
  await worker.receive(spec('a', 1, 'x'));
  await reported(1, 'failed');
  expect(await listed()).toMatchObject([{ resourceVersion: '0' }]);
  await until('the resync', () => resyncs > 0);
  mkdirSync(folder.at('dir'));
  await worker.receive(spec('a', 1, 'x'));
  await reported(1, 'applied');
  expect(file('a')).toBe('x');
});

test('a file that somebody changed by hand stays until a newer version comes, and goes with a deletion', async () => {
  await worker.receive(spec('a', 1, 'one'));
  await reported(1, 'applied');
  write(folder.at('dir/a'), 'by hand');
  await end();
  await start();
  worker.connected();
  expect(got('hub/c1/a')).toMatchObject({ resourceVersion: '1' });
  expect(file('a')).toBe('by hand');
  await worker.receive(spec('a', 2, 'two'));
  await reported(2, 'applied');
  expect(file('a')).toBe('two');
});

test('a file that is gone from the folder is asked for again at the next start', async () => {
  await worker.receive(spec('a', 1, 'one'));
  await worker.receive(spec('b', 1, 'one'));
  await until('both', () => published.length === 2);
  rmSync(folder.at('dir/a'));
  await end();
  await start();
  await worker.missing();
  expect((await listed()).map(({ name, resourceVersion }) => `${name} ${resourceVersion}`)).toEqual([
    'a 0',
    'b 1',
  ]);
});

test('a name that is no file name is refused, and the command is not run', async () => {
  await start(`echo run >> ${folder.at('log')}`);
  await worker.receive({ ...spec('x', 1, 'x'), name: '../x' });
  await reported(1, 'refused');
  expect(published.at(-1)?.report?.status.error).toContain('holds a slash');
  expect(existsSync(folder.at('log'))).toBe(false);
  expect(existsSync(folder.at('x'))).toBe(false);
});

test('a command that the end of the agent cut short is run again, and nothing is reported of it', async () => {
  await start('sleep 30');
  await worker.receive(spec('a', 1, 'x'));
  await until('the file', () => file('a') === 'x');
  await worker.finish(50);
  await worker.stop();
  expect(published).toEqual([]);
  await start();
  expect(await listed()).toMatchObject([{ resourceVersion: '0', report: { status: { state: 'pending' } } }]);
});

test('a state file that cannot be written is told, and the work goes on', async () => {
  await worker.receive(spec('a', 1, 'x'));
  await reported(1, 'applied');
  const before = read(path());
  renameSync(path(), folder.at('kept'));
  mkdirSync(path());
  await worker.receive(spec('a', 2, 'y'));
  await reported(2, 'applied');
  expect(said.join('\n')).toContain(`the state file ${path()} cannot be written: `);
  expect(file('a')).toBe('y');
  rmdirSync(path());
  expect(before).toContain('"version": "1"');
});

test('the state of another cluster is not used', async () => {
  await worker.receive(spec('a', 1, 'x'));
  await reported(1, 'applied');
  expect(() => AgentState.load(path(), 'c2', 'a.b.c')).toThrow(
    'is of cluster c1 and data type a.b.c, not of c2',
  );
});
