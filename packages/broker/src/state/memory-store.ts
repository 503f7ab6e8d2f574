import type { EventStore, StoredBytes, StoredNote, StoreListener, StoreRecord } from './event-store.js';
import type { ResourceTable } from './resource-table.js';

interface InMemory extends StoredBytes, StoredNote {
  readonly bytes: Uint8Array;
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

  append({ at, bytes, position, user }: StoreRecord): StoredBytes {
    this.#keptBytes += bytes.byteLength;
    const stored: InMemory = { bytes, size: bytes.byteLength, position, at, user };
    return stored;
  }

  read(stored: StoredBytes): Uint8Array {
    return (stored as InMemory).bytes;
  }

  describe(stored: StoredBytes): StoredNote {
    return stored as InMemory;
  }

  forget(stored: StoredBytes): void {
    this.#keptBytes -= stored.size;
  }

  open(_table: ResourceTable, _listener: StoreListener): void {}

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
