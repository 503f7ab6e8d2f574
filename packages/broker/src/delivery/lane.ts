import type { ByteBudget } from './byte-budget.js';

/** First in, first out, bounded in bytes: what has no state behind it, and so cannot be looked up later. */
export class Lane {
  readonly #limitBytes: number;
  readonly #shared: ByteBudget;
  #items: (Uint8Array | undefined)[] = [];
  #head = 0;
  #bytes = 0;

  /** @param shared what all lanes together may hold */
  constructor(limitBytes: number, shared: ByteBudget) {
    this.#limitBytes = limitBytes;
    this.#shared = shared;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#head === this.#items.length;
  }

  /** `full`: this lane has no room. `all-full`: all lanes together have none. */
  push(bytes: Uint8Array): 'held' | 'full' | 'all-full' {
    if (this.#bytes + bytes.byteLength > this.#limitBytes) return 'full';
    if (!this.#shared.reserve(bytes.byteLength)) return 'all-full';
    this.#items.push(ownBytes(bytes));
    this.#bytes += bytes.byteLength;
    return 'held';
  }

  shift(): Uint8Array | undefined {
    if (this.isEmpty) return undefined;
    const bytes = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length || this.#head > 1024) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    const size = bytes?.byteLength ?? 0;
    this.#bytes -= size;
    this.#shared.release(size);
    return bytes;
  }

  clear(): void {
    this.#shared.release(this.#bytes);
    this.#items = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}

/** What waits here must not keep a much larger chunk alive, such as the batch that it came in. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer.byteLength <= 2 * bytes.byteLength + 64) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.byteLength);
  copy.set(bytes);
  return copy;
}
