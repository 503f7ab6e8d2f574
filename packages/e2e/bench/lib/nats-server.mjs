/** Finds a nats-server that is new enough, or builds one with Go; and its configuration with JetStream. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MODULE = 'github.com/nats-io/nats-server/v2@v2.15.2';
/** `sync_interval: always` came with this one. */
const LEAST = [2, 10];

export const HOW_TO_GET = `nats-server ${LEAST.join('.')} or newer on the PATH, or Go 1.25 or newer: then ${MODULE} is built once`;

/** The binary; undefined: there is none, and no Go. */
export function findNatsServer(onPath, cacheDir) {
  const installed = onPath('nats-server');
  if (installed !== undefined && isNewEnough(installed)) return installed;
  const binary = join(cacheDir, 'nats-server');
  if (existsSync(binary)) return binary;
  if (onPath('go') === undefined) return undefined;
  mkdirSync(cacheDir, { recursive: true });
  const built = spawnSync('go', ['install', MODULE], {
    env: { ...process.env, GOBIN: cacheDir },
    encoding: 'utf8',
  });
  if (built.status !== 0) throw new Error(`go install ${MODULE} failed:\n${built.stderr}`);
  return binary;
}

function isNewEnough(binary) {
  const said = spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout ?? '';
  const [major, minor] = (/v(\d+)\.(\d+)/.exec(said) ?? []).slice(1).map(Number);
  return major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1]);
}

/** Writes a configuration with a file store; `sync` undefined leaves JetStream at its default (a sync every two minutes). */
export function jetStreamConfig(folder, port, sync) {
  const file = join(folder, 'nats.conf');
  const lines = [
    `listen: 127.0.0.1:${port}`,
    'jetstream {',
    `  store_dir: ${JSON.stringify(join(folder, 'jetstream'))}`,
    '  max_file_store: 8G',
    ...(sync === undefined ? [] : [`  sync_interval: ${sync}`]),
    '}',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}
