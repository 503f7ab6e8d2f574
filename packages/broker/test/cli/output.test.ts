import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { indentJson } from '../../src/cli/events/indent-json.js';
import { LogSink } from '../../src/cli/serve/log-sink.js';
import { cell, visible, visibleLines } from '../../src/cli/visible.js';
import { Broker, bin, cli, Folder } from './support/cli.js';

const full = '/dev/full';
const loopback = ['--listen', '127.0.0.1:0', '--admin', 'none'];
const widgets = 'com.example.v1.widgets';

/** Runs a command with one of its outputs on a disk that is full. */
async function onFullDisk(args: readonly string[], stream: 'stdout' | 'stderr') {
  const fd = openSync(full, 'w');
  const child = spawn(process.execPath, [bin, ...args], {
    stdio: ['ignore', stream === 'stdout' ? fd : 'pipe', stream === 'stderr' ? fd : 'pipe'],
  });
  closeSync(fd);
  let text = '';
  const other = stream === 'stdout' ? child.stderr : child.stdout;
  other?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    // Only a broker that serves ends by this.
    if (text.includes('ce-broker ready')) child.kill('SIGTERM');
  });
  await once(child, 'close');
  return { code: child.exitCode, text };
}

test.skipIf(!existsSync(full)).each(['json', 'pretty'])(
  'a broker whose %s log cannot be written serves and drains all the same',
  async (format) => {
    const { code, text } = await onFullDisk(['serve', ...loopback, '--log-format', format], 'stderr');
    expect(text).toMatch(/^ce-broker ready /);
    expect(code).toBe(0);
  },
);

test.skipIf(!existsSync(full))('output that cannot be written is one line and exit code 1', async () => {
  await using broker = await Broker.start();
  const at = ['--source', 'hub', '--cluster', 'c1', '--type', widgets, '--id', 'w1'];
  await cli(['pub', '--server', broker.grpc, ...at, '--resource-version', '1', '--data', '1']);
  const sub = ['sub', '--server', broker.grpc, '--cluster', 'c1', '--type', widgets, '--resync'];
  for (const args of [
    ['state', 'list', '--admin', broker.admin],
    sub,
    ['serve', ...loopback, '--log-level', 'error'],
  ]) {
    const { code, text } = await onFullDisk(args, 'stdout');
    expect(text).toMatch(/^(subscribed .*\n)?ce-broker: cannot write to stdout: ENOSPC[^\n]*\n$/);
    expect(code).toBe(1);
  }
});

test('log lines that were lost are counted in the first that can be written again', () => {
  using folder = new Folder();
  const path = folder.file('log', '');
  // A file descriptor that is not open for writing refuses every line.
  const closed = openSync(path, 'r');
  const sink = new LogSink(closed, (lost) => `${lost} lost\n`);
  sink.write('one\n');
  sink.write('two\n');
  closeSync(closed);
  const open = openSync(path, 'w');
  // The system hands out the lowest free number: the sink now writes into the file.
  expect(open).toBe(closed);
  sink.write('three\n');
  closeSync(open);
  expect(readFileSync(path, 'utf8')).toBe('2 lost\nthree\n');
});

test('what others wrote gives no orders to a terminal', () => {
  expect(visible('a\u001b[31m\nb\t\u009b\u202e')).toBe('a\\x1b[31m\\nb\\t\\x9b\\u202e');
  expect(visible('grüße 日本 🙂')).toBe('grüße 日本 🙂');
  expect(visibleLines('a\n\tb\u0007')).toBe('a\n\tb\\x07');
  expect(cell('x'.repeat(64))).toBe('x'.repeat(64));
  expect(cell('x'.repeat(65))).toBe(`${'x'.repeat(63)}…`);
});

test('JSON is indented without touching its values', () => {
  const values = { a: [1, { b: 'x,{}[]:"\\' }], c: {}, d: [], e: null, f: [[]] };
  expect(indentJson(JSON.stringify(values))).toBe(JSON.stringify(values, undefined, 2));
  expect(indentJson('{ "n":12345678901234567890.10 }')).toBe('{\n  "n": 12345678901234567890.10\n}');
  expect(indentJson('7')).toBe('7');
  expect(indentJson('{')).toBeUndefined();
});
