import { afterAll, beforeAll, expect, test } from 'vitest';
import { Broker, cli, Folder, Running } from './support/cli.js';

const widgets = 'com.example.v1.widgets';
const folder = new Folder();
const store = ['--store', 'lmdb', '--data-dir', folder.at('data'), '--history', '3'];

let broker: Broker;
let agent: Running;
beforeAll(async () => {
  broker = await Broker.start(store);
  agent = await subscribe();
  for (const size of [1, 2, 3, 4]) await pub({ resourceVersion: size, data: { size, name: 'w' } });
  await pub({ source: 'intruder', resourceVersion: 9, data: {} }, 1);
  await pub({ cluster: 'c2', resourceId: 'away', resourceVersion: 1, data: {} });
});
afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  await broker[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

async function subscribe(): Promise<Running> {
  const sub = new Running(['sub', '--server', broker.grpc, '--cluster', 'c1']);
  await sub.saw('stderr', /subscribed/);
  return sub;
}

async function pub(event: object, code = 0): Promise<void> {
  const parts = { source: 'hub', cluster: 'c1', resourceId: 'w1', type: `${widgets}.spec.update_request` };
  const stdin = JSON.stringify({ ...parts, ...event });
  expect((await cli(['pub', '--server', broker.grpc], { stdin })).code).toBe(code);
}

const state = (...args: string[]) => cli(['state', ...args, '--admin', `http://${broker.admin}`]);
const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;

/** The lines of an outcome, none longer than a page is wide. */
async function lines(...args: string[]): Promise<readonly string[]> {
  const { code, stderr, stdout } = await state(...args);
  expect([code, stderr]).toEqual([0, '']);
  const all = stdout.trimEnd().split('\n');
  for (const line of all) expect(line.length).toBeLessThanOrEqual(100);
  return all;
}

test('trace tells each stage of the newest spec, and why it is not answered', async () => {
  await agent.saw('stdout', /resourceVersion\W+4\b/);
  const text = (await lines('trace', 'w1')).join('\n');
  expect(text).toMatch(
    new RegExp(
      [
        `^w1 on c1, ${widgets}: live, owned by hub`,
        'spec v4: update_request, \\d+ B, event \\S+',
        `  ${time}  before it: v2, delivered once`,
        `  ${time}  before it: v3, delivered once`,
        `  ${time}  stamped by its publisher's clock`,
        `  ${time}  received from hub, user anonymous`,
        `  ${time}  durable`,
        `  ${time}  delivered to agent c1, session 1, user anonymous`,
        'status: none',
        'why',
        '  spec, since \\d+s: the agent of c1 has it and has reported nothing of it',
        '  spec, since \\d+s: a later publish of source intruder, user anonymous, was refused: [\\s\\S]*',
        'refused, or without effect',
        `  ${time}  permission_denied, source intruder, user anonymous: [\\s\\S]*$`,
      ].join('\n'),
    ),
  );
});

test('history shows who published what, and what each version changed', async () => {
  const text = (await lines('history', 'w1')).join('\n');
  expect(text).toMatch(
    new RegExp(
      [
        `^w1 on c1, ${widgets}, owned by hub`,
        '  up to 3 of each are kept',
        'spec',
        `  v4  ${time}  update_request  \\d+ B  by anonymous, from hub`,
        '      ~ size: 3 -> 4',
        `  v3  ${time}  update_request  \\d+ B  by anonymous, from hub`,
        '      ~ size: 2 -> 3',
        `  v2  ${time}  update_request  \\d+ B  by anonymous, from hub`,
        'status: none$',
      ].join('\n'),
    ),
  );
});

test('stuck lists what does not move, oldest first, with the reason', async () => {
  const all = await lines('stuck', '--older-than', '0s');
  expect(all[0]).toMatch(/^AGE +WHAT +ID +CLUSTER +OWNER +SPEC +STATUS +TYPE$/);
  // The resource and its agent are of one age, and how a line is broken hangs on its seconds.
  const text = all.slice(1).join(' ').replaceAll(/\s+/g, ' ');
  expect(text).toMatch(/\d+s spec w1 c1 hub v4 .*?the agent of c1 has it/);
  expect(text).toMatch(/agent c1 \(session \d+, user anonymous\) has 1 thing to answer/);
  expect(text).toMatch(
    /\d+s spec away c2 hub v1 - com\.example\.v1\.widgets no agent of cluster c2 is connected$/,
  );
  expect(await lines('stuck')).toEqual(['nothing']);
  const limited = await lines('stuck', '--older-than', '0s', '--limit', '1');
  expect(limited.at(-1)).toBe('and 2 younger ones: --limit 3 shows them too');
  const json = (await state('stuck', '--older-than', '0s', '--cluster', 'c2', '--json')).stdout;
  expect(JSON.parse(json)).toMatchObject({ kind: 'spec', id: 'away', why: [{ code: 'no-subscriber' }] });
});

test('audit shows what was changed by hand', async () => {
  expect(await lines('audit')).toEqual(['nothing']);
  const admin = ['--admin', `http://${broker.admin}`];
  expect((await cli(['hold', ...admin, '--cluster', 'c2', '--reason', 'freeze'])).code).toBe(0);
  expect(await lines('audit')).toEqual([
    'AT                        BY     ACTION  ABOUT',
    expect.stringMatching(new RegExp(`^${time}  admin  hold    kind=cluster name=c2 reason=freeze$`)),
  ]);
  expect((await state('list', '--held')).stdout).toMatch(/^away +c2 +hub +live, held /m);
  expect((await lines('trace', 'away')).join('\n')).toMatch(
    /why\n {2}spec, since \d+s: cluster c2 is held by admin: freeze; ce-broker release lets it go$/,
  );
  expect((await cli(['release', ...admin, '--all'])).code).toBe(0);
  const reason = `${'a reason is not cut, however long it is, '.repeat(5)}end`;
  expect((await cli(['hold', ...admin, '--source', 'nobody', '--reason', reason])).code).toBe(0);
  expect((await lines('audit')).map((line) => line.trim()).join(' ')).toContain(
    `kind=source name=nobody reason=${reason}`,
  );
  expect((await cli(['release', ...admin, '--all'])).code).toBe(0);
});

test('after a restart it is known what was wanted, by whom and when, and that deliveries are not', async () => {
  const before = (await lines('history', 'w1')).join('\n');
  await agent[Symbol.asyncDispose]();
  await broker[Symbol.asyncDispose]();
  broker = await Broker.start(store);
  agent = await subscribe();
  expect((await lines('history', 'w1')).join('\n')).toBe(before);
  const trace = (await lines('trace', 'w1')).join('\n');
  expect(trace).toMatch(new RegExp(`  ${time}  received from hub, user anonymous`));
  expect(trace).toContain(`${' '.repeat(28)}durable before this start of the broker`);
  expect(trace).toContain(`${' '.repeat(28)}deliveries before this start of the broker: unknown`);
  expect(trace).toMatch(/why\n {2}spec, since \d+s: agent c1 [\s\S]* has\s+not asked for it by resync$/);
  expect((await lines('audit')).filter((line) => line.startsWith('20')).length).toBe(4);
});
