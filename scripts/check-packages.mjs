// What a stranger gets: the packed packages are checked, installed together into an empty folder outside of the repository, and
// the command is run from there: version, a broker, an event published and received, a clean end.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { packages } from './lib/packages.mjs';
import { PNPM, prepare, root } from './lib/prepare.mjs';

const bin = (name) => join(root, 'node_modules', '.bin', name);
const EVENT = [
  '--source',
  'hub',
  '--cluster',
  'c1',
  '--type',
  'com.example.v1.widgets',
  '--id',
  'w1',
  '--data',
  '{"size":3}',
];

const built = await prepare();
if (built !== 0) process.exit(built);
const scratch = mkdtempSync(join(tmpdir(), 'ce-broker-packages-'));
try {
  const tarballs = packages.map(pack);
  for (const { name, file } of tarballs) {
    must(`publint ${name}`, bin('publint'), ['run', file, '--strict']);
    must(`attw ${name}`, bin('attw'), [file, '--profile', 'esm-only']);
  }
  const home = installTogether(tarballs);
  await useIt(home);
  console.log('the packed packages work');
} catch (error) {
  console.error(`packages: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function pack({ name, folder }) {
  const into = join(scratch, name);
  mkdirSync(into);
  must(`pack ${name}`, 'npx', ['-y', '--prefer-offline', PNPM, 'pack', '--pack-destination', into], {
    cwd: folder,
  });
  const file = join(into, readdirSync(into).find((entry) => entry.endsWith('.tgz')) ?? '');
  const listed = spawnSync('tar', ['-tzf', file], { encoding: 'utf8' }).stdout.split('\n');
  for (const wanted of ['package/LICENSE', 'package/README.md', 'package/dist/index.js']) {
    if (!listed.includes(wanted)) throw new Error(`${name}: ${wanted} is not in the tarball`);
  }
  const stray = listed.find((entry) => /\/(test|\.test-types|\.tsbuildinfo)/.test(entry));
  if (stray !== undefined) throw new Error(`${name}: ${stray} does not belong into the tarball`);
  return { name, file };
}

function installTogether(tarballs) {
  const home = join(scratch, 'home');
  mkdirSync(home);
  writeFileSync(join(home, 'package.json'), '{ "private": true, "type": "module" }\n');
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  must('npm install', 'npm', [...args, ...tarballs.map(({ file }) => file)], { cwd: home });
  return home;
}

/** `npx ce-broker`, as its user types it; and the library, as its user imports it. */
async function useIt(home) {
  const npx = (...args) =>
    must(`npx ce-broker ${args[0]}`, 'npx', ['--no-install', 'ce-broker', ...args], { cwd: home });
  console.log(`npx ce-broker --version: ${npx('--version').trim()}`);
  const script =
    "import { startBroker } from 'ce-broker'; const b = await startBroker({ listen: '127.0.0.1:0' }); await b.close();";
  must('the library', process.execPath, ['--input-type=module', '-e', script], { cwd: home });
  const broker = start(home, ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']);
  try {
    const ready = await broker.line('stdout', /^ce-broker ready grpc=(\S+) admin=(\S+) store=lmdb$/);
    const [, grpc, admin] = ready;
    const agent = start(home, ['sub', '--server', grpc, '--cluster', 'c1', '--count', '1']);
    await agent.line('stderr', /^subscribed/);
    npx('pub', '--server', grpc, ...EVENT);
    const [line] = await agent.line('stdout', /^\{.*\}$/);
    const { resourceId, data } = JSON.parse(line);
    if (resourceId !== 'w1' || data.size !== 3) throw new Error(`sub printed ${line}`);
    if (!npx('state', 'list', '--admin', `http://${admin}`).includes('w1'))
      throw new Error('state list does not show w1');
  } finally {
    broker.child.kill('SIGTERM');
  }
  const code = await broker.exit;
  if (code !== 0) throw new Error(`the broker ended with ${code} after SIGTERM`);
}

/** The bin itself, so that the signal reaches it and not npx. */
function start(home, args) {
  const child = spawn(join(home, 'node_modules', '.bin', 'ce-broker'), args, {
    cwd: home,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = new Promise((resolve) => child.once('close', resolve));
  const line = (stream, pattern) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`ce-broker ${args[0]}: no ${pattern} within 20 s`)),
        20_000,
      );
      createInterface({ input: child[stream] }).on('line', (text) => {
        const match = pattern.exec(text);
        if (match === null) return;
        clearTimeout(timer);
        resolve(match);
      });
    });
  return { child, exit, line };
}

function must(what, command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: 'utf8', cwd: root, ...options });
  if (done.status === 0) return done.stdout;
  throw new Error(
    `${what} failed (${done.error?.message ?? `exit ${done.status}`})\n${done.stdout}\n${done.stderr}`,
  );
}
