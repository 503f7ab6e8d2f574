import { CeBrokerError, type CeBrokerErrorCode } from 'ce-broker-proto';
import { deferred } from './deferred.js';
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

/** What an answer runs under. */
export interface AnswerContext {
  readonly dataType: string;
  readonly cluster: string;
  /** Aborted when the client closes. */
  readonly signal: AbortSignal;
  /** Resolves when the client is connected, and subscribed. */
  readonly ready: () => Promise<void>;
  readonly failed: (error: CeBrokerError) => void;
}

/** The items of one part of an answer. */
export interface Outgoing<V> {
  /** The resource that an item is about. */
  readonly uidOf: (item: V) => string;
  /** Tells an item from a newer one of the same resource. */
  readonly keyOf: (item: V) => string;
  /** Makes the event and publishes it; looks at the resource again first, for the list may be minutes old by then. */
  readonly send: (item: V) => Promise<void>;
}

/**
 * Publishes the answers to resync requests: a bounded number at a time over all questions, and only one that waits for the rate limit, so
 * that the caller's own publishes come in between.
 */
export class Answers {
  readonly #turn: () => Promise<void> | undefined;
  readonly #running = new Set<AnswerOut>();
  readonly #waiting: (() => void)[] = [];
  #gate: Promise<void> = Promise.resolve();
  #free = WIDTH;

  /** @param turn waits for the rate limit */
  constructor(turn: () => Promise<void> | undefined) {
    this.#turn = turn;
  }

  /** No answer is under way. */
  get idle(): boolean {
    return this.#running.size === 0;
  }

  /**
   * Runs one answer. What the server refuses is told, and the rest still goes out; when events do not come through, the answer goes on
   * once the connection stands again, without what was taken: nobody else would repeat it.
   */
  async run(context: AnswerContext, answer: (out: AnswerOut) => Promise<void>): Promise<void> {
    const out = new AnswerOut(this, context);
    this.#running.add(out);
    try {
      await this.#attempts(context, out, answer);
    } finally {
      this.#running.delete(out);
      out.tellRefusals();
    }
  }

  /**
   * A newer event of this resource goes out: answers under way leave it alone, whose list is older. Gives back how to take that back.
   */
  overtake(dataType: string, cluster: string, uid: string, by?: AnswerOut): () => void {
    const others = [...this.#running].filter((out) => out !== by && out.isAbout(dataType, cluster));
    for (const out of others) out.overtaken.add(uid);
    return () => {
      for (const out of others) out.overtaken.delete(uid);
    };
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

  /** One after the other. */
  async turn(): Promise<void> {
    const before = this.#gate;
    const mine = deferred<void>();
    this.#gate = mine.promise;
    await before;
    try {
      await this.#turn();
    } finally {
      mine.resolve();
    }
  }

  async #attempts(
    { signal, failed, ready }: AnswerContext,
    out: AnswerOut,
    answer: (out: AnswerOut) => Promise<void>,
  ): Promise<void> {
    for (let attempt = 1, taken = 0; !signal.aborted; attempt += 1) {
      try {
        await answer(out);
        return;
      } catch (thrown) {
        const error = CeBrokerError.from(thrown);
        if (signal.aborted) return;
        failed(error);
        if (out.taken > taken) attempt = 1;
        taken = out.taken;
        if (attempt === ATTEMPTS || !LOST.has(error.code)) return;
      }
      await sleep(RETRY_MS * 2 ** (attempt - 1), signal);
      if (!signal.aborted) await ready().catch(() => undefined);
    }
  }
}

/** The way out for the events of one answer. */
export class AnswerOut {
  /** Resources of which something newer has gone out since the question came. */
  readonly overtaken = new Set<string>();
  readonly #answers: Answers;
  readonly #context: AnswerContext;
  readonly #settled = new Set<string>();
  #refused = 0;
  #refusal: CeBrokerError | undefined;

  constructor(answers: Answers, context: AnswerContext) {
    this.#answers = answers;
    this.#context = context;
  }

  /** How many items need no further attempt. */
  get taken(): number {
    return this.#settled.size;
  }

  isAbout(dataType: string, cluster: string): boolean {
    return this.#context.dataType === dataType && this.#context.cluster === cluster;
  }

  /** Sends one event for each item. Rejects with the first loss, once nothing is under way any more. */
  async sendAll<V>(items: Iterable<V>, { uidOf, keyOf, send }: Outgoing<V>): Promise<void> {
    const { dataType, cluster, signal } = this.#context;
    const iterator = items[Symbol.iterator]();
    let lost: CeBrokerError | undefined;
    const one = async (item: V, key: string): Promise<void> => {
      await this.#answers.slot();
      try {
        // The others would meet the same.
        if (lost !== undefined || signal.aborted) return;
        await this.#answers.turn();
        if (!this.overtaken.has(uidOf(item))) {
          await send(item);
          this.#answers.overtake(dataType, cluster, uidOf(item), this);
        }
        this.#settled.add(key);
      } catch (thrown) {
        const error = CeBrokerError.from(thrown);
        if (LOST.has(error.code)) lost ??= error;
        else this.#refuse(key, error);
      } finally {
        this.#answers.give();
      }
    };
    const worker = async (): Promise<void> => {
      for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
        if (lost !== undefined || signal.aborted) return;
        const key = keyOf(next.value);
        if (!this.#settled.has(key)) await one(next.value, key);
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
