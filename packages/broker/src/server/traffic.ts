import { Distribution } from '../state/distribution.js';

/** Upper bounds of the SDK's buckets (Go: `ExponentialBuckets(10e-7, 10, 10)`), in seconds. */
export const DURATION_BUCKETS: readonly number[] = Object.freeze([
  1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1000,
]);

/** Upper bounds of our own measure of the time from a Publish to its answer, in seconds. */
export const PUBLISH_BUCKETS: readonly number[] = Object.freeze([
  2e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]);

/** The labels of a histogram of durations. */
export interface DurationLabels {
  readonly consumer: string;
  readonly dataType: string;
}

/** Upper bounds of the time that a resync takes, in seconds. */
export const RESYNC_BUCKETS: readonly number[] = Object.freeze([
  1e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
]);

/** What happened for one cluster (the SDK's label `consumer`) and data type. */
export class Tally {
  readonly consumer: string;
  readonly dataType: string;
  /** Under which consumer and data type its durations are shown: each of those costs a dozen lines a scrape. */
  readonly shownAs: DurationLabels;
  /** Publishes whose envelope could be read. */
  published = 0;
  /** Answered Publishes by gRPC status code. */
  readonly answered = new Map<number, Distribution>();
  subscriptions = 0;
  /** Ended subscriptions by gRPC status code. */
  readonly ended = new Map<number, number>();
  /** Events sent to subscriptions that are over; those of open ones are with their sessions. */
  sentToClosed = 0;

  constructor(consumer: string, dataType: string, shownAs: DurationLabels) {
    this.consumer = consumer;
    this.dataType = dataType;
    this.shownAs = shownAs;
  }

  answer(code: number, seconds: number): void {
    let durations = this.answered.get(code);
    if (durations === undefined) {
      durations = new Distribution(DURATION_BUCKETS);
      this.answered.set(code, durations);
    }
    durations.add(seconds);
  }

  end(code: number): void {
    this.ended.set(code, (this.ended.get(code) ?? 0) + 1);
  }
}

/** Where a label value goes once there are too many. */
export const OTHER = 'other';

const LONGEST_LABEL = 253;
const MOST_TALLIES = 2_000;
const MOST_DURATION_CONSUMERS = 50;
const MOST_DURATION_TYPES = 20;

/** Counts by cluster and data type; both are bounded, because strangers choose them. */
export class Traffic {
  readonly #byDataType = new Map<string, Map<string, Tally>>();
  readonly #consumers = new Set<string>();
  /** Those that histograms tell apart: the first that came. */
  readonly #durationConsumers = new Set<string>();
  readonly #durationTypes = new Set<string>();
  readonly #limit: number;
  #size = 0;
  /** From a Publish to its answer, over all. */
  readonly publishes = new Distribution(PUBLISH_BUCKETS);
  /** From a resync's request to the last byte of its answer, by the role of who asks. */
  readonly resyncs = { agent: new Distribution(RESYNC_BUCKETS), source: new Distribution(RESYNC_BUCKETS) };
  /** For requests that could not be read. */
  readonly unknown: Tally;

  /** @param limit distinct clusters, and distinct data types, that are told apart */
  constructor(limit = 200) {
    this.#limit = limit;
    this.unknown = this.of('unknown', 'unknown');
  }

  of(consumer: string, dataType: string): Tally {
    return this.#byDataType.get(dataType)?.get(consumer) ?? this.#make(label(consumer), label(dataType));
  }

  *all(): Iterable<Tally> {
    for (const consumers of this.#byDataType.values()) yield* consumers.values();
  }

  #make(consumer: string, dataType: string): Tally {
    const known = this.#byDataType.get(dataType)?.get(consumer);
    if (known !== undefined) return known;
    if (!this.#consumers.has(consumer)) {
      if (this.#consumers.size >= this.#limit && consumer !== OTHER) return this.of(OTHER, dataType);
      this.#consumers.add(consumer);
    }
    let tallies = this.#byDataType.get(dataType);
    if (tallies === undefined) {
      if (this.#byDataType.size >= this.#limit && dataType !== OTHER) return this.of(consumer, OTHER);
      tallies = new Map();
      this.#byDataType.set(dataType, tallies);
    }
    if (this.#size >= MOST_TALLIES && !(consumer === OTHER && dataType === OTHER))
      return this.of(OTHER, OTHER);
    this.#size += 1;
    const tally = new Tally(consumer, dataType, {
      consumer: among(this.#durationConsumers, consumer, MOST_DURATION_CONSUMERS),
      dataType: among(this.#durationTypes, dataType, MOST_DURATION_TYPES),
    });
    tallies.set(consumer, tally);
    return tally;
  }
}

/** The value, when it is one of the first so many; otherwise OTHER. */
function among(known: Set<string>, value: string, most: number): string {
  if (known.has(value)) return value;
  if (known.size >= most) return OTHER;
  known.add(value);
  return value;
}

function label(value: string): string {
  return value.length > LONGEST_LABEL ? OTHER : value;
}
