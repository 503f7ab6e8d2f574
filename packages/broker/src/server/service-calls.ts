import type { PublishCall } from '../core/index.js';
import type { ByteBudget } from '../delivery/byte-budget.js';
import { EMPTY } from '../wire/empty.js';

const DEADLINE_EXCEEDED = 4;

/** A Publish that a service has in hand. */
export interface ServiceCall {
  readonly signal: AbortSignal;
  accept(): void;
  refuse(code: number, message: string): void;
}

/**
 * The Publishes that services have in hand: bounded in bytes, each answered in time. All wait equally long, so the oldest is
 * always the next one due.
 */
export class ServiceCalls {
  readonly #budget: ByteBudget;
  readonly #timeoutMs: number;
  readonly #waiting = new Set<OpenCall>();
  #unanswered = 0;
  #idle: (() => void)[] = [];

  constructor(budget: ByteBudget, timeoutMs: number) {
    this.#budget = budget;
    this.#timeoutMs = timeoutMs;
  }

  /** Publishes that services have not let go of; some may have been answered for them. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Reserves the bytes before anything else happens; undefined: there is no room. */
  begin(call: PublishCall, bytes: number, now: number): ServiceCall | undefined {
    if (!this.#budget.reserve(bytes)) return undefined;
    const settled = (): void => {
      this.#waiting.delete(open);
      this.#budget.release(bytes);
    };
    const open = new OpenCall(call, now + this.#timeoutMs, settled, () => this.#answered());
    this.#waiting.add(open);
    this.#unanswered += 1;
    return open;
  }

  /** Answers those whose time is over. The bytes stay reserved until the service lets go of the event. */
  tick(now: number): void {
    for (const call of this.#waiting) {
      if (call.due > now) return;
      call.expire(
        `the service did not answer within ${this.#timeoutMs} ms: the event may or may not have been handled, publish it again`,
      );
    }
  }

  /** Resolves when every Publish has its answer. */
  idle(): Promise<void> {
    if (this.#unanswered === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  abortAll(): void {
    for (const call of this.#waiting) call.abort();
  }

  #answered(): void {
    this.#unanswered -= 1;
    if (this.#unanswered > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

class OpenCall implements ServiceCall {
  readonly due: number;
  readonly #call: PublishCall;
  readonly #controller = new AbortController();
  readonly #settled: () => void;
  readonly #onAnswer: () => void;
  #answered = false;

  constructor(call: PublishCall, due: number, settled: () => void, onAnswer: () => void) {
    this.#call = call;
    this.due = due;
    this.#settled = settled;
    this.#onAnswer = onAnswer;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  accept(): void {
    this.#settled();
    if (this.#answered) return;
    this.#answered = true;
    this.#call.reply(EMPTY);
    this.#onAnswer();
  }

  refuse(code: number, message: string): void {
    this.#settled();
    if (this.#answered) return;
    this.#answered = true;
    this.#call.fail(code, message);
    this.#onAnswer();
  }

  expire(message: string): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#call.fail(DEADLINE_EXCEEDED, message);
    this.#onAnswer();
    this.abort();
  }

  abort(): void {
    this.#controller.abort();
  }
}
