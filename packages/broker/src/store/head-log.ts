import { randomInt } from 'node:crypto';
import { type HeadChange, idOfKey, resourceKey } from './layout.js';
import { type Keys, sortByKey } from './sort-by-key.js';

/** What was committed last of a resource, until it is where it belongs. */
export interface Head extends HeadChange {
  /** It ends some day by itself: a deletion, or the memory of one. */
  readonly ends: boolean;
  /** It may be among those that do already. */
  readonly mayBeInEnds: boolean;
}

/** A head with the key under which it belongs; both are views of what is kept here. */
export interface WaitingHead extends Omit<Head, 'partition' | 'id'> {
  readonly key: Buffer;
}

const GONE = 1;
const ENDS = 2;
const MAY_BE_IN_ENDS = 4;
/** A later one of the same resource follows. */
const REPLACED = 8;

const CHUNK_BYTES = 1024 * 1024;
/** No entry begins below it, so that 0 is none. */
const FIRST = 8;
/** An entry: what it says, the length of its key, that of its record, the entry of its partition before it; then key and record. */
const FLAGS = 0;
const KEY_LENGTH = 1;
const RECORD_LENGTH = 3;
const BEFORE = 7;
const KEY = 11;

/** The entries of a partition. */
interface InPartition {
  /** Any one of them. */
  readonly first: number;
  /** So many bytes their keys have in common. */
  common: number;
  newest: number;
  /** How many there are, also of those that were replaced. */
  entries: number;
}

const FEWEST_SLOTS = 1_024;
const SEED = randomInt(0x1_0000_0000);

/**
 * Heads that wait to be settled, the newest of each resource. There may be a hundred thousand of them for some seconds, and objects that
 * live so long and then die are what the garbage collector spends most on: so keys and records lie one after the other in large buffers,
 * and a table of numbers says where the newest of each key is.
 */
export class HeadLog {
  #chunks: Buffer[] = [];
  #at = CHUNK_BYTES;
  /** Where entries are, by the hash of their keys, each in the first free slot from there on; 0: a free one. */
  #slots: Uint32Array;
  #hashes: Uint32Array;
  readonly #partitions = new Map<number, InPartition>();
  #size = 0;
  #bytes = 0;

  /** @param expected how many resources it may have room for at once */
  constructor(expected = 0) {
    const slots = Math.max(FEWEST_SLOTS, 2 ** Math.ceil(Math.log2(2 * expected + 1)));
    this.#slots = new Uint32Array(slots);
    this.#hashes = new Uint32Array(slots);
  }

  /** How many resources are in it. */
  get size(): number {
    return this.#size;
  }

  /** What it takes in memory. */
  get bytes(): number {
    return this.#bytes + this.#slots.byteLength + this.#hashes.byteLength;
  }

  add({ ends, id, mayBeInEnds, partition, record }: Head): void {
    const key = resourceKey(partition, id);
    const hash = hashOf(key);
    const slot = this.#slotOf(key, hash);
    const before = this.#slots[slot] ?? 0;
    const known = this.#partitions.get(partition);
    const entry = this.#append(key, record, known?.newest ?? 0);
    let flags = (record === undefined ? GONE : 0) | (ends ? ENDS : 0) | (mayBeInEnds ? MAY_BE_IN_ENDS : 0);
    if (before === 0) this.#size += 1;
    else {
      const was = this.#flags(before);
      flags |= was & MAY_BE_IN_ENDS;
      this.#setFlags(before, was | REPLACED);
    }
    this.#setFlags(entry, flags);
    if (known === undefined)
      this.#partitions.set(partition, { first: entry, common: key.byteLength, newest: entry, entries: 1 });
    else {
      known.newest = entry;
      known.common = commonBytes(key, this.#keyOf(known.first), 0, known.common);
      known.entries += 1;
    }
    this.#slots[slot] = entry;
    this.#hashes[slot] = hash;
    if (2 * this.#size > this.#slots.length) this.#grow();
  }

  /** @param hash of the key, by `hashOf` */
  get(key: Buffer, hash = hashOf(key)): WaitingHead | undefined {
    const entry = this.#slots[this.#slotOf(key, hash)] ?? 0;
    return entry === 0 ? undefined : this.at(entry);
  }

  /** Resources of a partition, the newest first. */
  *ids(partition: number): Iterable<string> {
    for (let entry = this.#partitions.get(partition)?.newest ?? 0; entry !== 0; entry = this.#before(entry))
      if ((this.#flags(entry) & REPLACED) === 0) yield idOfKey(this.#keyOf(entry));
  }

  /** Those of which something is here, in ascending order. */
  partitions(): number[] {
    return [...this.#partitions.keys()].sort((one, other) => one - other);
  }

  /** The entries of a partition, for `at`: almost in the order of their keys, so that neighbours come together. */
  sorted(partition: number): Uint32Array {
    const known = this.#partitions.get(partition);
    const all = new Uint32Array(known?.entries ?? 0);
    let size = 0;
    for (let entry = known?.newest ?? 0; entry !== 0; entry = this.#before(entry))
      if ((this.#flags(entry) & REPLACED) === 0) all[size++] = entry;
    const entries = all.subarray(0, size);
    sortByKey(entries, this.#keys, known?.common ?? 0);
    return entries;
  }

  at(entry: number): WaitingHead {
    const chunk = this.#chunkOf(entry);
    const from = entry % CHUNK_BYTES;
    const flags = this.#flags(entry);
    const toRecord = from + KEY + chunk.readUInt16LE(from + KEY_LENGTH);
    const isGone = (flags & GONE) !== 0;
    return {
      key: chunk.subarray(from + KEY, toRecord),
      record: isGone
        ? undefined
        : chunk.subarray(toRecord, toRecord + chunk.readUInt32LE(from + RECORD_LENGTH)),
      ends: (flags & ENDS) !== 0,
      mayBeInEnds: (flags & MAY_BE_IN_ENDS) !== 0,
    };
  }

  #before(entry: number): number {
    return this.#chunkOf(entry).readUInt32LE((entry % CHUNK_BYTES) + BEFORE);
  }

  #append(key: Buffer, record: Buffer | undefined, before: number): number {
    const length = KEY + key.byteLength + (record?.byteLength ?? 0);
    if (this.#at + length > CHUNK_BYTES) this.#extend(FIRST + length);
    const from = this.#at;
    const entry = (this.#chunks.length - 1) * CHUNK_BYTES + from;
    const chunk = this.#chunkOf(entry);
    chunk.writeUInt16LE(key.byteLength, from + KEY_LENGTH);
    chunk.writeUInt32LE(record?.byteLength ?? 0, from + RECORD_LENGTH);
    chunk.writeUInt32LE(before, from + BEFORE);
    chunk.set(key, from + KEY);
    if (record !== undefined) chunk.set(record, from + KEY + key.byteLength);
    this.#at = from + length;
    return entry;
  }

  /** An entry that is larger than others has a chunk of its own. */
  #extend(length: number): void {
    const chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, length));
    this.#chunks.push(chunk);
    this.#bytes += chunk.byteLength;
    this.#at = FIRST;
  }

  #chunkOf(entry: number): Buffer {
    const chunk = this.#chunks[Math.floor(entry / CHUNK_BYTES)];
    if (chunk === undefined) throw new RangeError(`no entry at ${entry}`);
    return chunk;
  }

  #flags(entry: number): number {
    return this.#chunkOf(entry)[(entry % CHUNK_BYTES) + FLAGS] ?? 0;
  }

  #setFlags(entry: number, flags: number): void {
    this.#chunkOf(entry)[(entry % CHUNK_BYTES) + FLAGS] = flags;
  }

  #keyOf(entry: number): Buffer {
    const chunk = this.#chunkOf(entry);
    const from = entry % CHUNK_BYTES;
    return chunk.subarray(from + KEY, from + KEY + chunk.readUInt16LE(from + KEY_LENGTH));
  }

  readonly #keys: Keys = {
    lengthOf: (entry) => this.#chunkOf(entry).readUInt16LE((entry % CHUNK_BYTES) + KEY_LENGTH),
    fourBytes: (entry, from) => {
      const chunk = this.#chunkOf(entry);
      const key = (entry % CHUNK_BYTES) + KEY;
      const end = key + chunk.readUInt16LE(key - KEY + KEY_LENGTH);
      if (key + from + 4 <= end) return chunk.readUInt32BE(key + from);
      let number = 0;
      for (let at = key + from; at < key + from + 4; at++)
        number = number * 0x100 + (at < end ? (chunk[at] ?? 0) : 0);
      return number;
    },
    common: (entry, other, from, most) => commonBytes(this.#keyOf(entry), this.#keyOf(other), from, most),
  };

  /** Where the key is, or the free slot where it would be. */
  #slotOf(key: Buffer, hash: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (let entry = this.#slots[slot] ?? 0; entry !== 0; entry = this.#slots[slot] ?? 0) {
      if (this.#hashes[slot] === hash && this.#hasKey(entry, key)) return slot;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #hasKey(entry: number, key: Buffer): boolean {
    const chunk = this.#chunkOf(entry);
    const from = entry % CHUNK_BYTES;
    if (chunk.readUInt16LE(from + KEY_LENGTH) !== key.byteLength) return false;
    for (let index = 0; index < key.byteLength; index++)
      if (chunk[from + KEY + index] !== key[index]) return false;
    return true;
  }

  #grow(): void {
    const slots = this.#slots;
    const hashes = this.#hashes;
    this.#slots = new Uint32Array(2 * slots.length);
    this.#hashes = new Uint32Array(2 * slots.length);
    const mask = this.#slots.length - 1;
    for (let index = 0; index < slots.length; index++) {
      const entry = slots[index] ?? 0;
      if (entry === 0) continue;
      const hash = hashes[index] ?? 0;
      let slot = hash & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = entry;
      this.#hashes[slot] = hash;
    }
  }
}

/**
 * FNV-1a from a seed that nobody knows, with the high bits mixed into the low ones at every byte: so that ids that want the same slot for one
 * seed do not for another.
 */
export function hashOf(key: Buffer): number {
  let hash = SEED;
  for (let index = 0; index < key.byteLength; index++) {
    hash = Math.imul(hash ^ (key[index] ?? 0), 0x0100_0193);
    hash ^= hash >>> 15;
  }
  return Math.imul(hash, 0x2c1b_3c6d) >>> 0;
}

function commonBytes(one: Buffer, other: Buffer, from: number, most: number): number {
  const end = Math.min(one.byteLength - from, other.byteLength - from, most);
  let length = 0;
  while (length < end && one[from + length] === other[from + length]) length += 1;
  return length;
}
