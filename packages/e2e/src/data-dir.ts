import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
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

function unmount(path: string): void {
  execFileSync('umount', ['-l', path], { stdio: 'ignore' });
}

/** A disk with ext4 on it, in a file, that can be made to fail. */
export class LoopDisk {
  readonly #image: string;
  readonly #path: string;

  private constructor(image: string, path: string) {
    this.#image = image;
    this.#path = path;
  }

  /** Undefined: this user may not mount, or there are no loop devices. */
  static make(run: Run, path: string, bytes: number): LoopDisk | undefined {
    const image = join(dataDirOf(run), 'disk.img');
    try {
      closeSync(openSync(image, 'w'));
      truncateSync(image, bytes);
      execFileSync('mkfs.ext4', ['-q', image], { stdio: 'ignore' });
      const disk = new LoopDisk(image, path);
      disk.#mount();
      run.after(() => unmount(path));
      return disk;
    } catch {
      return undefined;
    }
  }

  /** The file system finds an error, as when the disk goes: from now on it is read-only. */
  fail(): void {
    const device = execFileSync('findmnt', ['-no', 'SOURCE', this.#path], { encoding: 'utf8' }).trim();
    writeFileSync(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, '1');
  }

  /** Nobody may use it. */
  mountAgain(): void {
    execFileSync('umount', [this.#path], { stdio: 'ignore' });
    this.#mount();
  }

  #mount(): void {
    execFileSync('mount', ['-o', 'loop,errors=remount-ro', this.#image, this.#path], { stdio: 'ignore' });
  }
}
