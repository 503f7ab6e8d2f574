#!/usr/bin/env node
/** Prints where the time of a CPU profile went: by part of the program, and by function. */
import { readFileSync } from 'node:fs';
import { fixed, table } from './lib/figures.mjs';

const HELP = `node packages/e2e/bench/profile.mjs FILE.cpuprofile [FUNCTIONS]

Self time of a CPU profile, as share of the busy time: garbage collection, native code, Node, each package, each room of the broker; and
the functions (default 30) that took most. Profiles come from: pnpm bench --profile FOLDER, or node --cpu-prof.
`;
const MARKS = { '(garbage collector)': 'garbage collection', '(program)': 'native code and system calls' };

const [file, most = '30'] = process.argv.slice(2);
if (file === undefined || file === '--help' || !(Number(most) > 0)) {
  process.stdout.write(HELP);
  process.exit(file === '--help' ? 0 : 2);
}
const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'));

/** A delta is the time before its sample: so a sample lasts for the next one. */
const micros = new Map();
samples.forEach((id, index) => {
  micros.set(id, (micros.get(id) ?? 0) + (timeDeltas[index + 1] ?? 0));
});
let idle = 0;
let busy = 0;
const parts = new Map();
const functions = new Map();
for (const { id, callFrame } of nodes) {
  const time = micros.get(id) ?? 0;
  if (time === 0) continue;
  const { functionName, url } = callFrame;
  if (functionName === '(idle)') {
    idle += time;
    continue;
  }
  busy += time;
  const part = partOf(functionName, url);
  parts.set(part, (parts.get(part) ?? 0) + time);
  const name = functionName === '' ? '(anonymous)' : functionName;
  const at = url === '' ? '' : `${shorten(url)}:${callFrame.lineNumber + 1}`;
  const key = `${name}\n${at}`;
  functions.set(key, (functions.get(key) ?? 0) + time);
}
const ordered = (times) => [...times].sort((a, b) => b[1] - a[1]);
const share = (time) => `${fixed(1)((time / busy) * 100)} %`;
const ms = (time) => fixed(0)(time / 1000);
process.stdout.write(
  `busy ${ms(busy)} ms, idle ${ms(idle)} ms (${fixed(0)((idle / (busy + idle)) * 100)} % of the time)\n\n` +
    `${table(
      ['where', 'share of busy', 'ms'],
      ordered(parts).map(([part, time]) => [part, share(time), ms(time)]),
    )}\n\n` +
    `${table(
      ['function', 'share of busy', 'ms', 'at'],
      ordered(functions)
        .slice(0, Number(most))
        .map(([key, time]) => [key.split('\n')[0], share(time), ms(time), key.split('\n')[1]]),
    )}\n`,
);

function partOf(name, url) {
  if (MARKS[name] !== undefined) return MARKS[name];
  if (url === '') return MARKS['(program)'];
  if (url.startsWith('node:internal/http2') || url === 'node:http2') return 'node: http2';
  if (url.startsWith('node:')) return 'node: streams, sockets, buffers, timers';
  const installed = /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url);
  if (installed !== null) return installed[1];
  const room = /\/packages\/broker\/dist\/(rpc\/[^/]+(?=\/)|[^/]+(?=\/))/.exec(url);
  if (room !== null) return `ce-broker: ${room[1]}`;
  if (url.includes('/proto/dist/')) return 'ce-broker-proto';
  return 'other scripts';
}

function shorten(url) {
  if (url.startsWith('node:')) return url;
  return url.replace(/^.*\/(?:packages|node_modules)\//, '').replace('/dist/', '/');
}
