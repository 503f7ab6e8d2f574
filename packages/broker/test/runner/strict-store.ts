import type { StoreRecord } from '../../src/state/event-store.js';
import { MemoryStore } from '../../src/state/memory-store.js';
import type { StoredBytes, StoredNote } from '../../src/state/stored.js';

/**
 * The memory store for whoever plays by its rules: a handle serves another event once it was forgotten, so forgetting one twice, or looking
 * at it afterwards, would show somebody else's event. Here it throws.
 */
export class StrictStore extends MemoryStore {
  readonly #kept = new Set<StoredBytes>();

  override append(record: StoreRecord): StoredBytes {
    const stored = super.append(record);
    if (this.#kept.has(stored)) throw new Error(`the handle of ${stored.position} has another event still`);
    this.#kept.add(stored);
    return stored;
  }

  override read(stored: StoredBytes): Uint8Array {
    this.#mustBeKept(stored);
    return super.read(stored);
  }

  override describe(stored: StoredBytes): StoredNote {
    this.#mustBeKept(stored);
    return super.describe(stored);
  }

  override forget(stored: StoredBytes): void {
    this.#mustBeKept(stored);
    this.#kept.delete(stored);
    super.forget(stored);
  }

  #mustBeKept(stored: StoredBytes): void {
    if (!this.#kept.has(stored)) throw new Error('a handle is used that was forgotten before');
  }
}
