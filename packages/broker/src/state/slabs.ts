const SLAB_BYTES = 64 * 1024;
/** Larger byte strings have a buffer of their own. */
const LARGEST_BYTES = SLAB_BYTES / 4;
/** Chunks from this size on may be kept as they are. */
const LEAST_CHUNK_BYTES = 16 * 1024;

/** Bytes that were put by, until they are released. Only the slabs look inside. */
export interface Kept {
  slab: Slab | undefined;
  start: number;
  readonly size: number;
  /** Nobody needs it any more, though whoever still has it can read it. */
  released: boolean;
}

/** One buffer with the bytes of many. */
export interface Slab {
  readonly memory: ArrayBufferLike;
  readonly buffer: Buffer;
  used: number;
  /** What of it is still needed, in bytes. */
  live: number;
  readonly kept: Kept[];
}

/**
 * Puts small byte strings by in few large buffers: a buffer for each would cost more than all else that is done with an event, and the
 * garbage collector as much again.
 *
 * Where many come out of one chunk of a socket the chunk itself is such a buffer, and nothing is copied. A buffer of which less than
 * a quarter is needed any more is given up, and what is left of it moves: so there are never more than four times the bytes that are kept,
 * beside the two buffers that are being filled. Where resources change in turn, most buffers are empty before that.
 */
export class Slabs {
  #current = newSlab();
  /** The chunk that the last ones came out of. */
  #chunk: Slab | undefined = undefined;

  /** Keeps the bytes, which must not change any more. False: they are too large, and not taken. */
  keep(bytes: Uint8Array, into: Kept): boolean {
    if (bytes.byteLength > LARGEST_BYTES) return false;
    const chunk = this.#chunkOf(bytes);
    if (chunk === undefined) this.#put(bytes, into);
    else place(chunk, into, bytes.byteOffset);
    return true;
  }

  /** They are not needed any more. Whoever still has them, or a view of them, can read them. */
  release(kept: Kept): void {
    const { slab } = kept;
    if (slab === undefined || kept.released) return;
    kept.released = true;
    slab.live -= kept.size;
    if (slab !== this.#current && slab !== this.#chunk) this.#giveUpIfSparse(slab);
  }

  #chunkOf({ buffer }: Uint8Array): Slab | undefined {
    const known = this.#chunk;
    if (known !== undefined && known.memory === buffer) return known;
    const size = buffer.byteLength;
    if (size < LEAST_CHUNK_BYTES || size > SLAB_BYTES || !(buffer instanceof ArrayBuffer)) return undefined;
    this.#chunk = { memory: buffer, buffer: Buffer.from(buffer), used: size, live: 0, kept: [] };
    if (known !== undefined) this.#giveUpIfSparse(known);
    return this.#chunk;
  }

  #put(bytes: Uint8Array, into: Kept): void {
    if (this.#current.used + bytes.byteLength > SLAB_BYTES) {
      const full = this.#current;
      this.#current = newSlab();
      this.#giveUpIfSparse(full);
    }
    const slab = this.#current;
    slab.buffer.set(bytes, slab.used);
    place(slab, into, slab.used);
    slab.used += bytes.byteLength;
  }

  #giveUpIfSparse(slab: Slab): void {
    if (slab.live === 0 || slab.live >= slab.buffer.length / 4) return;
    slab.live = 0;
    for (const left of slab.kept) {
      if (left.slab === slab && !left.released) this.#put(viewOf(slab, left), left);
    }
  }
}

export function viewOf(slab: Slab, { start, size }: Kept): Uint8Array {
  return slab.buffer.subarray(start, start + size);
}

function place(slab: Slab, into: Kept, start: number): void {
  into.slab = slab;
  into.start = start;
  slab.live += into.size;
  slab.kept.push(into);
}

function newSlab(): Slab {
  const buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  return { memory: buffer.buffer, buffer, used: 0, live: 0, kept: [] };
}
