#!/usr/bin/env node
// Makes what the interop tests need, in packages/e2e/.cache: the Go programs, a Python environment
// with grpcio, the clients of Java, Rust and connect-node, grpcurl, ghz and h2spec; and looks whether h2load and curl are here. Running it again costs a second when all is there.
//   node packages/e2e/interop/setup.mjs [go] [python] [java] [rust] [connect] [grpcurl] [ghz] [h2spec] [h2load] [curl]      (without names: all)
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { HOW_TO_GET_CLIENTS, rpcClientSteps } from './rpc-clients.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const cache = join(here, '..', '.cache');
const bin = join(cache, 'bin');
const GRPCURL = 'github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3';
const GHZ = 'github.com/bojand/ghz/cmd/ghz@v0.120.0';
/** Its version, and those of what it needs, stand in h2spec/go.mod. */
const H2SPEC = 'github.com/summerwind/h2spec/cmd/h2spec';

/** SDK version -> the programs of its module. */
const PROGRAMS = {
  'v0.15.0': ['generic', 'work'],
  'v0.16.0': ['generic'],
  'v1.0.0': ['generic'],
  'v1.1.1': ['generic'],
  'v1.2.0': ['generic'],
  'v1.3.0': ['generic', 'work', 'grpcbroker'],
};

const HOW_TO_GET = {
  ...HOW_TO_GET_CLIENTS,
  go: 'install Go 1.25 or newer (https://go.dev/dl)',
  python: 'install Python 3.10 or newer with its venv module (https://www.python.org/downloads)',
  h2load: 'install nghttp2 (Debian: apt-get install nghttp2-client; https://nghttp2.org)',
  curl: 'install curl with HTTP/2 (Debian: apt-get install curl; https://curl.se)',
};

function need(command, args, what) {
  const seen = spawnSync(command, args, { encoding: 'utf8' });
  if (seen.status === 0) return seen.stdout.trim();
  throw new Error(`${command} is missing: ${HOW_TO_GET[what]}`);
}

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
  if (done.status !== 0) {
    throw new Error(`${command} ${args.join(' ')} failed (${done.error?.message ?? `exit ${done.status}`})`);
  }
}

/** A hash over everything that the result is made of. */
function fingerprint(parts, folder, keep) {
  const hash = createHash('sha256').update(JSON.stringify(parts));
  const files = readdirSync(folder, { recursive: true }).filter((name) => keep.test(name));
  for (const name of files.sort()) hash.update(name).update(readFileSync(join(folder, name)));
  return hash.digest('hex');
}

/** Runs make unless the stamp says that the very same thing has been made already. */
function once(name, wanted, outputs, make) {
  const stamp = join(cache, `${name}.stamp`);
  const current = existsSync(stamp) ? readFileSync(stamp, 'utf8') : '';
  if (current === wanted && outputs.every((file) => existsSync(file))) return;
  rmSync(stamp, { force: true });
  console.log(`interop: making ${name} (the first time takes some minutes) ...`);
  make();
  writeFileSync(stamp, wanted);
}

const { pythonCode, ...rpcClients } = rpcClientSteps({ need, run, once, fingerprint });

const steps = {
  go() {
    const version = need('go', ['version'], 'go');
    const built = Object.entries(PROGRAMS).flatMap(([sdk, names]) => names.map((name) => ({ sdk, name })));
    const outputs = built.map(({ sdk, name }) => join(bin, `${sdk}-${name}`));
    once('go', fingerprint([version, PROGRAMS], here, /^(?!h2spec).*(\.go|go\.(mod|sum))$/), outputs, () => {
      for (const { sdk, name } of built) {
        const args = [
          'build',
          '-buildvcs=false',
          '-trimpath',
          '-o',
          join(bin, `${sdk}-${name}`),
          `./${name}`,
        ];
        run('go', args, { cwd: join(here, sdk) });
      }
    });
  },
  python() {
    const version = need('python3', ['--version'], 'python');
    const python = join(cache, 'venv', 'bin', 'python');
    once('python', fingerprint([version], join(here, 'python'), /requirements\.txt$/), [python], () => {
      rmSync(join(cache, 'venv'), { recursive: true, force: true });
      run('python3', ['-m', 'venv', join(cache, 'venv')]);
      const requirements = join(here, 'python', 'requirements.txt');
      run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements]);
    });
    pythonCode(python, version);
  },
  ...rpcClients,
  grpcurl() {
    const version = need('go', ['version'], 'go');
    once('grpcurl', JSON.stringify([version, GRPCURL]), [join(bin, 'grpcurl')], () => {
      run('go', ['install', '-buildvcs=false', GRPCURL], {
        cwd: cache,
        env: { ...process.env, GOBIN: bin, GOFLAGS: '' },
      });
    });
  },
  ghz() {
    const version = need('go', ['version'], 'go');
    once('ghz', JSON.stringify([version, GHZ]), [join(bin, 'ghz')], () => {
      run('go', ['install', '-buildvcs=false', GHZ], {
        cwd: cache,
        env: { ...process.env, GOBIN: bin, GOFLAGS: '' },
      });
    });
  },
  h2spec() {
    const version = need('go', ['version'], 'go');
    const folder = join(here, 'h2spec');
    const wanted = fingerprint([version], folder, /\.go$|go\.(mod|sum)$/);
    once('h2spec', wanted, [join(bin, 'h2spec')], () => {
      const made = ['build', '-buildvcs=false', '-trimpath', '-o', join(bin, 'h2spec'), H2SPEC];
      run('go', made, { cwd: folder });
    });
  },
  h2load: () => need('h2load', ['--version'], 'h2load'),
  curl() {
    if (!need('curl', ['--version'], 'curl').includes('HTTP2')) throw new Error(HOW_TO_GET.curl);
  },
};

/** One setup at a time: two test files may ask for it at once. */
async function lock() {
  const path = join(cache, 'setup.lock');
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = Number(existsSync(path) ? readFileSync(path, 'utf8') : 0);
    if (holder > 0 && !alive(holder)) rmSync(path, { force: true });
    await sleep(200);
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => !(name in steps));
if (unknown.length > 0) {
  console.error(`unknown part ${unknown.join(', ')}; the parts are ${Object.keys(steps).join(', ')}`);
  process.exit(2);
}
mkdirSync(bin, { recursive: true });
const unlock = await lock();
try {
  for (const name of names.length > 0 ? names : Object.keys(steps)) steps[name]();
} catch (error) {
  console.error(`interop setup: ${error.message}`);
  process.exitCode = 1;
} finally {
  unlock();
}
