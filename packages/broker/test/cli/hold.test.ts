import { afterAll, beforeAll, expect, test } from 'vitest';
import { Broker, cli, Folder, Running } from './support/cli.js';

const widgets = 'com.example.v1.widgets';

let broker: Broker;
beforeAll(async () => {
  broker = await Broker.start(['--mass-deletion', 'share=50%,within=10m,least=3']);
});
afterAll(() => broker[Symbol.asyncDispose]());

const admin = () => ['--admin', `http://${broker.admin}`];
const run = (command: string, ...args: string[]) => cli([command, ...args, ...admin()]);

function pub(...events: readonly object[]) {
  const lines = events.map((event) =>
    JSON.stringify({
      source: 'hub',
      type: `${widgets}.spec.update_request`,
      resourceVersion: 1,
      data: {},
      ...event,
    }),
  );
  return cli(['pub', '--server', broker.grpc], { stdin: lines.join('\n') });
}

test('a cluster is paused with a reason, and gets the newest on release', async () => {
  await using sub = new Running(['sub', '--server', broker.grpc, '--cluster', 'c1', '--type', widgets]);
  await sub.saw('stderr', /subscribed/);
  expect(await run('hold', '--cluster', 'c1', '--reason', 'an upgrade')).toEqual({
    code: 0,
    stdout: 'held: cluster c1\n',
    stderr: '',
  });
  const published = await pub(
    { cluster: 'c1', resourceId: 'a', resourceVersion: 1 },
    { cluster: 'c1', resourceId: 'a', resourceVersion: 2 },
  );
  expect(published.code).toBe(0);
  const { stdout } = await run('holds');
  expect(stdout).toMatch(/^KIND +NAME +CLUSTER +WAITING +SINCE +BY +REASON +TYPE\n/);
  expect(stdout).toMatch(/^cluster +c1 +c1 +1 +\d+s +admin +an upgrade +-$/m);
  expect(sub.stdout).toBe('');
  expect(await run('release', '--cluster', 'c1')).toMatchObject({
    code: 0,
    stdout: 'released: cluster c1 (1 waiting)\n',
  });
  await sub.saw('stdout', /"resourceVersion":2/);
  expect(sub.stdout).not.toContain('"resourceVersion":1');
  expect((await run('holds')).stdout).toBe('nothing\n');
});

test('a source and a resource are held and released as JSON, and all at once', async () => {
  await pub({ cluster: 'c2', resourceId: 'b' });
  const source = await run('hold', '--source', 'hub', '--reason', 'bad release', '--json');
  expect(JSON.parse(source.stdout)).toMatchObject({ kind: 'source', name: 'hub', reason: 'bad release' });
  const resource = await run('hold', '--resource', 'b', '--reason', 'it flaps');
  expect(resource.stdout).toBe(`held: resource b of ${widgets} on c2\n`);
  const list = (await run('holds', '--json')).stdout.trimEnd().split('\n');
  expect(list.map((line) => JSON.parse(line).kind)).toEqual(['source', 'resource']);
  const again = await run('hold', '--resource', 'b', '--cluster', 'c2', '--type', widgets, '--reason', 'x');
  expect([again.code, again.stderr]).toEqual([
    1,
    `ce-broker: ALREADY_EXISTS: resource b of ${widgets} on c2 is held already, by admin (it flaps): release it first to hold it for another reason\n`,
  ]);
  const released = await run('release', '--all');
  expect(released.stdout).toBe(`released: source hub\nreleased: resource b of ${widgets} on c2\n`);
  expect((await run('release', '--all')).stdout).toBe('nothing was held\n');
});

test('too many deletions wait for consent', async () => {
  const ids = ['d1', 'd2', 'd3', 'd4'];
  const type = `${widgets}.spec.resync_response`;
  await pub(...ids.map((resourceId) => ({ cluster: 'c3', resourceId, type })));
  await using sub = new Running(['sub', '--server', broker.grpc, '--cluster', 'c3', '--type', widgets]);
  await sub.saw('stderr', /subscribed/);
  for (const id of ids) {
    const about = ['--cluster', 'c3', '--type', widgets, '--source', 'hub', '--id', id, '--delete'];
    expect((await cli(['pub', '--server', broker.grpc, ...about])).code).toBe(0);
  }
  await broker.saw('stderr', /more was deleted than massDeletion allows/);
  const { stdout } = await run('holds');
  expect(stdout).toMatch(
    /^deletions +c3 +c3 +2 +\d+s +ce-broker +3 of 4 resources would have been deleted +com/m,
  );
  await sub.saw('stdout', /"d2"/);
  expect(sub.stdout).not.toMatch(/"d[34]"/);
  expect((await run('release', '--deletions', 'c3')).stdout).toBe(
    `released: deletions of ${widgets} on cluster c3 (2 waiting)\n`,
  );
  await sub.saw('stdout', /"d4"/);
});

test('deletions that wait are discarded, and the audit knows who did it', async () => {
  const ids = ['e1', 'e2', 'e3', 'e4'];
  const type = `${widgets}.spec.resync_response`;
  await pub(...ids.map((resourceId) => ({ cluster: 'c4', resourceId, type })));
  const remove = async (id: string) => {
    const about = ['--cluster', 'c4', '--type', widgets, '--source', 'hub', '--id', id, '--delete'];
    expect((await cli(['pub', '--server', broker.grpc, ...about])).code).toBe(0);
  };
  for (const id of ids) await remove(id);
  expect((await run('holds')).stdout).toMatch(/^deletions +c4 +c4 +2 /m);
  expect(await run('discard', '--deletions', 'c4', '--source', 'other', '--reason', 'x')).toMatchObject({
    stdout: 'discarded: 0 deletions on cluster c4\n',
  });
  expect(await run('discard', '--deletions', 'c4', '--reason', 'an old backup', '--json')).toEqual({
    code: 0,
    stdout: '{"cluster":"c4","dataType":null,"source":null,"discarded":2,"left":0}\n',
    stderr: '',
  });
  await using sub = new Running(['sub', '--server', broker.grpc, '--cluster', 'c4', '--type', widgets]);
  await sub.saw('stderr', /subscribed/);
  const listed = (await cli(['state', 'list', '--cluster', 'c4', '--json', ...admin()])).stdout;
  expect(listed.trimEnd().split('\n')).toHaveLength(4);
  expect((await cli(['state', 'history', 'e4', ...admin()])).stdout).toContain('admin');
  const audit = await (await fetch(`http://${broker.admin}/audit`)).text();
  expect(audit).toMatch(/"action":"discard".*"reason":"an old backup","discarded":2,"left":0/);
  await remove('e4');
  const again = await run('holds');
  expect(again.stdout).toMatch(/^deletions +c4 +c4 +1 /m);
  expect((await run('discard', '--deletions', 'c4', '--reason', 'still')).stdout).toBe(
    'discarded: 1 deletions on cluster c4\n',
  );
});

test('what says nothing, or too much, is wrong usage', async () => {
  const told = async (...args: string[]) => {
    const { code, stderr } = await cli([...args, '--admin', '127.0.0.1:1']);
    return `${code} ${stderr}`;
  };
  const reason = ['--reason', 'r'];
  expect(await told('hold', ...reason)).toContain('2 ce-broker: name one of --cluster, --source');
  expect(await told('hold', '--cluster', 'c', '--source', 's', ...reason)).toContain(
    '2 ce-broker: name one of',
  );
  expect(await told('hold', '--cluster', 'c', '--type', widgets, ...reason)).toContain('--type goes with');
  expect(await told('hold', '--cluster', 'c')).toMatch(/^2 .*--reason/);
  expect(await told('release', '--all', '--deletions', 'c')).toContain('2 ce-broker: name one of');
  expect(await told('discard', '--deletions', 'c')).toMatch(/^2 .*--reason/);
  expect(await told('release', '--cluster', 'c')).toContain('3 ce-broker: UNAVAILABLE');
  const missing = await run('release', '--cluster', 'c7');
  expect([missing.code, missing.stderr]).toEqual([
    1,
    'ce-broker: NOT_FOUND: cluster c7 is not held: ce-broker holds lists what is\n',
  ]);
});

test('the guard is set in a file too, and what is wrong with it is told', async () => {
  using folder = new Folder();
  const file = folder.file('broker.yaml', 'massDeletion: {share: 20%, within: 10m, least: 10}\n');
  await using other = await Broker.start(['--config', file]);
  expect(other.admin).not.toBe('');
  await using third = await Broker.start(['--mass-deletion', '30%']);
  expect(third.admin).not.toBe('');
  const serve = async (limit: string) => {
    const args = ['serve', '--listen', '127.0.0.1:0', '--admin', 'none', '--mass-deletion', limit];
    const { code, stderr } = await cli(args);
    return `${code} ${stderr}`;
  };
  expect(await serve('20')).toContain('2 ce-broker: --mass-deletion is "20": it must be none, 20%, or');
  expect(await serve('share=200%')).toContain('share of --mass-deletion is "200%": it must be above 0%');
  expect(await serve('shore=20%')).toContain('--mass-deletion has no "shore"; did you mean share?');
  expect(await serve('within=10ms')).toContain('--mass-deletion');
  const wrong = folder.file('wrong.yaml', 'listen: 127.0.0.1:0\nmassDeletion: {least: none}\n');
  const { stderr } = await cli(['serve', '--config', wrong]);
  expect(stderr).toContain(
    `${wrong}:2:15: least of massDeletion is "none": it must be a whole number from 1 up`,
  );
});

test('holds, and deletions that wait for consent, survive kill -9', async () => {
  using folder = new Folder();
  const settings = [
    '--store',
    'lmdb',
    '--data-dir',
    folder.at('data'),
    '--mass-deletion',
    'share=50%,least=3',
  ];
  const ids = ['d1', 'd2', 'd3', 'd4'];
  const deletion = ['--type', widgets, '--source', 'hub', '--delete'];
  {
    await using first = await Broker.start(settings);
    const at = (command: string, ...args: string[]) => cli([command, ...args, '--admin', first.admin]);
    expect((await at('hold', '--cluster', 'c1', '--reason', 'an upgrade')).code).toBe(0);
    expect((await at('hold', '--source', 'other', '--reason', 'over soon')).code).toBe(0);
    expect((await at('release', '--source', 'other')).code).toBe(0);
    const type = `${widgets}.spec.resync_response`;
    const events = [
      { cluster: 'c1', resourceId: 'a', type },
      ...ids.map((resourceId) => ({ cluster: 'c3', resourceId, type })),
    ].map((event) => JSON.stringify({ source: 'hub', resourceVersion: 1, data: {}, ...event }));
    expect((await cli(['pub', '--server', first.grpc], { stdin: events.join('\n') })).code).toBe(0);
    for (const id of ids) {
      const about = ['--cluster', 'c3', '--id', id, ...deletion];
      expect((await cli(['pub', '--server', first.grpc, ...about])).code).toBe(0);
    }
  }
  await using second = await Broker.start(settings);
  const at = (command: string, ...args: string[]) => cli([command, ...args, '--admin', second.admin]);
  const rows = (await at('holds', '--json')).stdout.trimEnd().split('\n');
  expect(rows.map((line) => JSON.parse(line))).toMatchObject([
    { kind: 'cluster', name: 'c1', by: 'admin', reason: 'an upgrade' },
    { kind: 'deletions', name: 'c3', waiting: 2 },
  ]);
  const resync = (cluster: string, resourceIds: readonly string[]) =>
    JSON.stringify({
      cluster,
      source: `${cluster}-agent`,
      type: `${widgets}.spec.resync_request`,
      extensions: { originalsource: '' },
      data: { resourceVersions: resourceIds.map((resourceID) => ({ resourceID, resourceVersion: 1 })) },
    });
  await using held = new Running(['sub', '--server', second.grpc, '--cluster', 'c1', '--type', widgets]);
  await using guarded = new Running(['sub', '--server', second.grpc, '--cluster', 'c3', '--type', widgets]);
  await Promise.all([held.saw('stderr', /subscribed/), guarded.saw('stderr', /subscribed/)]);
  const asked = [resync('c1', []), resync('c3', ids)].join('\n');
  expect((await cli(['pub', '--server', second.grpc], { stdin: asked })).code).toBe(0);
  await guarded.saw('stdout', /"d2"/);
  expect([guarded.stdout.match(/"d[34]"/), held.stdout.match(/"a"/)]).toEqual([null, null]);
  expect((await at('release', '--all')).code).toBe(0);
  await guarded.saw('stdout', /"d4"/);
  await held.saw('stdout', /"a"/);
});

test('deletions that were discarded stay discarded after kill -9, and wait again when they are asked for again', async () => {
  using folder = new Folder();
  const guard = ['--mass-deletion', 'share=50%,least=3'];
  const settings = ['--store', 'lmdb', '--data-dir', folder.at('data'), ...guard];
  const ids = ['d1', 'd2', 'd3', 'd4'];
  const remove = async (grpc: string, id: string) => {
    const about = ['--cluster', 'c3', '--type', widgets, '--source', 'hub', '--id', id, '--delete'];
    expect((await cli(['pub', '--server', grpc, ...about])).code).toBe(0);
  };
  {
    await using first = await Broker.start(settings);
    const type = `${widgets}.spec.resync_response`;
    const events = ids.map((resourceId) =>
      JSON.stringify({ source: 'hub', resourceVersion: 1, data: {}, cluster: 'c3', resourceId, type }),
    );
    expect((await cli(['pub', '--server', first.grpc], { stdin: events.join('\n') })).code).toBe(0);
    for (const id of ids) await remove(first.grpc, id);
    const told = await cli(['discard', '--deletions', 'c3', '--reason', 'a mistake', '--admin', first.admin]);
    expect(told.stdout).toBe('discarded: 2 deletions on cluster c3\n');
  }
  await using second = await Broker.start(settings);
  const list = await cli(['state', 'list', '--cluster', 'c3', '--admin', second.admin, '--json']);
  const rows = list.stdout
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as Record<string, unknown>);
  expect(rows.map(({ id, state }) => `${id} ${state}`).sort()).toEqual([
    'd1 deleting',
    'd2 deleting',
    'd3 live',
    'd4 live',
  ]);
  await remove(second.grpc, 'd4');
  const holds = await cli(['holds', '--admin', second.admin, '--json']);
  expect(JSON.parse(holds.stdout)).toMatchObject({ kind: 'deletions', name: 'c3', waiting: 1 });
});
