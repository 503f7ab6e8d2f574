import type { StuckFilter, StuckRow } from './admin/stuck-rows.js';
import { DEFAULT_STUCK_MS } from './admin/stuck-rows.js';
import type { Clock } from './clock.js';

/** What a walk over everything found. Times are in milliseconds since 1970. */
export interface WalkResult {
  readonly begunAt: number;
  readonly endedAt: number;
  /** How many things do not move, by kind and reason as `/state/stuck` has them. */
  readonly stuck: readonly StuckCount[];
  /** What a connected agent has and has not answered, oldest first: the first 64. */
  readonly unanswered: readonly Unanswered[];
}

export interface StuckCount {
  readonly kind: StuckRow['kind'];
  readonly reason: string;
  readonly count: number;
}

export interface Unanswered {
  readonly id: string;
  readonly cluster: string;
  readonly dataType: string;
  readonly since: number;
}

export interface WalkOptions {
  /** What is younger is not counted as stuck. Default a minute, as for `/state/stuck`. */
  readonly stuckAfterMs?: number;
  /** Between two walks at least; a long walk is followed by as long a rest. Default ten seconds. */
  readonly restMs?: number;
  /** Told what a walk threw; the next one begins anew. */
  readonly onFault: (error: unknown) => void;
}

/** The event loop is taken for so long at once, and left alone for so long: a walk costs 4 % of a core. */
const SLICE_MS = 2;
const PAUSE_MS = 50;
const DEFAULT_REST_MS = 10_000;
/** Without a look at its results for so long, no walk begins. */
const FORGOTTEN_MS = 10 * 60_000;
const MOST_UNANSWERED = 64;
/** Steps between two looks at the time. */
const STEPS = 32;
/** The agent has it, and an answer is due. */
const UNANSWERED: ReadonlySet<string> = new Set(['no-report', 'old-report', 'unconfirmed']);

/**
 * Walks over everything that the broker knows, in the background and a little at a time, and counts what does not move: a scrape then reads
 * numbers. It walks only as long as somebody looks.
 */
export class StuckWalk {
  readonly #rows: (filter: StuckFilter) => Iterable<StuckRow | undefined>;
  readonly #clock: Clock;
  readonly #stuckAfterMs: number;
  readonly #restMs: number;
  readonly #onFault: (error: unknown) => void;
  #walk: Walk | undefined = undefined;
  #result: WalkResult | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  #lookedAt = 0;
  #closed = false;

  /** @param rows what `/state/stuck` shows; undefined stands for what is in order */
  constructor(
    rows: (filter: StuckFilter) => Iterable<StuckRow | undefined>,
    clock: Clock,
    { onFault, restMs = DEFAULT_REST_MS, stuckAfterMs = DEFAULT_STUCK_MS }: WalkOptions,
  ) {
    this.#rows = rows;
    this.#clock = clock;
    this.#stuckAfterMs = stuckAfterMs;
    this.#restMs = restMs;
    this.#onFault = onFault;
  }

  /** What the last whole walk found; undefined: the first is not over. Looking keeps the walks going. */
  look(): WalkResult | undefined {
    this.#lookedAt = this.#clock.now();
    if (this.#timer === undefined) this.#after(0);
    return this.#result;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#walk?.close();
  }

  #after(ms: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(this.#step, ms);
    this.#timer.unref();
  }

  readonly #step = (): void => {
    this.#timer = undefined;
    if (this.#walk === undefined && this.#clock.now() - this.#lookedAt > FORGOTTEN_MS) return;
    try {
      this.#walk ??= this.#begin();
      if (!this.#walk.goOn(SLICE_MS)) {
        this.#after(PAUSE_MS);
        return;
      }
      this.#result = this.#walk.result(this.#clock.now());
      this.#walk = undefined;
      this.#after(Math.max(this.#restMs, this.#result.endedAt - this.#result.begunAt));
    } catch (thrown) {
      this.#walk = undefined;
      this.#onFault(thrown);
      this.#after(this.#restMs);
    }
  };

  #begin(): Walk {
    const filter = { cluster: undefined, source: undefined, type: undefined, olderThanMs: 0 };
    return new Walk(this.#rows(filter), this.#clock.now(), this.#stuckAfterMs);
  }
}

/** One walk, as far as it has come. */
class Walk {
  readonly #rows: Iterator<StuckRow | undefined>;
  readonly #begunAt: number;
  readonly #stuckAfterMs: number;
  readonly #counts = new Map<string, { kind: StuckRow['kind']; reason: string; count: number }>();
  readonly #unanswered: Unanswered[] = [];

  constructor(rows: Iterable<StuckRow | undefined>, begunAt: number, stuckAfterMs: number) {
    this.#rows = rows[Symbol.iterator]();
    this.#begunAt = begunAt;
    this.#stuckAfterMs = stuckAfterMs;
  }

  /** Whether it is over. */
  goOn(ms: number): boolean {
    const until = performance.now() + ms;
    do {
      for (let step = 0; step < STEPS; step++) {
        const next = this.#rows.next();
        if (next.done === true) return true;
        if (next.value !== undefined) this.#found(next.value);
      }
    } while (performance.now() < until);
    return false;
  }

  result(endedAt: number): WalkResult {
    return {
      begunAt: this.#begunAt,
      endedAt,
      stuck: [...this.#counts.values()],
      unanswered: this.#unanswered,
    };
  }

  close(): void {
    this.#rows.return?.();
  }

  #found(row: StuckRow): void {
    const { ageMs, kind, why } = row;
    const reason = why[0]?.code ?? 'unknown';
    if (ageMs >= this.#stuckAfterMs) {
      const key = `${kind} ${reason}`;
      const counted = this.#counts.get(key);
      if (counted === undefined) this.#counts.set(key, { kind, reason, count: 1 });
      else counted.count += 1;
    }
    const isUnanswered =
      (kind === 'spec' || kind === 'deletion') && why.some(({ code }) => UNANSWERED.has(code));
    if (isUnanswered) this.#note(row);
  }

  /** Kept in order, and short: most are younger than all that are in it. */
  #note({ cluster, dataType, id, since }: StuckRow): void {
    if (id === null || cluster === null || dataType === null) return;
    const one = { id, cluster, dataType, since: Date.parse(since) };
    const all = this.#unanswered;
    if (all.length === MOST_UNANSWERED && one.since >= (all.at(-1)?.since ?? 0)) return;
    const before = all.findIndex((other) => one.since < other.since);
    all.splice(before < 0 ? all.length : before, 0, one);
    if (all.length > MOST_UNANSWERED) all.pop();
  }
}
