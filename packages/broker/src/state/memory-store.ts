import type { EventStore, StoredBytes, StoreRecord } from './event-store.js';

interface InMemory extends StoredBytes {
  readonly bytes: Uint8Array;
}

/** Keeps events in memory: durable at once, gone with the process. */
export class MemoryStore implements EventStore {
  readonly name = 'memory';
  readonly durablePosition = Number.MAX_SAFE_INTEGER;
  #keptBytes = 0;

  get keptBytes(): number {
    return this.#keptBytes;
  }

  append(record: StoreRecord): StoredBytes {
    this.#keptBytes += record.bytes.byteLength - (record.replaces?.size ?? 0);
    const stored: InMemory = { bytes: record.bytes, size: record.bytes.byteLength };
    return stored;
  }

  read(stored: StoredBytes): Uint8Array {
    return (stored as InMemory).bytes;
  }

  forget(stored: StoredBytes): void {
    this.#keptBytes -= stored.size;
  }
}
