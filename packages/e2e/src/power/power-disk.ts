import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Random } from '../random.js';
import type { PowerOperation } from './power-journal.js';

const SECTOR = 512;

/**
 * What a power failure leaves of what was not synced:
 * - `none`, `all` of it;
 * - `prefix`: all up to some operation, which itself is torn;
 * - `operations`: some operations whole, others not at all;
 * - `sectors`: each sector by itself, in any of the versions that it had since it was last on the disk.
 */
export type PowerLoss = 'none' | 'all' | 'prefix' | 'operations' | 'sectors';

/** All of them, to take turns. */
export const POWER_LOSSES: readonly PowerLoss[] = ['none', 'all', 'prefix', 'operations', 'sectors'];

/**
 * The files of a folder while a journal is replayed: of each sector what is on the disk for certain and what it was made since. Names are taken to
 * be on the disk as soon as their file was synced; a removal or a new name at once.
 */
export class PowerDisk {
  readonly #files = new Map<string, PowerFile>();
  #operations = 0;

  /** Takes the next operation of the journal. */
  apply(operation: PowerOperation): void {
    const index = this.#operations++;
    switch (operation.type) {
      case 'write':
        this.#file(operation.path).write(index, operation.at, operation.data, operation.durable);
        return;
      case 'truncate':
        this.#file(operation.path).truncate(index, operation.size);
        return;
      case 'sync':
        for (const [path, file] of this.#files) {
          if (operation.path === undefined || operation.path === path) file.sync(operation.before);
          // A synced directory.
          else if (dirname(path) === (operation.path === '' ? '.' : operation.path)) file.named = true;
        }
        return;
      case 'unlink':
        this.#files.delete(operation.path);
        return;
      case 'rename': {
        const file = this.#files.get(operation.path);
        this.#files.delete(operation.path);
        if (file !== undefined) this.#files.set(operation.to, file);
        return;
      }
      case 'witness':
    }
  }

  /** Writes the files into a folder as a failure at this moment may leave them. */
  fail(folder: string, loss: PowerLoss, random: Random, leaveOut: readonly string[] = []): void {
    const cut = random.whole(0, this.#operations);
    const kept = new Map<number, boolean>();
    const coin = () => random.oneIn(2);
    const choose = (versions: readonly Version[]): number => {
      if (loss === 'none') return -1;
      if (loss === 'all') return versions.length - 1;
      if (loss === 'sectors') return random.whole(-1, versions.length - 1);
      if (loss === 'prefix')
        return lastWhere(versions, ({ operation }) => operation < cut || (operation === cut && coin()));
      return lastWhere(versions, ({ operation }) => {
        const keep = kept.get(operation) ?? coin();
        kept.set(operation, keep);
        return keep;
      });
    };
    for (const [path, file] of this.#files) {
      if (leaveOut.includes(path)) continue;
      if (!file.named && (loss === 'none' || (loss !== 'all' && coin()))) continue;
      const target = join(folder, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, file.content(choose));
    }
  }

  #file(path: string): PowerFile {
    const known = this.#files.get(path);
    if (known !== undefined) return known;
    const file = new PowerFile();
    this.#files.set(path, file);
    return file;
  }
}

interface Version {
  readonly operation: number;
}
interface SectorVersion extends Version {
  readonly bytes: Buffer;
}
interface SizeVersion extends Version {
  readonly size: number;
}
/** The index of the version that is on the disk, -1 for the one that is there for certain. */
type Choose = (versions: readonly Version[]) => number;

class PowerFile {
  /** Its name is on the disk. */
  named = false;
  #bytes = Buffer.alloc(0);
  #size = 0;
  readonly #sectors = new Map<number, SectorVersion[]>();
  #sizes: SizeVersion[] = [];

  write(operation: number, at: number, data: Buffer, durable: boolean): void {
    if (at + data.length > this.#sizeNow()) this.#sizes.push({ operation, size: at + data.length });
    const touched: number[] = [];
    for (let sector = Math.floor(at / SECTOR); sector * SECTOR < at + data.length; sector++) {
      const bytes = Buffer.from(this.#now(sector));
      const from = Math.max(at, sector * SECTOR);
      const to = Math.min(at + data.length, (sector + 1) * SECTOR);
      data.copy(bytes, from - sector * SECTOR, from - at, to - at);
      this.#push(sector, { operation, bytes });
      touched.push(sector);
    }
    if (!durable) return;
    for (const sector of touched) this.#settle(sector, operation + 1);
    this.#settleSize(operation + 1);
    this.named = true;
  }

  truncate(operation: number, size: number): void {
    const before = this.#sizeNow();
    this.#sizes.push({ operation, size });
    // What a file grows by again is zero.
    for (let sector = Math.floor(size / SECTOR); sector * SECTOR < before; sector++) {
      const bytes = Buffer.from(this.#now(sector));
      bytes.fill(0, Math.max(0, size - sector * SECTOR));
      this.#push(sector, { operation, bytes });
    }
  }

  /** All that was done by operations below `before` is on the disk. */
  sync(before: number): void {
    for (const sector of [...this.#sectors.keys()]) this.#settle(sector, before);
    this.#settleSize(before);
    this.named = true;
  }

  content(choose: Choose): Buffer {
    const size = this.#sizes[choose(this.#sizes)]?.size ?? this.#size;
    const content = Buffer.alloc(size);
    this.#bytes.copy(content, 0, 0, Math.min(size, this.#bytes.length));
    for (const [sector, versions] of this.#sectors) {
      if (sector * SECTOR >= size) continue;
      versions[choose(versions)]?.bytes.copy(content, sector * SECTOR);
    }
    return content;
  }

  #sizeNow(): number {
    return this.#sizes.at(-1)?.size ?? this.#size;
  }

  #now(sector: number): Buffer {
    return this.#sectors.get(sector)?.at(-1)?.bytes ?? this.#onDisk(sector);
  }

  #onDisk(sector: number): Buffer {
    const end = (sector + 1) * SECTOR;
    if (this.#bytes.length < end) {
      const grown = Buffer.alloc(Math.max(end, 2 * this.#bytes.length));
      this.#bytes.copy(grown);
      this.#bytes = grown;
    }
    return this.#bytes.subarray(sector * SECTOR, end);
  }

  #push(sector: number, version: SectorVersion): void {
    const versions = this.#sectors.get(sector);
    if (versions === undefined) this.#sectors.set(sector, [version]);
    else versions.push(version);
  }

  #settle(sector: number, before: number): void {
    const versions = this.#sectors.get(sector) ?? [];
    const last = lastWhere(versions, ({ operation }) => operation < before);
    if (last < 0) return;
    versions[last]?.bytes.copy(this.#onDisk(sector));
    if (last === versions.length - 1) this.#sectors.delete(sector);
    else versions.splice(0, last + 1);
  }

  #settleSize(before: number): void {
    const last = lastWhere(this.#sizes, ({ operation }) => operation < before);
    this.#size = this.#sizes[last]?.size ?? this.#size;
    this.#sizes = this.#sizes.slice(last + 1);
  }
}

function lastWhere<T>(values: readonly T[], is: (value: T) => boolean): number {
  for (let index = values.length - 1; index >= 0; index--) {
    const value = values[index];
    if (value !== undefined && is(value)) return index;
  }
  return -1;
}
