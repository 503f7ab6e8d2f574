import type { HeaderBlock } from './header-block.js';

/** Longer blocks are rare, and decoding them is not what matters then. */
export const MAX_CACHED_BLOCK_BYTES = 512;
export const MAX_CACHED_BLOCKS = 8;

/** Room for blocks comes in steps of this many bytes, so that it can be used again for a block of about the same length. */
const ROOM_STEP_BYTES = 32;
/** From here on a call into native code is faster than comparing here. */
const NATIVE_BYTES = 80;

interface Slot {
  bytes: Buffer;
  length: number;
  mark: number;
  block: HeaderBlock | undefined;
}

/**
 * Blocks that were decoded with the dynamic table as it is and changed nothing in it, found again by their bytes. Clients send the
 * same few blocks again and again, so the last one found is compared first. Nothing is allocated to find a block.
 */
export class BlockCache {
  readonly #slots: Slot[] = [];
  #last: Slot | undefined = undefined;
  /** The slot that the next block goes into. */
  #next = 0;

  find(bytes: Uint8Array, start: number, end: number): HeaderBlock | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    if (same(last, bytes, start, end)) return last.block;
    const mark = markOf(bytes, start, end);
    for (const slot of this.#slots) {
      if (slot.mark !== mark || slot === last || !same(slot, bytes, start, end)) continue;
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
    slot.length = length;
    slot.mark = markOf(bytes, start, end);
    slot.block = block;
    for (let i = 0; i < length; i++) slot.bytes[i] = bytes[start + i] ?? 0;
    this.#last = slot;
  }

  /** The dynamic table has changed: the same bytes may mean something else now. */
  clear(): void {
    if (this.#last === undefined) return;
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
      slot = { bytes: Buffer.alloc(0), length: -1, mark: 0, block: undefined };
      this.#slots.push(slot);
    }
    this.#next = (this.#next + 1) % MAX_CACHED_BLOCKS;
    if (slot.bytes.length < length) {
      slot.bytes = Buffer.allocUnsafeSlow(Math.ceil(length / ROOM_STEP_BYTES) * ROOM_STEP_BYTES);
    }
    return slot;
  }
}

function same(slot: Slot, bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (slot.length !== length) return false;
  const known = slot.bytes;
  if (length >= NATIVE_BYTES) return known.compare(bytes, start, end, 0, length) === 0;
  // Four at a time: half the cost of one by one.
  let i = 0;
  for (let at = start; i + 3 < length; i += 4, at += 4) {
    if (
      known[i] !== bytes[at] ||
      known[i + 1] !== bytes[at + 1] ||
      known[i + 2] !== bytes[at + 2] ||
      known[i + 3] !== bytes[at + 3]
    ) {
      return false;
    }
  }
  for (; i < length; i++) {
    if (known[i] !== bytes[start + i]) return false;
  }
  return true;
}

/** A number that mostly differs where blocks differ, of 32 of their bytes at most: blocks of another mark need not be compared. */
function markOf(bytes: Uint8Array, start: number, end: number): number {
  const step = Math.max(1, (end - start) >> 4);
  let mark = end - start;
  for (let at = start; at < end; at += step) mark = (Math.imul(mark, 31) + (bytes[at] ?? 0)) | 0;
  return mark;
}
