import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Broker, cli, Folder, Running } from '../support/cli.js';
import { Agent, confirmed, namesIn, read, restarted, Source, stop, until, write } from './support/fleet.js';

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

describe('files of a folder', () => {
  test('reach the cluster that their folder names, byte for byte, and no other', async () => {
    const bytes = Buffer.from([0, 255, 13, 10, 0x80, 10]);
    write(file('c1/blob.bin'), bytes);
    write(file('c1/web.yaml'), 'kind: Service\r\n');
    write(file('c2/empty.txt'), '');
    await using source = Source.at(folder, broker.grpc);
    await using _one = Agent.at(folder, broker.grpc, 'c1');
    await using _two = Agent.at(folder, broker.grpc, 'c2');
    for (const name of ['blob.bin', 'web.yaml', 'empty.txt']) await source.told({ ...applied, file: name });
    expect(read(folder.at('c1/web.yaml'))).toBe('kind: Service\r\n');
    expect(readFileSync(folder.at('c1/blob.bin'))).toEqual(bytes);
    expect(read(folder.at('c2/empty.txt'))).toBe('');
    expect(namesIn(folder.at('c1'))).toEqual(['blob.bin', 'web.yaml']);
    expect(namesIn(folder.at('c2'))).toEqual(['empty.txt']);
    expect(await source.told({ file: 'web.yaml', event: 'published' })).toMatchObject({
      resourceId: 'hub/c1/web.yaml',
      version: 1,
    });
  });

  test('are followed: a change, a new file, a new cluster, a deletion, a file that comes back', async () => {
    write(file('c1/a.yaml'), 'a: 1\n');
    write(file('c1/b.yaml'), 'b: 1\n');
    await using source = Source.at(folder, broker.grpc);
    await using _one = Agent.at(folder, broker.grpc, 'c1');
    await using _two = Agent.at(folder, broker.grpc, 'c2');
    await source.told({ ...applied, file: 'a.yaml', reportedVersion: 1 });
    write(file('c1/a.yaml'), 'a: 2\n');
    write(file('c2/c.yaml'), 'c: 1\n');
    await source.told({ ...applied, file: 'a.yaml', reportedVersion: 2, action: 'MODIFIED' });
    await source.told({ ...applied, file: 'c.yaml', cluster: 'c2' });
    expect(read(folder.at('c1/a.yaml'))).toBe('a: 2\n');
    rmSync(file('c1/a.yaml'));
    await source.told({ event: 'deletion-published', file: 'a.yaml', version: 3 });
    await source.told({ event: 'deleted', file: 'a.yaml', state: 'deleted' });
    expect(existsSync(folder.at('c1/a.yaml'))).toBe(false);
    write(file('c1/a.yaml'), 'a: 3\n');
    await source.told({ ...applied, file: 'a.yaml', reportedVersion: 4, action: 'ADDED' });
    expect(read(folder.at('c1/a.yaml'))).toBe('a: 3\n');
    await confirmed(broker);
  });

  test('that are deleted are confirmed to the broker, which forgets the deletion', async () => {
    write(file('c1/a.yaml'), 'a');
    write(file('c1/b.yaml'), 'b');
    await using source = Source.at(folder, broker.grpc);
    await using _one = Agent.at(folder, broker.grpc, 'c1');
    await source.told({ ...applied, file: 'a.yaml' });
    rmSync(file('c1/a.yaml'));
    await source.told({ event: 'deleted', file: 'a.yaml' });
    await confirmed(broker);
  });
});

describe('a restart', () => {
  test('of the source keeps the versions, and publishes what changed while it was away', async () => {
    write(file('c1/a.yaml'), 'a: 1');
    write(file('c1/b.yaml'), 'b: 1');
    write(file('c1/same.yaml'), 'same');
    await using _one = Agent.at(folder, broker.grpc, 'c1');
    {
      await using source = Source.at(folder, broker.grpc);
      for (const name of ['a.yaml', 'b.yaml', 'same.yaml']) await source.told({ ...applied, file: name });
      write(file('c1/a.yaml'), 'a: 2');
      await source.told({ ...applied, file: 'a.yaml', reportedVersion: 2 });
      expect(await stop(source)).toBe(0);
    }
    write(file('c1/a.yaml'), 'a: 3');
    rmSync(file('c1/b.yaml'));
    await using source = Source.at(folder, broker.grpc);
    await source.told({ ...applied, file: 'a.yaml', reportedVersion: 3 });
    await source.told({ event: 'deleted', file: 'b.yaml' });
    await source.told({ ...applied, file: 'same.yaml', reportedVersion: 1 });
    expect(source.lines.filter(({ event }) => event === 'published').map((line) => line.file)).toEqual([
      'a.yaml',
    ]);
    expect(namesIn(folder.at('c1'))).toEqual(['a.yaml', 'same.yaml']);
  });

  test('of the agent runs no version twice, and takes what came meanwhile', async () => {
    const log = folder.at('log');
    const exec = ['--exec', `echo "$CE_BROKER_ACTION $CE_BROKER_NAME $CE_BROKER_RESOURCE_VERSION" >> ${log}`];
    write(file('c1/a.yaml'), 'a: 1');
    write(file('c1/b.yaml'), 'b: 1');
    await using source = Source.at(folder, broker.grpc);
    {
      await using agent = Agent.at(folder, broker.grpc, 'c1', ...exec);
      await source.told({ ...applied, file: 'a.yaml' });
      await source.told({ ...applied, file: 'b.yaml' });
      expect(await stop(agent, 'SIGINT')).toBe(0);
    }
    write(file('c1/a.yaml'), 'a: 2');
    await source.told({ event: 'published', file: 'a.yaml', version: 2 });
    await using _agent = Agent.at(folder, broker.grpc, 'c1', ...exec);
    await source.told({ ...applied, file: 'a.yaml', reportedVersion: 2 });
    expect((read(log) ?? '').trim().split('\n').sort()).toEqual([
      'ADDED a.yaml 1',
      'ADDED b.yaml 1',
      'MODIFIED a.yaml 2',
    ]);
  });

  test('of an agent that was killed at its work does that work again', async () => {
    const [log, gate] = [folder.at('log'), folder.at('gate')];
    write(file('c1/a.yaml'), 'a: 1');
    const exec = ['--exec', `echo run >> ${log}; [ -e ${gate} ] || exec sleep 30`];
    await using source = Source.at(folder, broker.grpc);
    {
      await using agent = Agent.at(folder, broker.grpc, 'c1', ...exec);
      await until('the command runs', () => read(log) === 'run\n');
      agent.child.kill('SIGKILL');
      await agent.ended();
    }
    write(gate, '');
    await using _agent = Agent.at(folder, broker.grpc, 'c1', ...exec);
    await source.told({ ...applied, file: 'a.yaml', reportedVersion: 1 });
    expect(read(log)).toBe('run\nrun\n');
  });

  test('of the broker, with its memory lost, brings everything back and heals what was published meanwhile', async () => {
    write(file('c1/a.yaml'), 'a: 1');
    write(file('c1/b.yaml'), 'b: 1');
    await using source = Source.at(folder, broker.grpc);
    await using _agent = Agent.at(folder, broker.grpc, 'c1');
    await source.told({ ...applied, file: 'a.yaml' });
    await source.told({ ...applied, file: 'b.yaml' });
    const { grpc } = broker;
    await broker[Symbol.asyncDispose]();
    write(file('c1/a.yaml'), 'a: 2');
    rmSync(file('c1/b.yaml'));
    await source.saw('stderr', /UNAVAILABLE/);
    broker = await restarted(grpc);
    await source.told({ ...applied, file: 'a.yaml', reportedVersion: 2 });
    await source.told({ event: 'deleted', file: 'b.yaml' });
    expect(read(folder.at('c1/a.yaml'))).toBe('a: 2');
    expect(namesIn(folder.at('c1'))).toEqual(['a.yaml']);
  });
});

describe('a state file', () => {
  test('that was lost: the source goes above what the agents have', async () => {
    write(file('c1/a.yaml'), 'a: 1');
    await using _agent = Agent.at(folder, broker.grpc, 'c1');
    {
      await using source = Source.at(folder, broker.grpc);
      await source.told({ ...applied, file: 'a.yaml' });
      write(file('c1/a.yaml'), 'a: 2');
      await source.told({ ...applied, file: 'a.yaml', reportedVersion: 2 });
      await stop(source);
    }
    rmSync(file('.ce-broker-source.json'));
    write(file('c1/a.yaml'), 'a: other');
    await using source = Source.at(folder, broker.grpc);
    await source.told({ ...applied, file: 'a.yaml', reportedVersion: 3 });
    expect(read(folder.at('c1/a.yaml'))).toBe('a: other');
    expect(source.lines.filter(({ event }) => event === 'published').at(-1)?.version).toBe(3);
  });

  test('that was lost: no file that is there is told to be missing, and one that is not there is', async () => {
    write(file('c1/a.yaml'), 'a');
    write(file('c1/b.yaml'), 'b');
    await using _agent = Agent.at(folder, broker.grpc, 'c1');
    {
      await using source = Source.at(folder, broker.grpc);
      await source.told({ ...applied, file: 'a.yaml' });
      await source.told({ ...applied, file: 'b.yaml' });
      await stop(source);
    }
    rmSync(file('.ce-broker-source.json'));
    rmSync(file('c1/b.yaml'));
    await using source = Source.at(folder, broker.grpc);
    await source.saw(
      'stderr',
      /hub\/c1\/b\.yaml is on its cluster, and neither in .*fleet nor deleted there/,
    );
    expect(source.stderr).not.toContain('a.yaml is on its cluster');
    expect(namesIn(folder.at('c1'))).toEqual(['a.yaml', 'b.yaml']);
  });

  test('that was lost at the agent: everything is applied anew', async () => {
    write(file('c1/a.yaml'), 'a: 1');
    await using source = Source.at(folder, broker.grpc);
    {
      await using agent = Agent.at(folder, broker.grpc, 'c1');
      await source.told({ ...applied, file: 'a.yaml' });
      await stop(agent);
    }
    rmSync(folder.at('c1'), { recursive: true });
    await using _agent = Agent.at(folder, broker.grpc, 'c1');
    await until('the file is back', () => read(folder.at('c1/a.yaml')) === 'a: 1');
  });

  test.each(['source', 'agent'])(
    'of a %s that is damaged is an error that names it, and nothing is touched',
    async (name) => {
      const state = write(file(`.ce-broker-${name}.json`), '{"format":"ce-broker');
      const own = name === 'source' ? ['--source', 'hub'] : ['--cluster', 'c1'];
      const { code, stderr } = await cli([
        name,
        '--dir',
        folder.at('fleet'),
        '--server',
        broker.grpc,
        ...own,
      ]);
      expect(stderr).toContain(`the state file ${state} is damaged (no JSON: `);
      expect(stderr).toContain('or remove it');
      expect(code).toBe(2);
      expect(read(state)).toBe('{"format":"ce-broker');
    },
  );

  test.each(['source', 'agent'])('is used by one %s at a time', async (name) => {
    mkdirSync(file('c1'), { recursive: true });
    const own = name === 'source' ? ['--source', 'hub'] : ['--cluster', 'c1'];
    const args = [name, '--dir', folder.at('fleet'), '--server', broker.grpc, ...own];
    {
      await using first = new Running(args);
      await first.saw('stderr', /subscribed/);
      const { code, stderr } = await cli(args);
      expect(stderr).toContain(`is in use by ce-broker ${name} (process ${first.child.pid} on `);
      expect(code).toBe(1);
      first.child.kill('SIGKILL');
      await first.ended();
    }
    // What a killed one left behind keeps nobody away.
    await using second = new Running(args);
    await second.saw('stderr', /subscribed/);
    expect(await stop(second)).toBe(0);
    expect(existsSync(file(`.ce-broker-${name}.json.lock`))).toBe(false);
  });
});

describe('an empty folder', () => {
  test('deletes nothing, says so, and the source goes on when files are back', async () => {
    write(file('c1/a.yaml'), 'a: 1');
    write(file('c1/b.yaml'), 'b: 1');
    await using source = Source.at(folder, broker.grpc);
    await using _agent = Agent.at(folder, broker.grpc, 'c1');
    await source.told({ ...applied, file: 'a.yaml' });
    await source.told({ ...applied, file: 'b.yaml' });
    renameSync(file('c1'), folder.at('away'));
    await source.told({ event: 'guard-on' });
    await source.saw(
      'stderr',
      /WARNING: .* holds no files any more\. NOTHING IS DELETED: the fleet keeps all 2 files/,
    );
    renameSync(folder.at('away'), file('c1'));
    await source.told({ event: 'guard-off' });
    write(file('c1/a.yaml'), 'a: 2');
    await source.told({ ...applied, file: 'a.yaml', reportedVersion: 2 });
    expect(source.lines.map(({ event }) => event)).not.toContain('deletion-published');
    expect(namesIn(folder.at('c1'))).toEqual(['a.yaml', 'b.yaml']);
  });

  test('that vanished altogether deletes nothing either, also over a restart of source and broker', async () => {
    const state = ['--state', folder.at('state.json')];
    write(file('c1/a.yaml'), 'a: 1');
    await using agent = Agent.at(folder, broker.grpc, 'c1');
    {
      await using source = Source.at(folder, broker.grpc, ...state);
      await source.told({ ...applied, file: 'a.yaml' });
      renameSync(folder.at('fleet'), folder.at('away'));
      await source.told({ event: 'guard-on' });
      expect(await stop(source)).toBe(0);
    }
    const { grpc } = broker;
    await broker[Symbol.asyncDispose]();
    broker = await restarted(grpc);
    await using source = Source.at(folder, broker.grpc, ...state);
    await source.saw('stderr', /is not there\. NOTHING IS DELETED/);
    await source.saw('stderr', /subscribed/);
    await agent.saw('stderr', /subscribed[\s\S]*subscribed/);
    renameSync(folder.at('away'), folder.at('fleet'));
    await source.told({ event: 'guard-off' });
    write(file('c1/a.yaml'), 'a: 2');
    await source.told({ ...applied, file: 'a.yaml', reportedVersion: 2 });
    expect(source.lines.map(({ event }) => event)).not.toContain('deletion-published');
    expect(agent.stdout).not.toContain('DELETED');
  });

  test('deletes everything when --allow-empty says so', async () => {
    write(file('c1/a.yaml'), 'a: 1');
    await using source = Source.at(folder, broker.grpc, '--allow-empty');
    await using _agent = Agent.at(folder, broker.grpc, 'c1');
    await source.told({ ...applied, file: 'a.yaml' });
    rmSync(file('c1/a.yaml'));
    await source.told({ event: 'deleted', file: 'a.yaml' });
    expect(namesIn(folder.at('c1'))).toEqual([]);
  });
});

describe('what a source has not seen go is not deleted', () => {
  test('when it is started in another folder, under the same id', async () => {
    write(file('c1/a.yaml'), 'a');
    write(file('c1/b.yaml'), 'b');
    await using agent = Agent.at(folder, broker.grpc, 'c1');
    {
      await using source = Source.at(folder, broker.grpc);
      await source.told({ ...applied, file: 'a.yaml' });
      await source.told({ ...applied, file: 'b.yaml' });
      await stop(source);
    }
    write(folder.at('other/c1/c.yaml'), 'c');
    await using other = new Source([
      ...['source', '--dir', folder.at('other'), '--source', 'hub', '--server', broker.grpc, '--json'],
    ]);
    await other.told({ ...applied, file: 'c.yaml' });
    await other.saw('stderr', /hub\/c1\/a\.yaml is on its cluster, and neither in .*other nor deleted there/);
    await other.saw('stderr', /hub\/c1\/b\.yaml is on its cluster/);
    expect(namesIn(folder.at('c1'))).toEqual(['a.yaml', 'b.yaml', 'c.yaml']);
    expect(agent.stdout).not.toContain('DELETED');
    // As the notice says.
    write(folder.at('other/c1/a.yaml'), '');
    await other.told({ ...applied, file: 'a.yaml' });
    rmSync(folder.at('other/c1/a.yaml'));
    await other.told({ event: 'deleted', file: 'a.yaml' });
    expect(namesIn(folder.at('c1'))).toEqual(['b.yaml', 'c.yaml']);
  });

  test('and what it has seen go is deleted on a cluster that was away, also when the broker lost it', async () => {
    write(file('c1/a.yaml'), 'a');
    write(file('c1/b.yaml'), 'b');
    await using source = Source.at(folder, broker.grpc);
    {
      await using agent = Agent.at(folder, broker.grpc, 'c1');
      await source.told({ ...applied, file: 'a.yaml' });
      await stop(agent);
    }
    rmSync(file('c1/a.yaml'));
    await source.told({ event: 'deletion-published', file: 'a.yaml' });
    const { grpc } = broker;
    await broker[Symbol.asyncDispose]();
    broker = await restarted(grpc);
    await using _agent = Agent.at(folder, broker.grpc, 'c1');
    await source.told({ event: 'deleted', file: 'a.yaml' });
    expect(namesIn(folder.at('c1'))).toEqual(['b.yaml']);
  });
});

test('a source and an agent that start before the broker wait for it', async () => {
  const { grpc } = broker;
  await broker[Symbol.asyncDispose]();
  write(file('c1/a.yaml'), 'a');
  await using source = Source.at(folder, grpc);
  await using agent = Agent.at(folder, grpc, 'c1');
  await source.saw('stderr', /cannot reach .* is a broker listening there\?/);
  await agent.saw('stderr', /cannot reach/);
  broker = await restarted(grpc);
  await source.told({ ...applied, file: 'a.yaml' });
  expect(await stop(source)).toBe(0);
  expect(await stop(agent)).toBe(0);
});

test('a folder of a cluster that cannot be read is no deletion', async () => {
  write(file('c1/a.yaml'), 'a');
  write(file('c2/b.yaml'), 'b');
  await using source = Source.at(folder, broker.grpc);
  await source.told({ event: 'published', file: 'a.yaml' });
  renameSync(file('c1'), folder.at('away'));
  symlinkSync(file('c1'), file('c1'));
  await source.saw('stderr', /cannot read the folder .*c1.*its files stay as they were/);
  write(file('c2/b.yaml'), 'b2');
  await source.told({ event: 'published', file: 'b.yaml', version: 2 });
  expect(source.lines.map(({ event }) => event)).not.toContain('deletion-published');
});
