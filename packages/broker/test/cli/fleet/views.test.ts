import { expect, test } from 'vitest';
import type { FileStatus, Report } from '../../../src/cli/fleet/file-resource.js';
import { Notices } from '../../../src/cli/fleet/notices.js';
import { JsonView, PlainView } from '../../../src/cli/fleet/source/line-views.js';
import { SourceState } from '../../../src/cli/fleet/source/source-state.js';
import type { SourceView } from '../../../src/cli/fleet/source/source-view.js';
import { TableView } from '../../../src/cli/fleet/source/table-view.js';
import { reportOf } from '../../../src/cli/fleet/status-json.js';
import { Folder } from '../support/cli.js';

const time = new Date().toISOString();
const report = (version: string, status: Partial<FileStatus>): Report =>
  reportOf({ state: 'applied', action: 'ADDED', time, ...status }, version, '1');
const failed = report('1', {
  state: 'failed',
  command: { exitCode: 2, durationMs: 7, output: ['first', 'why \u001b[31m it failed', ''] },
});

function stateOf(folder: Folder, ...names: string[]): SourceState {
  const state = SourceState.load(folder.at('state.json'), 'hub', 'a.b.c');
  for (const name of names) state.put('c1', name, Buffer.from(name), name);
  return state;
}

function entryOf(state: SourceState, name: string) {
  const entry = state.get(`hub/c1/${name}`);
  if (entry === undefined) throw new Error(`no ${name}`);
  return entry;
}

test('lines tell what happened, harmless to a terminal', () => {
  using folder = new Folder();
  const out: string[] = [];
  const view = new PlainView({ out: (line) => out.push(line), err: () => undefined });
  const state = stateOf(folder, 'a');
  const entry = entryOf(state, 'a');
  view.published('x', entry);
  view.reported('x', entry, failed);
  view.reported('x', entry, report('1', { state: 'refused', error: 'taken' }));
  view.reported('x', entry, report('1', {}));
  view.refused('x', entry, 'of another');
  view.conflict('x', entry);
  view.reported(
    'x',
    entry,
    report('1', {
      state: 'failed',
      command: {
        exitCode: null,
        signal: 'SIGTERM',
        timedOut: true,
        timeoutMs: 2_000,
        durationMs: 2_011,
        output: [],
      },
    }),
  );
  view.reported('x', { ...entry, version: '5' }, report('4', {}));
  view.reported('x', { ...entry, version: '5' }, report('4', {}));
  state.remove('hub/c1/a', 0);
  view.published('x', entryOf(state, 'a'));
  view.deleted('x', entryOf(state, 'a'), report('2', { state: 'deleted', deleted: true }));
  expect(out).toEqual([
    'c1/a v1 published\n',
    'c1/a v1 FAILED (exit 2, 7 ms): why \\x1b[31m it failed\n',
    'c1/a v1 REFUSED: taken\n',
    'c1/a v1 applied\n',
    'c1/a v1 REFUSED by the broker: of another\n',
    'c1/a v1 CONFLICT with another source of this id\n',
    'c1/a v1 FAILED (timed out, 2011 ms): no output; ended after --timeout 2s\n',
    'c1/a v4 applied (v5 is on its way)\n',
    'c1/a v2 deletion published\n',
    'c1/a v2 deleted by its agent\n',
  ]);
});

test('JSON lines hold everything that was reported', () => {
  using folder = new Folder();
  const out: string[] = [];
  const view = new JsonView({ out: (line) => out.push(line), err: () => undefined });
  view.reported('hub/c1/a', entryOf(stateOf(folder, 'a'), 'a'), failed);
  view.conflict('hub/c1/a', entryOf(stateOf(folder, 'a'), 'a'), 'why');
  view.guarding(false);
  view.guarding(true);
  view.guarding(true);
  view.guarding(false);
  expect(out.map((line) => JSON.parse(line))).toEqual([
    {
      event: 'status',
      time: expect.any(String),
      cluster: 'c1',
      file: 'a',
      resourceId: 'hub/c1/a',
      version: 1,
      reportedVersion: 1,
      reportedAt: time,
      state: 'failed',
      action: 'ADDED',
      exitCode: 2,
      durationMs: 7,
      output: ['first', 'why \u001b[31m it failed', ''],
    },
    {
      event: 'conflict',
      time: expect.any(String),
      cluster: 'c1',
      file: 'a',
      resourceId: 'hub/c1/a',
      version: 1,
      error: 'why',
    },
    { event: 'guard-on', time: expect.any(String) },
    { event: 'guard-off', time: expect.any(String) },
  ]);
  expect(out.every((line) => line.endsWith('\n') && !line.slice(0, -1).includes('\n'))).toBe(true);
});

/** What a terminal shows after all that was written: lines, and the two orders that the table uses. */
function shown(written: string): string[] {
  const lines: string[] = [''];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: orders to a terminal
  for (const [piece, up] of written.matchAll(/\u001b\[(\d+)A\u001b\[J|\n|[^\u001b\n]+/g)) {
    if (up !== undefined) {
      lines.splice(lines.length - 1 - Number(up));
      lines.push('');
    } else if (piece === '\n') lines.push('');
    else lines[lines.length - 1] += piece;
  }
  return lines.slice(0, -1);
}

test('the table is drawn in place, notes stay above it', () => {
  using folder = new Folder();
  let written = '';
  const state = stateOf(folder, 'a.yaml', 'b.yaml');
  const view: SourceView = new TableView('source hub', state, {
    write: (text) => {
      written += text;
    },
    size: () => ({ rows: 24, columns: 200 }),
    color: false,
  });
  view.end();
  view.note('something to know');
  view.reported('hub/c1/a.yaml', entryOf(state, 'a.yaml'), failed);
  view.published('hub/c1/b.yaml', entryOf(state, 'b.yaml'));
  state.taken('hub/c1/b.yaml', '1', () => undefined);
  view.end();
  const lines = shown(written);
  expect(lines[0]).toBe('something to know');
  expect(lines[1]).toBe('source hub: 2 files, 1 in trouble');
  expect(lines[2]).toMatch(/^CLUSTER {2}FILE {4}VERSION {2}AGENT {2}STATE +AGE {2}REASON$/);
  expect(lines[3]).toMatch(
    /^c1 +a\.yaml {2}v1 +v1 +failed \(exit 2, 7 ms\) {2}\ds {3}why \\x1b\[31m it failed$/,
  );
  expect(lines[4]).toMatch(/^c1 +b\.yaml {2}v1 +- +sent +-$/);
  expect(lines).toHaveLength(5);
  view.conflict('hub/c1/b.yaml', entryOf(state, 'b.yaml'), 'why');
  view.end();
  expect(shown(written)[4]).toMatch(/^c1 +b\.yaml {2}v1 +- +CONFLICT +- +another source with this id/);
  view.changed('hub/c1/b.yaml', entryOf(state, 'b.yaml'));
  view.end();
  expect(shown(written)[4]).toMatch(/^c1 +b\.yaml {2}v1 +- +sent/);
});

test('a table that does not fit shows first what needs a look', () => {
  using folder = new Folder();
  let written = '';
  const names = Array.from({ length: 30 }, (_, index) => `f${String(index).padStart(2, '0')}`);
  const state = stateOf(folder, ...names);
  const view: SourceView = new TableView('source hub', state, {
    write: (text) => {
      written += text;
    },
    size: () => ({ rows: 10, columns: 40 }),
    color: false,
  });
  view.reported('hub/c1/f29', entryOf(state, 'f29'), failed);
  view.guarding(true);
  view.end();
  const lines = shown(written);
  expect(lines).toHaveLength(9);
  expect(lines[0]).toBe('source hub: 30 files, 1 in trouble, FOL');
  expect(lines[2]).toMatch(/^c1 +f29 /);
  expect(lines.at(-1)).toBe('... and 24 more');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(40);
});

test('what lasts is said once, and again when it is another or has been over', () => {
  const said: string[] = [];
  const notices = new Notices((line) => said.push(line));
  notices.state('a', 'one');
  notices.state('a', 'one');
  notices.state('a', 'two');
  notices.over('a');
  notices.state('a', 'two');
  notices.say('bell \u0007');
  expect(said).toEqual(['ce-broker: one', 'ce-broker: two', 'ce-broker: two', 'ce-broker: bell \\x07']);
});
