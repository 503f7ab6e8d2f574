import type { Event, WatchPoint } from 'ce-broker-proto';

/** What a watch tells, in order. */
export type Watched =
  /** An event, as it was published. */
  | { readonly kind: 'event'; readonly event: Event }
  /** What was missed before this connection has been told: after `everything`, after a point, and after each reconnect. */
  | { readonly kind: 'caught-up' }
  /**
   * The broker cannot go on where this watch was, because its memory is another one: everything comes anew. What was deleted meanwhile is
   * not told: what is not among the events until `caught-up` is gone.
   */
  | { readonly kind: 'restarted'; readonly reason: string };

interface Entry {
  readonly watched: Watched;
  readonly bytes: number;
  /** Where to resume once this has been handled; undefined: as before. */
  point: WatchPoint | undefined;
}

export interface WatchQueueOptions {
  readonly maxPendingBytes: number;
  readonly pause: () => void;
  readonly resume: () => void;
}

/** What waits for the reader, bounded by asking the broker to pause, and how far the reader has come. */
export class WatchQueue {
  readonly #options: WatchQueueOptions;
  /** Empty where they have been taken. */
  #waiting: (Entry | undefined)[] = [];
  /** The first that waits. */
  #next = 0;
  #bytes = 0;
  #paused = false;
  /** What the reader has, and may still be at work on. */
  #taken: Entry | undefined;
  #point: WatchPoint | undefined;

  constructor(options: WatchQueueOptions, point: WatchPoint | undefined) {
    this.#options = options;
    this.#point = point;
  }

  get point(): WatchPoint | undefined {
    return this.#point;
  }

  push(watched: Watched, bytes: number): void {
    // Of connections that come and go while nobody reads, one word is enough.
    if (watched.kind === 'caught-up' && this.#waiting.at(-1)?.watched.kind === 'caught-up') return;
    this.#waiting.push({ watched, bytes, point: undefined });
    this.#bytes += bytes;
    if (this.#paused || this.#bytes <= this.#options.maxPendingBytes) return;
    this.#paused = true;
    this.#options.pause();
  }

  /** Everything until now, once handled, need not come again. */
  reached(point: WatchPoint): void {
    const last = this.#waiting.at(-1) ?? this.#taken;
    if (last === undefined) this.#point = point;
    else last.point = point;
  }

  /** What the reader took is handled. */
  handled(): void {
    if (this.#taken?.point !== undefined) this.#point = this.#taken.point;
    this.#taken = undefined;
  }

  take(): Watched | undefined {
    const entry = this.#waiting[this.#next];
    if (entry === undefined) return undefined;
    // Its bytes count no more: it must not stay here until the list is cut.
    this.#waiting[this.#next] = undefined;
    this.#next += 1;
    if (this.#next === this.#waiting.length || this.#next > 1_024) {
      this.#waiting = this.#waiting.slice(this.#next);
      this.#next = 0;
    }
    this.#taken = entry;
    this.#bytes -= entry.bytes;
    if (this.#paused && this.#bytes <= this.#options.maxPendingBytes / 2) {
      this.#paused = false;
      this.#options.resume();
    }
    return entry.watched;
  }

  clear(): void {
    this.#waiting = [];
    this.#next = 0;
  }
}
