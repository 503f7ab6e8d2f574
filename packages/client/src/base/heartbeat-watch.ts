/** Of a server whose interval is not known, this many times the longest gap seen may pass. */
const GAPS = 3;
const LEAST_MS = 20_000;

/**
 * Notices a stream that has fallen silent without ending. With a timeout of the caller's it watches from the start; without one it
 * waits for two heartbeats, and learns the server's interval from them: a server that sends none is not watched.
 */
export class HeartbeatWatch {
  readonly #given: number | undefined;
  readonly #silent: (ms: number) => void;
  #longestGap = 0;
  #lastHeartbeat: number | undefined;
  #lastSign = performance.now();
  #paused = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number | undefined, silent: (ms: number) => void) {
    this.#given = timeoutMs;
    this.#silent = silent;
    if (timeoutMs !== undefined) this.#arm(timeoutMs);
  }

  /** An event shows life as much as a heartbeat does. */
  event(): void {
    this.#lastSign = performance.now();
  }

  heartbeat(): void {
    const now = performance.now();
    this.#lastSign = now;
    if (this.#given !== undefined) return;
    if (this.#lastHeartbeat !== undefined) {
      this.#longestGap = Math.max(this.#longestGap, now - this.#lastHeartbeat);
      if (this.#timer === undefined) this.#arm(this.#timeout());
    }
    this.#lastHeartbeat = now;
  }

  /** Nothing is read, so nothing can be missed. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#lastSign = performance.now();
    this.#lastHeartbeat = undefined;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#paused = true;
  }

  #timeout(): number {
    return this.#given ?? Math.max(LEAST_MS, GAPS * this.#longestGap);
  }

  #arm(inMs: number): void {
    this.#timer = setTimeout(() => this.#look(), inMs);
  }

  #look(): void {
    const silence = performance.now() - this.#lastSign;
    const timeout = this.#timeout();
    if (!this.#paused && silence >= timeout) {
      this.stop();
      this.#silent(timeout);
    } else this.#arm(Math.max(1, this.#paused ? timeout : timeout - silence));
  }
}
