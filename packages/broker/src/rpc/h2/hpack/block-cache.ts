import type { HeaderBlock } from './header-block.js';

/** Longer blocks are rare, and decoding them is not what matters then. */
export const MAX_CACHED_BLOCK_BYTES = 512;
export const MAX_CACHED_BLOCKS = 8;

/** Room for blocks comes in steps of this many bytes, so that it can be used again for a block of about the same length. */
const ROOM_STEP_BYTES = 32;

interface Slot {
  bytes: Uint8Array;
  length: number;
  block: HeaderBlock | undefined;
}

/**
 * Blocks that were decoded with the dynamic table as it is and changed nothing in it, found again by their bytes. Clients send the
 * same few blocks again and again, so the last one found is compared first. Nothing is allocated to find a block.
 */
export class BlockCache {
  readonly #slots: Slot[] = [];
  #last: Slot | undefined = undefined;
  /** The slot that the next block goes into, once there are MAX_CACHED_BLOCKS. */
  #next = 0;
  #empty = true;

  find(bytes: Uint8Array, start: number, end: number): HeaderBlock | undefined {
    if (this.#empty) return undefined;
    const last = this.#last;
    if (last !== undefined && same(last, bytes, start, end)) return last.block;
    for (const slot of this.#slots) {
      if (slot === last || !same(slot, bytes, start, end)) continue;
      this.#last = slot;
      return slot.block;
    }
    return undefined;
  }

  /** Keeps a block by a copy of its bytes, in the place of the one that was kept longest once the cache is full. */
  add(bytes: Uint8Array, start: number, end: number, block: HeaderBlock): void {
    const length = end - start;
    if (length > MAX_CACHED_BLOCK_BYTES) return;
    const slot = this.#slotFor(length);
    for (let i = 0; i < length; i++) slot.bytes[i] = bytes[start + i] ?? 0;
    slot.length = length;
    slot.block = block;
    this.#last = slot;
    this.#empty = false;
  }

  /** The dynamic table has changed: the same bytes may mean something else now. */
  clear(): void {
    if (this.#empty) return;
    this.#empty = true;
    this.#last = undefined;
    this.#next = 0;
    for (const slot of this.#slots) {
      slot.length = -1;
      slot.block = undefined;
    }
  }

  #slotFor(length: number): Slot {
    let slot = this.#slots[this.#next];
    if (slot === undefined) {
      slot = { bytes: new Uint8Array(0), length: -1, block: undefined };
      this.#slots.push(slot);
    }
    this.#next = (this.#next + 1) % MAX_CACHED_BLOCKS;
    if (slot.bytes.length < length) {
      slot.bytes = new Uint8Array(Math.ceil(length / ROOM_STEP_BYTES) * ROOM_STEP_BYTES);
    }
    return slot;
  }
}

function same(slot: Slot, bytes: Uint8Array, start: number, end: number): boolean {
  if (slot.length !== end - start) return false;
  const known = slot.bytes;
  for (let at = start, i = 0; at < end; at++, i++) {
    if (bytes[at] !== known[i]) return false;
  }
  return true;
}
