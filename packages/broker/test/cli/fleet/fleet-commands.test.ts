import { readdirSync, rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Broker, cli, Folder, Running } from '../support/cli.js';
import {
  Agent,
  confirmed,
  isAlive,
  namesIn,
  read,
  restarted,
  Source,
  stop,
  until,
  write,
} from './support/fleet.js';

let folder: Folder;
let broker: Broker;
beforeEach(async () => {
  folder = new Folder();
  broker = await Broker.start();
});
afterEach(async () => {
  await broker[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const file = (path: string) => folder.at(`fleet/${path}`);
const applied = { event: 'status', state: 'applied' };

describe('a command', () => {
  const exec = (...lines: string[]) => ['--exec', lines.join('\n')];

  test('gets the spec and what it is about, and its exit code and last lines are the status', async () => {
    write(file('c1/good.yaml'), 'good');
    write(file('c1/bad.yaml'), 'bad');
    await using source = Source.at(folder, broker.grpc);
    await using _agent = Agent.at(
      folder,
      broker.grpc,
      'c1',
      ...exec(
        'spec=$(cat)',
        'echo "$CE_BROKER_ACTION $CE_BROKER_RESOURCE_ID $CE_BROKER_RESOURCE_VERSION $CE_BROKER_SOURCE $CE_BROKER_CLUSTER $CE_BROKER_NAME"',
        'cmp -s "$CE_BROKER_FILE" - <<EOT || echo "the file differs"',
        '$spec',
        'EOT',
        'echo "spec is $spec" >&2',
        '[ "$spec" = good ] || exit 7',
      ),
    );
    expect(await source.told({ event: 'status', file: 'bad.yaml' })).toMatchObject({
      state: 'failed',
      exitCode: 7,
      output: ['ADDED hub/c1/bad.yaml 1 hub c1 bad.yaml', 'the file differs', 'spec is bad'],
    });
    expect(await source.told({ event: 'status', file: 'good.yaml' })).toMatchObject({
      state: 'applied',
      exitCode: 0,
    });
    // A file that its command does not like is there all the same: the command says what is, not what should be.
    expect(namesIn(folder.at('c1'))).toEqual(['bad.yaml', 'good.yaml']);
  });

  test('is ended by its timeout, with all that it started', async () => {
    const pid = folder.at('pid');
    write(file('c1/a.yaml'), 'a');
    await using source = Source.at(folder, broker.grpc);
    await using _agent = Agent.at(
      folder,
      broker.grpc,
      'c1',
      '--timeout',
      '500ms',
      ...exec(`sh -c 'echo $$ > ${pid}; exec sleep 60'`, 'true'),
    );
    expect(await source.told({ event: 'status', file: 'a.yaml' })).toMatchObject({
      state: 'failed',
      timedOut: true,
      timeoutMs: 500,
      output: [],
    });
    await until('the child is gone', () => !isAlive(Number(read(pid))));
  });

  test('gets only the newest of the versions that came while it ran, and runs once at a time', async () => {
    const [log, gate] = [folder.at('log'), folder.at('gate')];
    write(file('c1/a.yaml'), 'one');
    await using source = Source.at(folder, broker.grpc);
    await using _agent = Agent.at(
      folder,
      broker.grpc,
      'c1',
      ...exec(
        `echo "begin $(cat)" >> ${log}`,
        `while [ ! -e ${gate} ]; do sleep 0.05; done`,
        `echo end >> ${log}`,
      ),
    );
    await until('the first runs', () => read(log) === 'begin one\n');
    for (const [version, text] of [
      [2, 'two'],
      [3, 'three'],
      [4, 'four'],
    ] as const) {
      write(file('c1/a.yaml'), text);
      await source.told({ event: 'published', version });
    }
    // Everything that was published before this one has reached the agent.
    write(file('c1/marker.yaml'), 'marker');
    await until('the marker runs', () => (read(log) ?? '').includes('begin marker'));
    write(gate, '');
    await source.told({ event: 'status', file: 'a.yaml', reportedVersion: 4 });
    const lines = (read(log) ?? '')
      .split('\n')
      .filter((line) => line.startsWith('begin') && !line.includes('marker'));
    expect(lines).toEqual(['begin one', 'begin four']);
  });

  test('alone, without a folder, is given the last spec once more when the file is deleted', async () => {
    const log = folder.at('log');
    write(file('c1/a.yaml'), 'spec of a');
    write(file('c1/b.yaml'), 'spec of b');
    await using source = Source.at(folder, broker.grpc);
    await using _agent = new Running([
      ...['agent', '--cluster', 'c1', '--server', broker.grpc, '--state', folder.at('agent.json')],
      ...exec(`echo "$CE_BROKER_ACTION $CE_BROKER_NAME:$(cat):$CE_BROKER_FILE" >> ${log}`, 'exit 3'),
    ]);
    await source.told({ event: 'status', file: 'a.yaml' });
    rmSync(file('c1/a.yaml'));
    expect(await source.told({ event: 'deleted', file: 'a.yaml' })).toMatchObject({
      action: 'DELETED',
      exitCode: 3,
    });
    expect(read(log)?.split('\n')).toContain('DELETED a.yaml:spec of a:');
    await confirmed(broker);
    await until('its copy is gone', () => readdirSync(folder.at('agent.json.specs')).length === 1);
  });

  test('that runs when the agent is told to end may finish, and is not run again', async () => {
    const [log, gate] = [folder.at('log'), folder.at('gate')];
    write(file('c1/a.yaml'), 'a');
    const command = exec(
      `echo begin >> ${log}`,
      `while [ ! -e ${gate} ]; do sleep 0.05; done`,
      `echo end >> ${log}`,
    );
    await using source = Source.at(folder, broker.grpc);
    {
      await using agent = Agent.at(folder, broker.grpc, 'c1', ...command);
      await until('it runs', () => read(log) === 'begin\n');
      agent.child.kill('SIGTERM');
      write(gate, '');
      expect((await agent.ended()).code).toBe(0);
    }
    await using _agent = Agent.at(folder, broker.grpc, 'c1', ...command);
    await source.told({ ...applied, file: 'a.yaml' });
    expect(read(log)).toBe('begin\nend\n');
  });
});

test('nothing is reported of a file whose first command still runs, also when its source asks', async () => {
  const gate = folder.at('gate');
  write(file('c1/a.yaml'), 'a');
  const command = `[ "$CE_BROKER_NAME" != a.yaml ] || while [ ! -e ${gate} ]; do sleep 0.05; done`;
  await using agent = Agent.at(folder, broker.grpc, 'c1', '--exec', `echo; ${command}`);
  {
    await using before = Source.at(folder, broker.grpc);
    await until('it is under way', () => read(folder.at('c1/a.yaml')) === 'a');
    await stop(before);
  }
  await using source = Source.at(folder, broker.grpc);
  await source.saw('stderr', /subscribed/);
  // The answer to the question of the restarted source comes before this.
  write(file('c1/b.yaml'), 'b');
  await source.told({ ...applied, file: 'b.yaml' });
  expect(source.lines.filter(({ file }) => file === 'a.yaml')).toEqual([]);
  write(gate, '');
  await source.told({ ...applied, file: 'a.yaml', reportedVersion: 1 });
  expect(source.stdout + agent.stdout).not.toContain('pending');
  expect(agent.stderr).not.toContain('resync');
});

test('a broker that keeps nothing: the source answers the agents itself', async () => {
  await using relay = await Broker.start(['--store', 'none']);
  write(file('c1/a.yaml'), 'a: 1');
  await using source = Source.at(folder, relay.grpc);
  await source.told({ event: 'published', file: 'a.yaml' });
  {
    await using agent = Agent.at(folder, relay.grpc, 'c1');
    await source.told({ ...applied, file: 'a.yaml', reportedVersion: 1 });
    await stop(agent);
  }
  write(file('c1/a.yaml'), 'a: 2');
  await source.told({ event: 'published', file: 'a.yaml', version: 2 });
  await using _agent = Agent.at(folder, relay.grpc, 'c1');
  await source.told({ ...applied, file: 'a.yaml', reportedVersion: 2 });
});

test('a resource that belongs to another source is refused by the broker, and that is shown', async () => {
  write(file('c1/a.yaml'), 'a');
  const about = [
    '--cluster',
    'c1',
    '--type',
    'io.ce-broker.v1.files',
    '--id',
    'hub/c1/a.yaml',
    '--data',
    '1',
  ];
  await cli(['pub', '--server', broker.grpc, '--source', 'other', ...about, '--resource-version', '1']);
  await using source = Source.at(folder, broker.grpc);
  expect((await source.told({ event: 'refused', file: 'a.yaml' })).error).toContain(
    'belongs to source other',
  );
});

describe('two sources', () => {
  test('with a file of one name: the second is refused, says whose it is, and is applied when the first is gone', async () => {
    write(file('c1/web.yaml'), 'of hub');
    write(file('c1/more.yaml'), 'more');
    write(folder.at('other/c1/WEB.yaml'), 'of other');
    await using hub = Source.at(folder, broker.grpc);
    await using _agent = Agent.at(folder, broker.grpc, 'c1');
    await hub.told({ ...applied, file: 'web.yaml' });
    await using other = new Source([
      ...['source', '--dir', folder.at('other'), '--source', 'other', '--server', broker.grpc, '--json'],
    ]);
    expect(await other.told({ event: 'status' })).toMatchObject({
      state: 'refused',
      error: 'the file name WEB.yaml is taken on this agent by hub/c1/web.yaml',
    });
    expect(read(folder.at('c1/web.yaml'))).toBe('of hub');
    rmSync(file('c1/web.yaml'));
    await hub.told({ event: 'deleted', file: 'web.yaml' });
    await other.told({ ...applied, file: 'WEB.yaml' });
    expect(read(folder.at('c1/WEB.yaml'))).toBe('of other');
  });

  test('with one id on one resource come to an end: one is told, stops, and goes on when its file changes', async () => {
    write(file('c1/a.yaml'), 'one');
    write(folder.at('copy/c1/a.yaml'), 'two');
    const log = folder.at('log');
    await using _agent = Agent.at(folder, broker.grpc, 'c1', '--exec', `cat >> ${log}; echo >> ${log}`);
    await using first = Source.at(folder, broker.grpc);
    await first.told(applied);
    await using second = new Source([
      ...['source', '--dir', folder.at('copy'), '--source', 'hub', '--server', broker.grpc, '--json'],
    ]);
    await until('one of them says so', () =>
      [first, second].some(({ lines }) => lines.some(({ event }) => event === 'conflict')),
    );
    const [loser, path] = first.lines.some(({ event }) => event === 'conflict')
      ? [first, file('c1/a.yaml')]
      : [second, folder.at('copy/c1/a.yaml')];
    expect(loser.stderr).toContain(
      'CONFLICT: hub/c1/a.yaml: another source with the id hub publishes it too',
    );
    expect((read(log) ?? '').trim().split('\n').length).toBeLessThanOrEqual(4);
    const after = loser.lines.length;
    write(path, 'three');
    await loser.told({ event: 'published', file: 'a.yaml' }, after);
    await until('it is applied', () => read(folder.at('c1/a.yaml')) === 'three');
  });
});

test('without a terminal, and without --json, each news is a line', async () => {
  write(file('c1/a.yaml'), 'a');
  await using source = new Running([
    'source',
    '--dir',
    folder.at('fleet'),
    '--source',
    'hub',
    '--server',
    broker.grpc,
  ]);
  await using agent = Agent.at(folder, broker.grpc, 'c1', '--exec', 'echo why; exit 2');
  await source.saw('stdout', /^c1\/a\.yaml v1 published\n/);
  await source.saw('stdout', /^c1\/a\.yaml v1 FAILED \(exit 2, \d+ ms\): why\n/m);
  await agent.saw('stdout', /^a\.yaml v1 ADDED: failed \(exit 2, \d+ ms\): why\n/m);
});

test('a broker that speaks TLS and wants certificates, or tokens', async () => {
  await cli(['certs', folder.at('certs'), '--user', 'hub']);
  const at = (name: string) => folder.at(`certs/${name}`);
  const serve = ['--tls-cert', at('server.crt'), '--tls-key', at('server.key')];
  const tokens = folder.file('tokens', 'good,hub,1\n');
  for (const [server, own] of [
    [
      ['--client-ca', at('ca.crt')],
      ['--cert', at('client.crt'), '--key', at('client.key')],
    ],
    [
      ['--token-file', tokens],
      ['--token-file', folder.file('token', 'good')],
    ],
  ] as const) {
    await using secure = await Broker.start([...serve, ...server]);
    const localhost = secure.grpc.replace('127.0.0.1', 'localhost');
    const flags = ['--ca', at('ca.crt'), ...own];
    write(file('c1/a.yaml'), own.join(' '));
    await using source = Source.at(folder, localhost, ...flags);
    await using _agent = Agent.at(folder, localhost, 'c1', ...flags);
    await source.told(applied);
    await until('the file', () => read(folder.at('c1/a.yaml')) === own.join(' '));
  }
});

test('a broker that is killed again and again: in the end every file is what it was last, and nothing went back', async () => {
  const log = folder.at('log');
  write(file('c1/keep'), '0');
  const exec = `echo "$CE_BROKER_NAME $CE_BROKER_ACTION $CE_BROKER_RESOURCE_VERSION" >> ${log}`;
  await using _source = Source.at(folder, broker.grpc);
  await using _agent = Agent.at(folder, broker.grpc, 'c1', '--exec', exec);
  const { grpc } = broker;
  for (let round = 1; round <= 3; round++) {
    for (let name = 0; name < 10; name++) write(file(`c1/f${name}`), `${round} ${name}`);
    write(file('c1/comes-and-goes'), String(round));
    await until('some of it arrives', () => namesIn(folder.at('c1')).length > 3);
    await broker[Symbol.asyncDispose]();
    write(file('c1/keep'), String(round));
    rmSync(file('c1/comes-and-goes'));
    rmSync(file(`c1/f${round}`));
    broker = await restarted(grpc);
  }
  const should = namesIn(folder.at('fleet/c1'));
  await until('the folders are one', () => {
    const names = namesIn(folder.at('c1'));
    return (
      names.join() === should.join() &&
      names.every((name) => read(folder.at(`c1/${name}`)) === read(file(`c1/${name}`)))
    );
  });
  const newest = new Map<string, number>();
  for (const line of (read(log) ?? '').trim().split('\n')) {
    const [name = '', , version] = line.split(' ');
    expect(Number(version)).toBeGreaterThanOrEqual(newest.get(name) ?? 0);
    newest.set(name, Number(version));
  }
  await confirmed(broker);
});
