import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrokerStart } from './broker-process.js';
import type { Run } from './run.js';

/** A new folder for a broker's data, thrown away at the end. */
export function dataDirOf(run: Run): string {
  const folder = mkdtempSync(join(tmpdir(), 'ce-broker-data-'));
  run.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A broker, by its command, whose state is there. */
export function keptIn(dataDir: string, ...args: readonly string[]): BrokerStart {
  return { args: ['--store', 'lmdb', '--data-dir', dataDir, ...args] };
}

/** The file of a store. */
export function dataFile(dataDir: string): string {
  return join(dataDir, 'data.mdb');
}

/** What a file takes on its disk, in bytes. */
export function bytesOnDisk(file: string): number {
  return statSync(file).blocks * 512;
}

/** A disk of its own at the path; it is let go of at the end. False: this user may not mount. */
export function mountTmpfs(run: Run, path: string, bytes: number): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'tmpfs', path], {
      stdio: 'ignore',
    });
  } catch {
    return false;
  }
  run.after(() => unmount(path));
  return true;
}

export function remount(path: string, options: string): void {
  execFileSync('mount', ['-o', `remount,${options}`, path], { stdio: 'ignore' });
}

export function unmount(path: string): void {
  execFileSync('umount', ['-l', path], { stdio: 'ignore' });
}
