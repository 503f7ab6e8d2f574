import { CeBrokerError, type CeBrokerErrorCode } from 'ce-broker-proto';
import { sleep } from './sleep.js';

/** Answers of one client that are under way at a time, whoever asked: a deadline is to measure the server, not our own queue. */
const WIDTH = 64;
const ATTEMPTS = 5;
const RETRY_MS = 1_000;

/** The event did not come through, and may the next time; any other failure is a refusal of that one event. */
const LOST: ReadonlySet<CeBrokerErrorCode> = new Set<CeBrokerErrorCode>([
  'unavailable',
  'deadline_exceeded',
  'cancelled',
  'aborted',
]);

/** Until when a question is worth an answer, and who hears of failures. */
export interface AnswerContext {
  /** The client closes, or has another subscription, on which it is asked anew. */
  readonly over: () => boolean;
  readonly signal: AbortSignal;
  readonly failed: (error: CeBrokerError) => void;
}

/** Publishes the answers to resync requests, a bounded number at a time over all requests. */
export class Answers {
  readonly #waiting: (() => void)[] = [];
  #free = WIDTH;

  /**
   * Runs one answer. What the server refuses is told, and the rest still goes out; when events do not come through, the answer runs
   * again, without what was taken: nobody else would repeat it while the subscription stands.
   */
  async run(context: AnswerContext, answer: (out: AnswerOut) => Promise<void>): Promise<void> {
    const out = new AnswerOut(this, context);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await answer(out);
        break;
      } catch (thrown) {
        const error = CeBrokerError.from(thrown);
        if (!context.over()) context.failed(error);
        if (context.over() || attempt === ATTEMPTS || !LOST.has(error.code)) break;
      }
      await sleep(RETRY_MS * 2 ** (attempt - 1), context.signal);
      if (context.over()) break;
    }
    out.tellRefusals();
  }

  /** Waits for a place; `give` frees it. */
  slot(): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free -= 1;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}

/** The way out for the events of one answer. */
export class AnswerOut {
  readonly #answers: Answers;
  readonly #context: AnswerContext;
  readonly #settled = new Set<string>();
  #refused = 0;
  #refusal: CeBrokerError | undefined;

  constructor(answers: Answers, context: AnswerContext) {
    this.#answers = answers;
    this.#context = context;
  }

  /**
   * Sends one event for each item; `keyOf` tells an item from a newer one of its resource. Rejects with the first loss, once
   * nothing is under way any more.
   */
  async sendAll<V>(
    items: Iterable<V>,
    keyOf: (item: V) => string,
    send: (item: V) => Promise<void>,
  ): Promise<void> {
    const iterator = items[Symbol.iterator]();
    let lost: CeBrokerError | undefined;
    const worker = async (): Promise<void> => {
      for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
        const key = keyOf(next.value);
        if (this.#settled.has(key)) continue;
        await this.#answers.slot();
        try {
          // The others would meet the same.
          if (lost !== undefined || this.#context.over()) return;
          await send(next.value);
          this.#settled.add(key);
        } catch (thrown) {
          const error = CeBrokerError.from(thrown);
          if (LOST.has(error.code)) lost ??= error;
          else this.#refuse(key, error);
        } finally {
          this.#answers.give();
        }
      }
    };
    await Promise.all(Array.from({ length: WIDTH }, worker));
    if (lost !== undefined) throw lost;
  }

  tellRefusals(): void {
    if (this.#refusal === undefined) return;
    const { code, message, field } = this.#refusal;
    const others = this.#refused === 1 ? '' : ` (and ${this.#refused - 1} more answers were refused)`;
    const options = { field, cause: this.#refusal };
    this.#context.failed(new CeBrokerError(code, `${message}${others}`, options));
  }

  #refuse(key: string, error: CeBrokerError): void {
    this.#settled.add(key);
    this.#refused += 1;
    this.#refusal ??= error;
  }
}
