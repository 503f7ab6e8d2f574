export interface OutboxOptions {
  /** Sends the newest of a resource. Rejects when that failed. */
  readonly send: (uid: string) => Promise<void>;
  /** Told of each failure; it is tried again. */
  readonly failed: (uid: string, error: unknown) => void;
  /** Resources that are sent side by side. Default 16. */
  readonly parallel?: number | undefined;
  /** The first wait before a failed one is tried again, in milliseconds; doubles up to a minute. Default 2,000. */
  readonly retryMs?: number | undefined;
}

const LONGEST_RETRY_MS = 60_000;

/**
 * What must reach the broker, by resource: one call per resource at a time, always with the newest, again after each failure until it is
 * taken. It holds ids only, so it is no longer than the list of resources.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #parallel: number;
  readonly #firstRetryMs: number;
  readonly #due = new Set<string>();
  readonly #sending = new Map<string, Promise<void>>();
  readonly #again = new Set<string>();
  readonly #failed = new Set<string>();
  #retryMs: number;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#parallel = options.parallel ?? 16;
    this.#firstRetryMs = options.retryMs ?? 2_000;
    this.#retryMs = this.#firstRetryMs;
  }

  /** How many resources are not known to have arrived. */
  get size(): number {
    return this.#due.size + this.#sending.size + this.#failed.size;
  }

  add(uid: string): void {
    if (this.#stopped) return;
    this.#failed.delete(uid);
    if (this.#sending.has(uid)) this.#again.add(uid);
    else this.#due.add(uid);
    this.#pump();
  }

  /** There is a connection again: everything that failed goes out now. */
  retry(): void {
    if (this.#stopped) return;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#retryMs = this.#firstRetryMs;
    for (const uid of this.#failed) this.#due.add(uid);
    this.#failed.clear();
    this.#pump();
  }

  /** Starts nothing any more; resolves when what is under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#due.clear();
    await Promise.all(this.#sending.values());
  }

  #pump(): void {
    for (const uid of this.#due) {
      if (this.#sending.size >= this.#parallel || this.#stopped) return;
      this.#due.delete(uid);
      this.#sending.set(uid, this.#send(uid));
    }
  }

  async #send(uid: string): Promise<void> {
    try {
      await this.#options.send(uid);
      this.#retryMs = this.#firstRetryMs;
    } catch (error) {
      if (!this.#stopped) {
        this.#failed.add(uid);
        this.#options.failed(uid, error);
        this.#retryLater();
      }
    } finally {
      this.#sending.delete(uid);
      if (this.#again.delete(uid)) {
        this.#failed.delete(uid);
        this.#due.add(uid);
      }
      this.#pump();
    }
  }

  #retryLater(): void {
    if (this.#timer !== undefined) return;
    const waitMs = this.#retryMs;
    this.#retryMs = Math.min(waitMs * 2, LONGEST_RETRY_MS);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      for (const uid of this.#failed) this.#due.add(uid);
      this.#failed.clear();
      this.#pump();
    }, waitMs);
  }
}
