import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Broker, cli, Folder, Running } from '../support/cli.js';
import { stop } from './support/fleet.js';

const folder = new Folder();
beforeAll(() => {
  mkdirSync(folder.at('fleet'));
  folder.file('file', '');
  folder.file('token', 'a-token');
});
afterAll(() => folder[Symbol.dispose]());
const dir = folder.at('fleet');

test.each(['source', 'agent'])('%s has a help with its options and an example', async (name) => {
  const { code, stdout } = await cli([name, '--help']);
  expect(code).toBe(0);
  expect(stdout).toContain(`Usage: ce-broker ${name}`);
  for (const option of ['--dir', '--state', '--server', '--ca', '--cert', '--key', '--token-file']) {
    expect(stdout).toContain(option);
  }
  expect(stdout).toMatch(/Examples:\n {2}ce-broker/);
});

test.each([
  [['source', '--source', 'hub'], '--dir is missing: the folder of the files'],
  [['source', '--dir', dir], '--source is missing'],
  [['source', '--dir', dir, '--source', 'a/b'], '--source is "a/b": it must be a name without slashes'],
  [['source', '--dir', dir, '--source', '.a'], 'begins with a dot'],
  [
    ['source', '--dir', folder.at('none'), '--source', 'hub'],
    `ce-broker: the folder ${folder.at('none')} does not exist: create it, or correct --dir\n`,
  ],
  [['source', '--dir', folder.at('file'), '--source', 'hub'], `--dir: ${folder.at('file')} is no folder`],
  [['source', '--dir', dir, '--source', 'hub', '--data-type', 'a.b'], '--data-type is "a.b"'],
  [['source', '--dir', dir, '--source', 'hub', '--data-type', 'a..c'], '--data-type is "a..c"'],
  [['source', '--dir', dir, '--source', 'hub', '--server', 'x'], '--server is "x": it must be HOST:PORT'],
  [['source', '--dir', dir, '--source', 'hub', '--cert', 'x'], '--key is missing'],
  [
    ['source', '--dir', dir, '--source', 'hub', '--state', `${dir}/c1/state.json`],
    'would itself be a file of cluster c1',
  ],
  [
    ['source', '--dir', dir, '--source', 'hub', '--server', 'far:1', '--token-file', folder.at('token')],
    'in plain text',
  ],
  [['agent', '--dir', dir], '--cluster is missing'],
  [['agent', '--cluster', 'c1'], 'give --dir DIR, --exec COMMAND, or both'],
  [['agent', '--cluster', 'c1', '--exec', 'true'], '--dir is missing: or give --state FILE'],
  [['agent', '--cluster', 'c1', '--dir', dir, '--exec', ' '], '--exec is " "'],
  [['agent', '--cluster', 'c 1/', '--dir', dir], '--cluster is "c 1/"'],
  [['agent', '--cluster', 'c1', '--dir', dir, '--timeout', '10'], '--timeout is "10": it must be a duration'],
  [['agent', '--cluster', 'c1', '--dir', dir, '--timeout', '0s'], '--timeout is "0s"'],
  [['agent', '--cluster', 'c1', '--dir', folder.at('file')], `--dir: cannot use ${folder.at('file')}`],
  [['agent', '--cluster', 'c1', '--dir', dir, '--ca', folder.at('file')], 'holds no certificate'],
])('%j is wrong usage, and told without a stack', async (args, message) => {
  const { code, stdout, stderr } = await cli(args);
  expect(stderr).toContain(message);
  expect(stderr).toMatch(/^ce-broker: [^\n]+\n$/);
  expect([code, stdout]).toEqual([2, '']);
});

test('a configuration file of the SDK says how to connect; its mistakes are told with their place', async () => {
  await using broker = await Broker.start();
  const args = [
    'agent',
    '--cluster',
    'c1',
    '--dir',
    dir,
    '--config',
    folder.file('grpc.yaml', `url: ${broker.grpc}\n`),
  ];
  await using agent = new Running(args);
  await agent.saw('stderr', new RegExp(`subscribed to ${broker.grpc} as agent of cluster c1`));
  expect(await stop(agent)).toBe(0);
  const both = await cli([...args, '--ca', folder.at('file')]);
  expect(both.stderr).toContain('--config and --ca exclude each other');
  folder.file('grpc.yaml', 'url: nowhere:x\n');
  const wrong = await cli(args);
  expect(wrong.stderr).toContain(`${folder.at('grpc.yaml')}:1:6: url: `);
  expect([both.code, wrong.code]).toEqual([2, 2]);
});

test('a port that is no broker ends the command with exit code 3, and one line', async () => {
  await using broker = await Broker.start();
  const { code, stderr } = await cli(['agent', '--cluster', 'c1', '--dir', dir, '--server', broker.admin]);
  expect(stderr).toMatch(/^ce-broker: [^\n]*does not speak gRPC[^\n]*\n$/);
  expect(code).toBe(3);
});

test('a server that does not know us ends the command with exit code 5; one that is away does not', async () => {
  const tokens = folder.file('tokens', 'good,hub,1\n');
  await using broker = await Broker.start(['--token-file', tokens]);
  const bad = ['--server', broker.grpc, '--token-file', folder.at('token')];
  for (const args of [
    ['source', '--dir', dir, '--source', 'hub'],
    ['agent', '--cluster', 'c1', '--dir', dir],
  ]) {
    const { code, stderr } = await cli([...args, ...bad]);
    expect(stderr).toMatch(/^ce-broker: UNAUTHENTICATED[^\n]*\n$/);
    expect(code).toBe(5);
  }
  folder.file('token', 'good');
  await using source = new Running(['source', '--dir', dir, '--source', 'hub', ...bad]);
  await source.saw('stderr', /subscribed/);
  expect(await stop(source, 'SIGINT')).toBe(0);
});
