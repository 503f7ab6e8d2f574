/** The servers that are compared, and how each is started: on one core, on a free port, as a process of its own. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newDataDir, removeDataDir } from './data-dir.mjs';
import { findNatsServer, HOW_TO_GET as HOW_TO_GET_NATS, jetStreamConfig } from './nats-server.mjs';
import { residentKib } from './proc.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const cacheDir = here('../../.cache/bench');
/** Another build of the command may be measured in place of the workspace's. */
const brokerBin = process.env.CE_BROKER_BIN ?? here('../../../broker/bin/ce-broker.mjs');
const READY_TIMEOUT_MS = 60_000;
const LARGEST_MESSAGE = String(64 * 1024 * 1024);

const onPath = (program) => ['', '/usr/sbin/'].map((at) => at + program).find((file) => runs(file));
const runs = (file) => !spawnSync(file, ['--help'], { stdio: 'ignore', timeout: 5_000 }).error;

export const hasTaskset = process.platform === 'linux' && onPath('taskset') !== undefined;

/** The command that runs `command` on one core only, where that is possible. */
export function onCore(core, command) {
  return hasTaskset ? ['taskset', '-c', String(core), ...command] : command;
}

function goPeer(name) {
  return {
    protocol: 'grpc',
    howToGet: 'Go 1.25 or newer on the PATH; the modules are fetched from the Go proxy once',
    find() {
      const binary = join(cacheDir, name);
      if (onPath('go') === undefined) return existsSync(binary) ? binary : undefined;
      mkdirSync(cacheDir, { recursive: true });
      const built = spawnSync('go', ['build', '-o', binary, '.'], {
        cwd: here(`../peers/${name}`),
        encoding: 'utf8',
      });
      if (built.status !== 0) throw new Error(`go build of ${name} failed:\n${built.stderr}`);
      return binary;
    },
    command: (binary, port, { tls }) => [
      binary,
      '-listen',
      `127.0.0.1:${port}`,
      ...(tls === undefined ? [] : ['-cert', tls.certFile, '-key', tls.keyFile]),
    ],
    env: { GOMAXPROCS: '1' },
    ready: /ready/,
  };
}

/** `flags` of the command for the store that is meant. */
const ceBroker = (title, flags) => ({
  title,
  profiled: true,
  protocol: 'grpc',
  howToGet: 'pnpm build',
  find: () => (existsSync(brokerBin) ? brokerBin : undefined),
  command: (bin, port, extra) => [
    process.execPath,
    ...(extra.nodeFlags ?? []),
    bin,
    'serve',
    '--listen',
    `127.0.0.1:${port}`,
    '--admin',
    'none',
    '--max-message-bytes',
    LARGEST_MESSAGE,
    '--log-level',
    'warn',
    ...(extra.tls === undefined ? [] : ['--tls-cert', extra.tls.certFile, '--tls-key', extra.tls.keyFile]),
    ...flags(extra),
  ],
  ready: /ce-broker ready/,
});

function jetStream(title, sync) {
  return {
    title,
    protocol: 'jetstream',
    onlyIn: ['durable'],
    howToGet: HOW_TO_GET_NATS,
    find: () => findNatsServer(onPath, cacheDir),
    command: (binary, port, { scratch }) => [binary, '-c', jetStreamConfig(scratch, port, sync)],
    env: { GOMAXPROCS: '1' },
  };
}

function mosquitto(title, protocol) {
  return {
    title,
    protocol,
    howToGet: 'apt-get install mosquitto',
    find: () => onPath('mosquitto'),
    command(binary, port, extra) {
      const file = join(extra.scratch, 'mosquitto.conf');
      const settings = [
        `listener ${port} 127.0.0.1`,
        'allow_anonymous true',
        'persistence false',
        'max_inflight_messages 0',
        'max_queued_messages 0',
        'set_tcp_nodelay true',
        'log_type error',
      ];
      writeFileSync(file, `${settings.join('\n')}\n`);
      return [binary, '-c', file];
    },
  };
}

/**
 * `onlyIn`: the parts that a server is for; without it, all that compare servers. `onRequest`: it is measured only when `--servers`
 * names it.
 */
export const SERVERS = {
  'ce-broker': ceBroker('ce-broker', () => ['--store', 'memory']),
  'ce-broker-grpc-js': {
    ...ceBroker('ce-broker on grpc-js', () => ['--store', 'memory', '--rpc-engine', 'grpc-js']),
    onlyIn: ['publish', 'publish-tls', 'fanout', 'idle'],
    onRequest: true,
  },
  'ce-broker-lmdb': {
    ...ceBroker('ce-broker, lmdb', ({ dataDir, scratch }) => [
      '--store',
      'lmdb',
      '--data-dir',
      dataDir ?? join(scratch, 'store'),
    ]),
    onlyIn: ['durable'],
  },
  'plain-relay': {
    title: 'grpc-js + ts-proto relay',
    protocol: 'grpc',
    howToGet: 'pnpm build',
    find: () => here('../peers/plain-relay.mjs'),
    command: (script, port, { tls }) => [
      process.execPath,
      script,
      String(port),
      ...(tls === undefined ? [] : [tls.certFile, tls.keyFile]),
    ],
    ready: /ready/,
  },
  grpcbroker: { title: 'sdk-go GRPCBroker', ...goPeer('go-grpcbroker') },
  'raw-relay': { title: 'grpc-go raw relay', ...goPeer('go-raw-relay') },
  mosquitto: mosquitto('Mosquitto QoS 1', 'mqtt'),
  'mosquitto-qos0': { ...mosquitto('Mosquitto QoS 0', 'mqtt-qos0'), onlyIn: ['fanout'] },
  nats: {
    title: 'NATS core',
    protocol: 'nats',
    howToGet: HOW_TO_GET_NATS,
    find: () => onPath('nats-server') ?? findNatsServer(onPath, cacheDir),
    command: (binary, port) => [binary, '-a', '127.0.0.1', '-p', String(port)],
    env: { GOMAXPROCS: '1' },
  },
  jetstream: jetStream('NATS JetStream, its default'),
  'jetstream-always': jetStream('NATS JetStream, sync always', 'always'),
};

/** Of these servers, those that a part compares. */
export const serversOf = (part, names) =>
  names.filter((name) => SERVERS[name].onlyIn === undefined || SERVERS[name].onlyIn.includes(part));

/** Finds (and builds) what is there; the rest is named with the way to get it. */
export function findServers(names) {
  const found = new Map();
  const leftOut = [];
  for (const name of names) {
    const server = SERVERS[name];
    if (server === undefined)
      throw new Error(`no server "${name}"; there are: ${Object.keys(SERVERS).join(', ')}`);
    const program = server.find();
    if (program === undefined) leftOut.push({ name, howToGet: server.howToGet });
    else found.set(name, program);
  }
  return { found, leftOut };
}

/**
 * Starts a server; resolves once it takes connections. `extra`: `nodeFlags` and `env`, for the broker; `tls`, what `makeCertificates` made; `dataDir`, a store that is there before and after (without
 * it a store begins empty and ends with the server); `onSpawn`, called with the server before it is ready.
 */
export async function startServer(name, program, extra = {}) {
  const spec = SERVERS[name];
  const port = await freePort();
  const scratch = newDataDir();
  const begun = performance.now();
  const [file, ...args] = onCore(0, spec.command(program, port, { ...extra, scratch }));
  const child = spawn(file, args, {
    env: { ...process.env, ...spec.env, ...extra.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let readyMs = Number.NaN;
  const collect = (chunk) => {
    output = (output + chunk).slice(-4_000);
    if (Number.isNaN(readyMs) && spec.ready?.test(output)) readyMs = performance.now() - begun;
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const server = {
    name,
    title: spec.title,
    protocol: spec.protocol,
    pid: child.pid,
    address: `127.0.0.1:${port}`,
    port,
    /** When it was started, by `performance.now()`. */
    begun,
    residentKib: () => residentKib(child.pid),
    /** From its start to the line that says that it is ready. */
    get readyMs() {
      return readyMs;
    },
    get output() {
      return output;
    },
    async stop(signal = 'SIGKILL') {
      child.kill(signal);
      await ended;
      removeDataDir(scratch);
    },
  };
  extra.onSpawn?.(server);
  const until = Date.now() + READY_TIMEOUT_MS;
  while (child.exitCode === null && Date.now() < until) {
    if ((spec.ready === undefined || spec.ready.test(output)) && (await answers(port))) return server;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await server.stop();
  throw new Error(`${spec.title} did not become ready:\n${output}`);
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
