import { expect, test } from 'vitest';
import { CommandRunner } from '../../../src/cli/fleet/agent/command-runner.js';
import { OutputTail } from '../../../src/cli/fleet/agent/output-tail.js';
import { Folder } from '../support/cli.js';
import { isAlive, read, until } from './support/fleet.js';

const run = (
  command: string,
  more: { stdin?: string; env?: Record<string, string>; timeoutMs?: number; signal?: AbortSignal } = {},
) =>
  new CommandRunner({ command, timeoutMs: more.timeoutMs ?? 20_000, killGraceMs: 300 }).run({
    stdin: Buffer.from(more.stdin ?? ''),
    env: more.env ?? {},
    signal: more.signal,
  });

test('a command gets its input and its environment, and what it says on both outputs is kept', async () => {
  const report = await run('cat; echo; echo "$GREETING" >&2; exit 3', {
    stdin: 'spec',
    env: { GREETING: 'hello' },
  });
  expect(report).toEqual({ exitCode: 3, durationMs: expect.any(Number), output: ['spec', 'hello'] });
});

test('a command that does not read its input is no failure', async () => {
  const report = await run('exec 0<&-; echo done', { stdin: 'x'.repeat(1024 * 1024) });
  expect(report).toMatchObject({ exitCode: 0, output: ['done'] });
});

test('a child that stays in the background with the outputs open is not waited for', async () => {
  using folder = new Folder();
  const gate = folder.at('gate');
  const report = await run(
    `(until [ -e ${gate} ]; do sleep 0.05; done; : > ${folder.at('over')}) & echo started`,
  );
  expect(report).toMatchObject({ exitCode: 0, output: ['started'] });
  folder.file('gate', '');
  await until('the child has ended', () => read(folder.at('over')) !== undefined);
});

test('the timeout ends the whole group, first kindly', async () => {
  using folder = new Folder();
  const report = await run(
    `trap 'echo bye; exit 9' TERM; sh -c 'trap "" TERM; echo $$ > ${folder.at('pid')}; while :; do sleep 0.1; done' & wait`,
    { timeoutMs: 400 },
  );
  expect(report).toMatchObject({ exitCode: 9, timedOut: true });
  await until('the stubborn child is gone', () => !isAlive(Number(read(folder.at('pid')))));
});

test('a command that a signal ends says which', async () => {
  expect(await run('kill -9 $$')).toMatchObject({ exitCode: null, signal: 'SIGKILL' });
});

test('when the agent ends its commands end with it, and what they did is not known', async () => {
  const ending = new AbortController();
  const running = run('sleep 30', { signal: ending.signal });
  ending.abort(new Error('the agent ends'));
  await expect(running).rejects.toThrow('the agent ends');
  await expect(run('true', { signal: ending.signal })).rejects.toThrow('the agent ends');
});

test('however much a command writes, its end is kept, within bounds', async () => {
  const report = await run('i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done');
  expect(report.output).toHaveLength(20);
  expect(report.output.at(-1)).toBe('line 2999');
  const { output } = await run("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end");
  expect(output.at(-1)).toBe('end');
  expect(Buffer.byteLength(output.join('\n'))).toBeLessThanOrEqual(4_096 + 3);
});

test('the tail is cut between characters, and shows that it was cut', () => {
  const tail = new OutputTail(7, 10);
  tail.add(Buffer.from('grüße '));
  tail.add(Buffer.from('世界\n'));
  expect(tail.lines()).toEqual(['…世界']);
  const short = new OutputTail(100, 2);
  short.add(Buffer.from('a\r\nb\n\nc'));
  expect(short.lines()).toEqual(['', 'c']);
  expect(new OutputTail(10, 10).lines()).toEqual([]);
});
