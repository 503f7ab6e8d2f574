#!/usr/bin/env node
/** `pnpm bench`: ce-broker beside other servers, in interleaved rounds on this machine. See docs/benchmarks.md. */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Profiles } from './lib/profiles.mjs';
import { findServers, hasTaskset, SERVERS } from './lib/servers.mjs';

const PARTS = [
  ...['publish', 'publish-tls', 'stream-publish', 'fanout', 'idle', 'scale', 'resync', 'maestro'],
  ...['durable', 'recovery', 'stored', 'fleet-resync'],
];
const MEASURED = Object.keys(SERVERS).filter((name) => SERVERS[name].onRequest !== true);
const HELP = `pnpm bench [OPTIONS]: ce-broker beside other servers, interleaved rounds, medians, ratios first

  --parts LIST      of ${PARTS.join(',')} (default: all)
  --servers LIST    of ${Object.keys(SERVERS).join(',')}
                    (default: all that are installed, but ${Object.keys(SERVERS)
                      .filter((name) => SERVERS[name].onRequest === true)
                      .join(', ')})
  --rounds N        rounds of each measurement (default 3)
  --seconds S       measured time of each (default 2; before it, a warm-up of 1 s)
  --quick           one round of 1 s each, a smaller fleet and smaller states: about five minutes
  --long            also what takes minutes elsewhere (GRPCBroker's resync of 20,000)
  --sizes LIST      resources in the store, for recovery, stored and fleet-resync (default: up to 1,000,000; 200,000)
  --json FILE       all figures, as JSON
  --profile FOLDER  a CPU profile of ce-broker's main thread in the measured time of each load (its last round), of the parts that compare
                    servers under load, as PART-SERVER-LOAD.cpuprofile; profile.mjs prints one. It costs CPU: no figures to keep
  --node-flags F    flags for the broker's node process, for example --node-flags=--cpu-prof
  --verbose         each measurement as it comes, on stderr

CE_BROKER_BIN=FILE           measures another build of the ce-broker command
CE_BROKER_BENCH_DATA=FOLDER  where stores are written, on a disk (default packages/e2e/.cache/bench/data)

Example: pnpm bench --parts publish,fanout --servers ce-broker,plain-relay --rounds 5
`;

const { values } = readArguments();
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const parts = list('parts', values.parts, PARTS, PARTS);
const servers = list('servers', values.servers, Object.keys(SERVERS), MEASURED);
if (!existsSync(new URL('../../broker/dist/cli/load/index.js', import.meta.url))) {
  fail('the packages are not built: run `pnpm build` first');
}
const { found, leftOut } = findServers(servers);
const context = {
  programs: found,
  servers: servers.filter((name) => found.has(name)),
  rounds: number('rounds', values.rounds ?? (values.quick ? '1' : '3')),
  seconds: number('seconds', values.seconds ?? (values.quick ? '1' : '2')),
  warmUpSeconds: values.quick ? 0.7 : 1,
  sizes: values.sizes?.split(',').map((size) => number('sizes', size)),
  quick: values.quick ?? false,
  long: values.long ?? false,
  nodeFlags: values['node-flags']?.split(' ') ?? [],
  profiles: values.profile === undefined ? undefined : new Profiles(resolve(values.profile)),
  log: values.verbose ? (line) => process.stderr.write(`${line}\n`) : () => {},
};

process.stdout.write(`${describeMachine()}\n`);
for (const { name, howToGet } of leftOut) {
  process.stdout.write(`left out: ${SERVERS[name].title ?? name}. To get it: ${howToGet}\n`);
}
const results = { machine: describeMachine(), when: new Date().toISOString(), leftOut, parts: {} };
let failed = false;
for (const name of parts) {
  const begun = Date.now();
  const part = await import(`./parts/${name}.mjs`);
  process.stdout.write(`\n## ${part.title}\n`);
  const { tables, data, failures = {}, notes = [] } = await part.run({ ...context, part: name });
  for (const { title, text } of tables) process.stdout.write(`\n${title}\n\n${text}\n`);
  for (const note of notes) process.stdout.write(`\n${note}\n`);
  for (const [server, failure] of Object.entries(failures)) {
    failed = true;
    process.stdout.write(`\n${server} failed and is missing above: ${failure}\n`);
  }
  results.parts[name] = { data, failures, notes };
  context.log(`${name} took ${Math.round((Date.now() - begun) / 1000)} s`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
}
process.exitCode = failed ? 1 : 0;

function describeMachine() {
  const version = (program, args, pattern) =>
    pattern.exec(spawnSync(program, args, { encoding: 'utf8' }).stdout ?? '')?.[0];
  const all = cpus();
  const tools = [
    `Node ${process.version}`,
    version('go', ['version'], /go1\S+/),
    found.has('mosquitto') ? version(found.get('mosquitto'), ['-h'], /mosquitto version \S+/) : undefined,
    found.has('nats') ? version(found.get('nats'), ['--version'], /nats-server: \S+/) : undefined,
  ];
  return (
    `${all.length} x ${all[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}; ` +
    `${tools.filter((tool) => tool !== undefined).join(', ')}; ` +
    (hasTaskset
      ? 'server on core 0, load on core 1'
      : 'no taskset: server and load share the cores as they like')
  );
}

function readArguments() {
  const flag = { type: 'boolean' };
  const text = { type: 'string' };
  try {
    return parseArgs({
      args: process.argv.slice(2).filter((argument) => argument !== '--'),
      options: {
        parts: text,
        servers: text,
        rounds: text,
        seconds: text,
        json: text,
        sizes: text,
        profile: text,
        'node-flags': text,
        quick: flag,
        long: flag,
        verbose: flag,
        help: flag,
      },
    });
  } catch (error) {
    return fail(error.message);
  }
}

function list(option, value, known, otherwise) {
  const wanted = value?.split(',') ?? otherwise;
  const wrong = wanted.find((name) => !known.includes(name));
  if (wrong !== undefined) fail(`--${option}: there is no "${wrong}"; there are ${known.join(', ')}`);
  return wanted;
}

function number(option, value) {
  const parsed = Number(value);
  if (!(parsed > 0)) fail(`--${option} must be a number over 0, not "${value}"`);
  return parsed;
}

function fail(message) {
  process.stderr.write(`bench: ${message}\nSee: pnpm bench --help\n`);
  process.exit(2);
}
