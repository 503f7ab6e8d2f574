import type { EventStore, StoreListener, StoreRecord, StoreTable } from './event-store.js';
import type { StoredBytes, StoredNote } from './stored.js';

/** A handle that has the bytes in it. */
export class MemoryBytes implements StoredBytes, StoredNote {
  readonly bytes: Uint8Array;
  readonly position: number;
  readonly at: number;
  readonly user: string;

  constructor({ at, bytes, position, user }: StoreRecord) {
    this.bytes = bytes;
    this.position = position;
    this.at = at;
    this.user = user;
  }

  get size(): number {
    return this.bytes.byteLength;
  }
}

/** Keeps events in memory: durable at once, gone with the process. */
export class MemoryStore implements EventStore {
  readonly name = 'memory';
  readonly epoch: string;
  readonly lastPosition = 0;
  readonly refusal = undefined;
  readonly #entries = new Map<string, string>();
  #keptBytes = 0;

  /** @param epoch another one for each start */
  constructor(epoch = 'memory') {
    this.epoch = epoch;
  }

  get durablePosition(): number {
    return Number.MAX_SAFE_INTEGER;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  append(record: StoreRecord): StoredBytes {
    this.#keptBytes += record.bytes.byteLength;
    return new MemoryBytes(record);
  }

  read(stored: StoredBytes): Uint8Array {
    return (stored as MemoryBytes).bytes;
  }

  describe(stored: StoredBytes): StoredNote {
    return stored as MemoryBytes;
  }

  forget(stored: StoredBytes): void {
    this.#keptBytes -= stored.size;
  }

  open(_table: StoreTable, _listener: StoreListener): void {}

  changed(): void {}

  load(): undefined {}

  *scan(): Iterable<never> {}

  committed(): undefined {}

  isUnsettled(): boolean {
    return true;
  }

  dropPartition(): void {}

  tick(): void {}

  setEntry(key: string, value: string | undefined): void {
    if (value === undefined) this.#entries.delete(key);
    else this.#entries.set(key, value);
  }

  *entries(prefix: string): Iterable<readonly [string, string]> {
    for (const key of [...this.#entries.keys()].sort()) {
      const value = this.#entries.get(key);
      if (value !== undefined && key.startsWith(prefix)) yield [key, value];
    }
  }
}
