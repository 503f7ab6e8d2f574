/** One received event that waits for its handlers. */
export interface Received {
  /** Events with one key are handled one after the other, in order. */
  readonly key: string;
  readonly bytes: number;
  /** A later event of the same resource makes this one pointless: it is neither a deletion nor a question. */
  readonly replaceable: boolean;
  /** What still waits under the same key with the same word here has become pointless: the same question, asked again. */
  readonly supersedes?: string | undefined;
}

export interface ReceiveQueueOptions<R extends Received> {
  /** Handles one. Never rejects. */
  readonly handle: (received: R) => Promise<void>;
  /** More bytes than this may wait: ask the server to pause. */
  readonly maxPendingBytes: number;
  /** `oldest` has been with its handlers for the longest time. */
  readonly pause: (oldest: R | undefined, pendingBytes: number) => void;
  readonly resume: () => void;
}

/** Beyond this a resource's newest waiting event gives way to the next one, as a desired state may. */
const LANE_EVENTS = 64;
const LANE_BYTES = 1024 * 1024;

interface Lane<R> {
  running: R;
  readonly waiting: R[];
  bytes: number;
}

/**
 * Keeps the order of each resource, and lets a slow handler hold up its own resource alone. Resources have a lane each; what waits is
 * bounded: a lane keeps the newest, and the whole queue asks the server to pause.
 */
export class ReceiveQueue<R extends Received> {
  readonly #options: ReceiveQueueOptions<R>;
  readonly #lanes = new Map<string, Lane<R>>();
  #pending = 0;
  #paused = false;
  #closed = false;

  constructor(options: ReceiveQueueOptions<R>) {
    this.#options = options;
  }

  push(received: R): void {
    if (this.#closed) return;
    const lane = this.#lanes.get(received.key);
    if (lane === undefined) {
      const fresh: Lane<R> = { running: received, waiting: [], bytes: 0 };
      this.#lanes.set(received.key, fresh);
      this.#count(received.bytes);
      void this.#run(received, fresh);
      return;
    }
    if (received.supersedes !== undefined) this.#dropAsked(lane, received.supersedes);
    const last = lane.waiting.at(-1);
    const full = lane.waiting.length >= LANE_EVENTS || lane.bytes + received.bytes > LANE_BYTES;
    if (full && received.replaceable && last?.replaceable === true) {
      lane.waiting.pop();
      this.#take(lane, -last.bytes);
    }
    lane.waiting.push(received);
    this.#take(lane, received.bytes);
  }

  /** Nothing more is handled. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes.values()) lane.waiting.length = 0;
  }

  async #run(first: R, lane: Lane<R>): Promise<void> {
    for (let next: R | undefined = first; next !== undefined; ) {
      await this.#options.handle(next);
      this.#count(-next.bytes);
      next = lane.waiting.shift();
      if (next === undefined) break;
      lane.bytes -= next.bytes;
      lane.running = next;
    }
    this.#lanes.delete(first.key);
  }

  #dropAsked(lane: Lane<R>, word: string): void {
    const index = lane.waiting.findIndex(({ supersedes }) => supersedes === word);
    const [dropped] = index < 0 ? [] : lane.waiting.splice(index, 1);
    if (dropped !== undefined) this.#take(lane, -dropped.bytes);
  }

  #take(lane: Lane<R>, bytes: number): void {
    lane.bytes += bytes;
    this.#count(bytes);
  }

  #count(bytes: number): void {
    this.#pending += bytes;
    const { maxPendingBytes, pause, resume } = this.#options;
    if (!this.#paused && this.#pending > maxPendingBytes) {
      this.#paused = true;
      const [oldest] = this.#lanes.values();
      pause(oldest?.running, this.#pending);
    } else if (this.#paused && this.#pending <= maxPendingBytes / 2) {
      this.#paused = false;
      if (!this.#closed) resume();
    }
  }
}
