import type { GrpcError } from './grpc-error.js';
import { type Inflated, inflate } from './inflate.js';

interface Job {
  readonly encoding: 'gzip' | 'deflate';
  readonly bytes: Uint8Array;
  readonly maxBytes: number;
  /** Asked when its turn comes. */
  readonly wanted: () => boolean;
  readonly done: Inflated;
}

/**
 * Inflates in the thread pool, so many at once and no more; the others wait, a queue for each connection, and the connections take turns: one that
 * sends nothing but compressed messages delays its own.
 */
export class Inflater {
  readonly #most: number;
  /** Whose turn is next comes first. */
  readonly #waiting = new Map<object, JobQueue>();
  #running = 0;

  /** @param most how many may inflate at once: each may become the largest message */
  constructor(most: number) {
    this.#most = most;
  }

  /** How many are being inflated. */
  get running(): number {
    return this.#running;
  }

  /** Inflates one message of a connection. `bytes` must stay as they are until `done`, which is never called from inside this call. */
  add(connection: object, job: Job): void {
    if (this.#running < this.#most) {
      this.#start(job);
      return;
    }
    let queue = this.#waiting.get(connection);
    if (queue === undefined) {
      queue = new JobQueue();
      this.#waiting.set(connection, queue);
    }
    queue.add(job);
  }

  /** The connection has gone: what it waits for is not worth the work. */
  forget(connection: object): void {
    this.#waiting.delete(connection);
  }

  #start({ bytes, done, encoding, maxBytes }: Job): void {
    this.#running += 1;
    inflate(encoding, bytes, maxBytes, (error: GrpcError | undefined, message: Uint8Array | undefined) => {
      this.#running -= 1;
      this.#startNext();
      done(error, message);
    });
  }

  #startNext(): void {
    for (const [connection, queue] of this.#waiting) {
      this.#waiting.delete(connection);
      const next = queue.take();
      // To the end of the line.
      if (!queue.isEmpty) this.#waiting.set(connection, queue);
      if (next === undefined) continue;
      this.#start(next);
      return;
    }
  }
}

/** First in, first out; those that nobody wants any more are passed over. */
class JobQueue {
  readonly #jobs: (Job | undefined)[] = [];
  #at = 0;

  get isEmpty(): boolean {
    return this.#at === this.#jobs.length;
  }

  add(job: Job): void {
    this.#jobs.push(job);
  }

  take(): Job | undefined {
    while (this.#at < this.#jobs.length) {
      const job = this.#jobs[this.#at];
      this.#jobs[this.#at] = undefined;
      this.#at += 1;
      if (job?.wanted() === true) return job;
    }
    return undefined;
  }
}
