const SLAB_BYTES = 64 * 1024;
/** Larger ones have a buffer of their own. */
const LARGEST_BYTES = SLAB_BYTES / 4;

/** Bytes that were put by, until they are released. Only the slabs look inside. */
export interface Kept {
  slab: Slab | undefined;
  start: number;
  readonly size: number;
}

/** One buffer with the bytes of many. */
export interface Slab {
  readonly buffer: Buffer;
  used: number;
  /** What of it is still needed, in bytes. */
  live: number;
  readonly kept: Kept[];
}

/**
 * Puts small byte strings by in few large buffers: a buffer for each would cost more than all else that is done with an event, and the
 * garbage collector as much again. A slab of which less than half is needed any more is given up, and what is left of it moves: so there
 * are never more than twice the bytes that are kept, beside one slab.
 */
export class Slabs {
  #current = newSlab();

  /** Copies the bytes. False: they are too large, and not taken. */
  keep(bytes: Uint8Array, into: Kept): boolean {
    if (bytes.byteLength > LARGEST_BYTES) return false;
    this.#put(bytes, into);
    return true;
  }

  /** They are not needed any more. Views that were handed out stay good. */
  release(kept: Kept): void {
    const { slab } = kept;
    if (slab === undefined) return;
    kept.slab = undefined;
    slab.live -= kept.size;
    if (slab !== this.#current) this.#giveUpIfSparse(slab);
  }

  #put(bytes: Uint8Array, into: Kept): void {
    if (this.#current.used + bytes.byteLength > SLAB_BYTES) {
      const full = this.#current;
      this.#current = newSlab();
      this.#giveUpIfSparse(full);
    }
    const slab = this.#current;
    slab.buffer.set(bytes, slab.used);
    into.slab = slab;
    into.start = slab.used;
    slab.used += bytes.byteLength;
    slab.live += bytes.byteLength;
    slab.kept.push(into);
  }

  #giveUpIfSparse(slab: Slab): void {
    if (slab.live === 0 || slab.live >= SLAB_BYTES / 2) return;
    slab.live = 0;
    for (const left of slab.kept) {
      if (left.slab === slab) this.#put(viewOf(slab, left), left);
    }
  }
}

export function viewOf(slab: Slab, { start, size }: Kept): Uint8Array {
  return slab.buffer.subarray(start, start + size);
}

function newSlab(): Slab {
  return { buffer: Buffer.allocUnsafeSlow(SLAB_BYTES), used: 0, live: 0, kept: [] };
}
