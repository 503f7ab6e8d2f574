import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './processes.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export const PNPM = 'pnpm@10.34.8';
const stamp = join(root, 'node_modules', '.ce-broker-install');

/** What an install depends on: the same again needs no other. */
function fingerprint() {
  const hash = createHash('sha256');
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', '.npmrc']) {
    hash.update(readFileSync(join(root, file)));
  }
  return hash
    .update([PNPM, process.versions.modules, process.platform, process.arch].join(' '))
    .digest('hex');
}

/**
 * Installs and builds what has changed. Gives the exit code of what failed, or 0.
 * @returns {Promise<number>}
 */
export async function prepare() {
  const wanted = fingerprint();
  const there = existsSync(stamp) ? readFileSync(stamp, 'utf8') : '';
  if (there !== wanted) {
    console.error('installing the packages of pnpm-lock.yaml ...');
    const args = ['-y', '--prefer-offline', PNPM, 'install', '--frozen-lockfile', '--prefer-offline'];
    const code = await run(npx(), args, { cwd: root, chatter: true });
    if (code !== 0) {
      console.error(`npx ${args.join(' ')} failed with exit code ${code}; is the npm registry reachable?`);
      return code;
    }
    mkdirSync(join(root, 'node_modules'), { recursive: true });
    writeFileSync(stamp, wanted);
  }
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const code = await run(process.execPath, [tsc, '-b'], { cwd: root, chatter: true });
  if (code !== 0) console.error('the build failed; the messages above name the places');
  return code;
}

function npx() {
  return process.platform === 'win32' ? 'npx.cmd' : 'npx';
}
