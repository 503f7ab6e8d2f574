import type { OpenStore, StoreListener, StoreRecord, StoreRefusal, StoreTable } from './event-store.js';
import type { Place } from './place.js';
import type { Resource } from './resource.js';
import { type Kept, type Slab, Slabs, viewOf } from './slabs.js';
import type { StoredBytes, StoredNote } from './stored.js';

/** A handle that has the bytes in it. */
export class MemoryBytes implements StoredBytes, StoredNote, Kept {
  size = 0;
  position = 0;
  at = 0;
  user = '';
  slab: Slab | undefined = undefined;
  start = 0;
  released = false;
  #own: Uint8Array | undefined = undefined;

  /** @param slabs where small ones are put by; whoever gives them releases the handle there */
  constructor(record: StoreRecord, slabs?: Slabs) {
    this.fill(record, slabs);
  }

  /** It stands for this event from now on: nobody needs the one before. */
  fill({ at, bytes, position, user }: StoreRecord, slabs?: Slabs): void {
    this.size = bytes.byteLength;
    this.position = position;
    this.at = at;
    this.user = user;
    this.released = false;
    this.slab = undefined;
    this.#own = slabs?.keep(bytes, this) === true ? undefined : ownCopy(bytes);
  }

  /** It stands for nothing. Old slabs that it was in still know it, and must not keep alive where it was last. */
  empty(): void {
    this.slab = undefined;
    this.#own = undefined;
  }

  get bytes(): Uint8Array {
    if (this.slab !== undefined) return viewOf(this.slab, this);
    return this.#own ?? EMPTY;
  }
}

/** Keeps events in memory: durable at once, gone with the process. */
export class MemoryStore implements OpenStore {
  readonly name = 'memory';
  readonly epoch: string;
  readonly refusal: StoreRefusal | undefined = undefined;
  readonly troubles: readonly string[] = [];
  readonly hasUnsavedEntries: boolean = false;
  readonly #entries = new Map<string, string>();
  readonly #slabs = new Slabs();
  #keptBytes = 0;
  /**
   * The handle that was forgotten last. Everything is durable at once, so it is nobody's any more and serves again: as many handles come and go
   * as events, and those that live a while are what the garbage collector spends most on.
   */
  #spare: MemoryBytes | undefined = undefined;
  #newest: MemoryBytes | undefined = undefined;
  #newestView: Uint8Array | undefined = undefined;

  /** @param epoch another one for each start */
  constructor(epoch = 'memory') {
    this.epoch = epoch;
  }

  get durablePosition(): number {
    return Number.MAX_SAFE_INTEGER;
  }

  get lastPosition(): number {
    return 0;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  append(record: StoreRecord): StoredBytes {
    this.#keptBytes += record.bytes.byteLength;
    const spare = this.#spare;
    this.#spare = undefined;
    spare?.fill(record, this.#slabs);
    const kept = spare ?? new MemoryBytes(record, this.#slabs);
    this.#newest = kept;
    // The chunk that it came in may be what keeps it.
    this.#newestView = kept.slab?.memory === record.bytes.buffer ? record.bytes : undefined;
    return kept;
  }

  /** What came last is read most: at once, by whoever delivers it. */
  read(stored: StoredBytes): Uint8Array {
    const kept = stored as MemoryBytes;
    if (kept !== this.#newest) return kept.bytes;
    this.#newestView ??= kept.bytes;
    return this.#newestView;
  }

  describe(stored: StoredBytes): StoredNote {
    return stored as MemoryBytes;
  }

  forget(stored: StoredBytes): void {
    const kept = stored as MemoryBytes;
    this.#keptBytes -= kept.size;
    this.#slabs.release(kept);
    if (this.durablePosition !== Number.MAX_SAFE_INTEGER) return;
    kept.empty();
    this.#spare = kept;
  }

  open(_table: StoreTable, _listener: StoreListener): void {}

  changed(_resource: Resource, _place: Place): void {}

  load(_place: Place, _id: string): Uint8Array | undefined {
    return undefined;
  }

  *scan(_place: Place, _skip: ReadonlySet<string>): Iterable<readonly [string, Uint8Array]> {}

  isUncommitted(_resource: Resource): boolean {
    return true;
  }

  dropPartition(_place: Place): void {}

  tick(_position: number): void {}

  async close(): Promise<void> {}

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

const EMPTY = new Uint8Array(0);

/**
 * A request's bytes may lie in a much larger chunk of the socket; what is kept must not keep that alive.
 */
function ownCopy(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer.byteLength <= bytes.byteLength + bytes.byteLength / 4 + 64) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.byteLength);
  copy.set(bytes);
  return copy;
}
