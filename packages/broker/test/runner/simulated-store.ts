import type { StoreListener, StoreRecord, StoreTable } from '../../src/state/event-store.js';
import { MemoryBytes, MemoryStore } from '../../src/state/memory-store.js';
import type { Place } from '../../src/state/place.js';
import type { Resource } from '../../src/state/resource.js';
import { encodeResource } from '../../src/state/resource-codec.js';
import type { StoredBytes } from '../../src/state/stored.js';

interface KeptPlace {
  readonly cluster: string;
  readonly dataType: string;
  readonly size: number;
  readonly requests: number;
  readonly owned: readonly (readonly [string, number])[];
  readonly records: Map<string, Uint8Array>;
}

/** What survives a restart. */
export class Disk {
  nextNumber = 1;
  readonly places = new Map<number, KeptPlace>();
  readonly events = new Map<number, MemoryBytes>();
  readonly entries = new Map<string, string>();
  position = 0;

  copy(): Disk {
    const copy = new Disk();
    copy.nextNumber = this.nextNumber;
    for (const [number, place] of this.places)
      copy.places.set(number, { ...place, records: new Map(place.records) });
    for (const [position, event] of this.events) copy.events.set(position, event);
    for (const [key, value] of this.entries) copy.entries.set(key, value);
    copy.position = this.position;
    return copy;
  }
}

/**
 * Stands in for a store on disk where time must stand still: groups become durable when `commit` says so, or are lost with `fail`. The
 * real one has tests of its own; what this shows is that the core lives with one.
 */
export class SimulatedStore extends MemoryStore {
  readonly #disk: Disk;
  readonly #resources = new Set<Resource>();
  readonly #places = new Set<Place>();
  readonly #events = new Map<number, MemoryBytes>();
  readonly #dead: number[] = [];
  /** Entries that are not on disk yet; a group that is lost leaves them to the next. */
  readonly #unsaved = new Map<string, string | undefined>();
  #first: number | undefined = undefined;
  #position = 0;
  /** How often a resource was looked for on disk. */
  loads = 0;
  #listener: StoreListener | undefined = undefined;
  readonly #immediately: boolean;

  /** @param immediately everything is durable at once, and only the cold side of a store shows */
  constructor(disk: Disk, immediately = false) {
    super();
    this.#disk = disk;
    this.#immediately = immediately;
    for (const [key, value] of disk.entries) super.setEntry(key, value);
  }

  override get durablePosition(): number {
    return this.#first === undefined || this.#immediately ? Number.MAX_SAFE_INTEGER : this.#first - 1;
  }

  override get lastPosition(): number {
    return this.#disk.position;
  }

  override open(table: StoreTable, listener: StoreListener): void {
    this.#listener = listener;
    for (const [number, kept] of this.#disk.places) table.addPartition({ ...kept, number });
    for (const [number, { cluster, dataType, records }] of this.#disk.places) {
      for (const id of records.keys()) listener.ends({ cluster, dataType, number } as Place, id);
    }
  }

  override append(record: StoreRecord): StoredBytes {
    const stored = new MemoryBytes(record);
    if (record.resource.place.keep === 'latest') return stored;
    this.#events.set(record.position, stored);
    this.#first ??= record.position;
    this.#position = record.position;
    return { position: record.position, size: stored.size };
  }

  override read(stored: StoredBytes): Uint8Array {
    return this.#bytes(stored).bytes;
  }

  override describe(stored: StoredBytes): MemoryBytes {
    return this.#bytes(stored);
  }

  override forget({ position }: StoredBytes): void {
    this.#dead.push(position);
  }

  override changed(resource: Resource, place: Place): void {
    if (place.number === 0) {
      place.number = this.#disk.nextNumber;
      place.storedRevision = -1;
      this.#disk.nextNumber += 1;
    }
    this.#resources.add(resource);
    if (place.revision !== place.storedRevision) this.#places.add(place);
    place.storedRevision = place.revision;
    this.#first ??= Math.max(this.#position, this.#disk.position) + 1;
  }

  override load(place: Place, id: string): Uint8Array | undefined {
    this.loads += 1;
    return this.#disk.places.get(place.number)?.records.get(id);
  }

  override *scan(place: Place, skip: ReadonlySet<string>): Iterable<readonly [string, Uint8Array]> {
    for (const entry of this.#disk.places.get(place.number)?.records ?? []) {
      if (!skip.has(entry[0])) yield entry;
    }
  }

  override isUncommitted(resource: Resource): boolean {
    return this.#resources.has(resource);
  }

  override dropPartition(place: Place): void {
    this.#disk.places.delete(place.number);
    place.number = 0;
  }

  override setEntry(key: string, value: string | undefined): void {
    super.setEntry(key, value);
    this.#unsaved.set(key, value);
  }

  commit(): void {
    for (const [key, value] of this.#unsaved) {
      if (value === undefined) this.#disk.entries.delete(key);
      else this.#disk.entries.set(key, value);
    }
    this.#unsaved.clear();
    for (const place of this.#places) {
      const { cluster, dataType, owned, requests, size } = place;
      const records = this.#disk.places.get(place.number)?.records ?? new Map<string, Uint8Array>();
      this.#disk.places.set(place.number, { cluster, dataType, size, requests, owned: [...owned], records });
    }
    for (const resource of this.#resources) {
      const record = encodeResource(resource);
      const records = this.#disk.places.get(resource.place.number)?.records;
      if (record === undefined) records?.delete(resource.id);
      else records?.set(resource.id, record);
    }
    for (const [position, event] of this.#events) this.#disk.events.set(position, event);
    for (const position of this.#dead) this.#disk.events.delete(position);
    this.#disk.position = Math.max(this.#disk.position, this.#position);
    this.#clear();
    this.#listener?.durable();
  }

  fail(): void {
    const changed = new Set(this.#resources);
    for (const place of this.#places) place.storedRevision = -1;
    this.#clear();
    this.#listener?.failed(
      { reason: 'disk-full', code: 'resource_exhausted', message: 'the disk is full' },
      changed,
    );
  }

  #bytes(stored: StoredBytes): MemoryBytes {
    if (stored instanceof MemoryBytes) return stored;
    const event = this.#events.get(stored.position) ?? this.#disk.events.get(stored.position);
    if (event === undefined) throw new Error(`nothing is kept at position ${stored.position}`);
    return event;
  }

  #clear(): void {
    this.#resources.clear();
    this.#places.clear();
    this.#events.clear();
    this.#dead.length = 0;
    this.#first = undefined;
  }
}
