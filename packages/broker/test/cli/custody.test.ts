import { readdirSync, readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Broker, cli, Folder } from './support/cli.js';

const widgets = 'com.example.v1.widgets';
const bundles = 'io.open-cluster-management.works.v1alpha1.manifestbundles';

let broker: Broker;
beforeAll(async () => {
  broker = await Broker.start();
});
afterAll(() => broker[Symbol.asyncDispose]());

const at = (from: Broker) => ['--admin', `http://${from.admin}`];
const run = (...args: string[]) => cli([...args, ...at(broker)]);

function pub(to: Broker, ...events: readonly object[]) {
  const lines = events.map((event) =>
    JSON.stringify({
      source: 'hub',
      type: `${widgets}.spec.update_request`,
      cluster: 'c1',
      resourceVersion: 1,
      data: { some: 'thing' },
      ...event,
    }),
  );
  return cli(['pub', '--server', to.grpc], { stdin: lines.join('\n') });
}

const status = (id: string, source: string, cluster = 'c1') => ({
  source: `${cluster}-agent`,
  cluster,
  type: `${widgets}.status.update_request`,
  resourceId: id,
  extensions: { originalsource: source, sequenceid: '7', statushash: 'abc' },
});

/** The state list without what differs between two brokers. */
async function stateOf(from: Broker): Promise<string[]> {
  const { stdout } = await cli(['state', 'list', '--json', ...at(from)]);
  const drop = new Set(['position', 'ageMs']);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.stringify(JSON.parse(line, (key, value) => (drop.has(key) ? undefined : value))))
    .sort();
}

test('one resource is forgotten at once, many only with --yes, and the audit trail says who and why', async () => {
  await pub(broker, { resourceId: 'a' }, { resourceId: 'b' }, { resourceId: 'c', source: 'other' });
  expect(await run('state', 'forget', 'a', '--reason', 'its hub is gone')).toEqual({
    code: 0,
    stdout: 'forgotten: 1 resource of hub on 1 cluster\n',
    stderr: '',
  });
  await pub(broker, { resourceId: 'a' });
  expect(await run('state', 'forget', '--source', 'hub', '--reason', 'dismantled')).toMatchObject({
    code: 0,
    stdout: 'would be forgotten: 2 resources of hub on 1 cluster\nadd --yes to do it\n',
  });
  expect(await stateOf(broker)).toHaveLength(3);
  const adopted = await run(
    'state',
    'adopt',
    '--source',
    'other',
    '--to',
    'hub',
    '--reason',
    'renamed',
    '--yes',
  );
  expect(adopted.stdout).toBe('adopted: 1 resource of other on 1 cluster\n');
  const deleted = await run(
    'state',
    'forget',
    '--source',
    'hub',
    '--delete',
    '--reason',
    'dismantled',
    '--yes',
    '--json',
  );
  expect(JSON.parse(deleted.stdout)).toEqual({
    action: 'delete',
    dryRun: false,
    resources: 3,
    tombstones: 0,
    orphans: 0,
    unchanged: 0,
    clusters: 1,
    owners: ['hub'],
  });
  expect((await run('state', 'tombstones')).stdout.split('\n')).toHaveLength(5);
  const gone = await run('state', 'forget', '--cluster', 'c1', '--reason', 'c1 is gone', '--yes');
  expect(gone.stdout).toBe('forgotten: 3 deletions without confirmation of hub on 1 cluster\n');
  const audit = (await run('state', 'audit', '--json')).stdout.trimEnd().split('\n');
  expect(
    audit.map((line) => JSON.parse(line)).map(({ action, by, about }) => [action, by, about.reason]),
  ).toEqual([
    ['forget', 'admin', 'its hub is gone'],
    ['adopt', 'admin', 'renamed'],
    ['delete', 'admin', 'dismantled'],
    ['forget', 'admin', 'c1 is gone'],
  ]);
});

test('what is wrong is told', async () => {
  expect(await run('state', 'forget', '--reason', 'x')).toMatchObject({
    code: 2,
    stderr: 'ce-broker: say what is meant: an ID, --source or --cluster\n',
  });
  expect(await run('state', 'forget', 'nothing', '--reason', 'x')).toMatchObject({
    code: 1,
    stderr:
      'ce-broker: NOT_FOUND: there are no resources with the id nothing: ce-broker state list shows what is known\n',
  });
  expect(await run('state', 'reconciling')).toMatchObject({
    stdout: 'reconciled: what the broker has counts, and it answers by itself\n',
  });
  expect((await run('state', 'reconciled', '--reason', 'x')).stderr).toContain(
    'the broker is not reconciling',
  );
  using folder = new Folder();
  const refused = await run('backup', '--out', folder.at('x.backup'));
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.stderr).toContain("the broker's store is memory: there are no files to copy");
  expect(readdirSync(folder.path)).toEqual([]);
});

test('a running broker is backed up, restored, and asks before it answers alone', async () => {
  using folder = new Folder();
  await using kept = await Broker.start(['--store', 'lmdb', '--data-dir', folder.at('data')]);
  await pub(kept, { resourceId: 'a' }, { resourceId: 'b', source: 'other' });
  const file = folder.at('one.backup');
  const done = await cli(['backup', '--out', file, ...at(kept)]);
  expect(done.stdout).toMatch(/one\.backup: \d+ KiB, everything up to position \d+ of [0-9a-f-]{36}\n$/);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const again = await cli(['backup', '--out', file, ...at(kept)]);
  expect(again).toMatchObject({ code: 2 });
  expect(again.stderr).toContain('is there already: choose another file, or add --force');
  expect(await cli(['backup', '--force', '--out', file, ...at(kept)])).toMatchObject({ code: 0 });
  const busy = await cli(['restore', file, '--data-dir', folder.at('data')]);
  expect(busy.stderr).toContain('is not empty');

  const restored = await cli(['restore', file, '--data-dir', folder.at('restored')]);
  expect(restored).toMatchObject({ code: 0, stderr: '' });
  await using second = await Broker.start(['--store', 'lmdb', '--data-dir', folder.at('restored')]);
  expect(await stateOf(second)).toHaveLength(2);
  expect((await cli(['state', 'reconciling', ...at(second)])).stdout).toMatch(
    /^reconciling: the store was restored at \S+\n {2}source hub has not .* in 1 place\n {2}source other .*\n {2}agents .* on c1\n$/,
  );
  const held = await cli(['state', 'list', '--held', '--json', ...at(second)]);
  expect(held.stdout).toContain('"held":"the store was restored, and hub has not confirmed it"');
  await cli(['state', 'reconciled', '--source', 'hub', '--reason', 'it is gone', ...at(second)]);
  await cli(['state', 'reconciled', '--reason', 'all are gone', ...at(second)]);
  expect((await cli(['state', 'reconciling', ...at(second)])).stdout).toBe(
    'reconciled: what the broker has counts, and it answers by itself\n',
  );
});

test('an export comes back the same, in a running broker and in a data directory', async () => {
  using folder = new Folder();
  await using one = await Broker.start(['--store', 'lmdb', '--data-dir', folder.at('one')]);
  await pub(
    one,
    { resourceId: 'a' },
    { resourceId: 'a', resourceVersion: 2 },
    { resourceId: 'b', cluster: 'c2', source: 'other' },
    status('a', 'hub'),
    { resourceId: 'd', type: `${bundles}.spec.update_request` },
    { resourceId: 'd', type: `${bundles}.spec.delete_request`, deletionTimestamp: '2026-01-01T00:00:00Z' },
    {
      resourceId: 's',
      type: `${widgets}.status.update_request`,
      source: 'c1-agent',
      extensions: { originalsource: 'hub' },
    },
  );
  await cli(['hold', '--cluster', 'c2', '--reason', 'later', ...at(one)]);
  await cli(['state', 'adopt', 'b', '--to', 'hub', '--reason', 'moved', ...at(one)]);
  const file = folder.at('state.jsonl');
  expect(await cli(['export', '--history', '--secrets', '--out', file, ...at(one)])).toMatchObject({
    code: 0,
    stdout: `${file}: 4 resources\n`,
    stderr: '',
  });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const expected = await stateOf(one);

  await using two = await Broker.start();
  expect((await cli(['import', file, ...at(two)])).stdout).toBe('4 resources imported\n');
  expect(await stateOf(two)).toEqual(expected);
  expect((await cli(['import', file, ...at(two)])).stdout).toBe(
    '0 resources imported, 4 the broker knew already\n',
  );

  expect(await cli(['import', file, '--data-dir', folder.at('three')])).toMatchObject({
    code: 0,
    stdout: '4 resources imported\n',
  });
  await using three = await Broker.start(['--store', 'lmdb', '--data-dir', folder.at('three')]);
  expect((await cli(['state', 'reconciled', '--reason', 'a test', ...at(three)])).code).toBe(0);
  expect(await stateOf(three)).toEqual(expected);
  expect((await cli(['holds', ...at(three)])).stdout).toMatch(/^cluster +c2 .* later/m);
  expect((await cli(['state', 'history', 'a', '--json', ...at(three)])).stdout).toContain('"version":1');
  const plain = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) =>
        JSON.stringify(JSON.parse(line, (key, value) => (key === 'position' ? undefined : value))),
      )
      .sort();
  const back = await cli(['export', '--history', '--secrets', ...at(three)]);
  expect(plain(back.stdout)).toEqual(plain(readFileSync(file, 'utf8')));
});

test('a wrong line of an import is named', async () => {
  using folder = new Folder();
  const broken = folder.file('broken.jsonl', '{"kind":"export","format":1}\n{"kind":\n');
  const told = await run('import', broken);
  expect(told.code).toBe(2);
  expect(told.stderr).toMatch(/^ce-broker: \S+broken\.jsonl:2: no JSON: /);
  const wrong = folder.file(
    'wrong.jsonl',
    '{"kind":"export","format":1}\n\n{"kind":"resource","cluster":"c1","dataType":"a.b.c","id":""}\n{"kind":"end"}\n',
  );
  expect((await run('import', wrong)).stderr).toBe(
    `ce-broker: ${wrong}:3: id must be text that is not empty\n`,
  );
  const dataDir = folder.at('data');
  expect((await cli(['import', wrong, '--data-dir', dataDir])).stderr).toContain(`${wrong}:3: id must be`);
  expect(readdirSync(dataDir)).toEqual([]);
  const later = folder.file('later.jsonl', '{"kind":"export","format":9}\n');
  expect((await run('import', later)).stderr).toContain(`${later}:1: the export has format 9`);
  const cut = folder.file('cut.jsonl', '{"kind":"export","format":1}\n');
  expect((await run('import', cut)).stderr).toContain(`${cut}:1: the last line is not the end of an export`);
});
