import { Histogram } from './histogram.js';
import type { LatencySummary, LoadReport } from './options.js';
import { STATUS_OK, statusName } from './status.js';

/** What a run counts. Plain numbers; latencies and rates only while `measuring`. */
export class Tally {
  measuring = false;
  sent = 0;
  acked = 0;
  delivered = 0;
  otherMessages = 0;
  failed = 0;
  reconnects = 0;
  ackedMeasured = 0;
  deliveredMeasured = 0;
  /** When the last answer or delivery came, in microseconds. */
  lastAt = 0;
  #ackedBefore = 0;
  #deliveredBefore = 0;
  readonly ackLatency = new Histogram();
  readonly deliveryLatency = new Histogram();
  #errors = new Map<string, { count: number; firstMessage: string }>();

  /** The measured time begins. */
  measure(): void {
    this.measuring = true;
    this.#ackedBefore = this.acked;
    this.#deliveredBefore = this.delivered;
  }

  /**
   * Events handled since the measured time began, the drain included: an acknowledgement is one half of an event, its
   * deliveries (`fan` of them) the other. A server that acknowledges at once and delivers later gains nothing by it.
   */
  handled(fan: number): number {
    const acked = this.acked - this.#ackedBefore;
    return fan > 0 ? (acked + (this.delivered - this.#deliveredBefore) / fan) / 2 : acked;
  }

  /** A Publish that began at `begun` was answered; times in microseconds. */
  answered(status: number, message: string, begun: number, now: number): void {
    if (status !== STATUS_OK) {
      this.error(status, message);
      return;
    }
    this.acked += 1;
    this.lastAt = now;
    if (!this.measuring) return;
    this.ackedMeasured += 1;
    this.ackLatency.record(now - begun);
  }

  arrived(begun: number, now: number): void {
    this.delivered += 1;
    this.lastAt = now;
    if (!this.measuring) return;
    this.deliveredMeasured += 1;
    this.deliveryLatency.record(now - begun);
  }

  error(status: number, message: string): void {
    this.failed += 1;
    const name = statusName(status);
    const known = this.#errors.get(name);
    if (known === undefined) this.#errors.set(name, { count: 1, firstMessage: message });
    else known.count += 1;
  }

  errors(): LoadReport['errors'] {
    return Object.fromEntries(this.#errors);
  }
}

export function summarise(histogram: Histogram): LatencySummary {
  const ms = (microseconds: number) => Math.round(microseconds) / 1000;
  return {
    count: histogram.count,
    meanMs: ms(histogram.mean),
    p50Ms: ms(histogram.percentile(50)),
    p90Ms: ms(histogram.percentile(90)),
    p99Ms: ms(histogram.percentile(99)),
    maxMs: ms(histogram.max),
  };
}
