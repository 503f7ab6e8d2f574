import type { CeBrokerErrorCode } from 'ce-broker-proto';
import type { DeliveryTrace, SessionDescription } from '../delivery/session.js';
import type { Envelope } from '../wire/envelope.js';

/** Events of which it is remembered what became of them. */
const TRACED_EVENTS = 32_768;
/** Sessions that are remembered of one event; those before the last are forgotten. */
const MOST_DELIVERIES = 16;
const KEPT_REFUSALS = 1_000;
/** Others choose these texts. */
const LONGEST_TEXT = 300;

/** The event was handed to a session: written to its connection. */
export interface Delivery {
  readonly session: SessionDescription;
  readonly at: number;
}

export interface EventTrace {
  /** When the store said that it is durable; 0: it was at once, or that was before this start. */
  readonly durableAt: number;
  /** Newest first, the last 16. */
  readonly deliveries: readonly Delivery[];
  /** How often it was delivered. */
  readonly delivered: number;
}

/** A Publish that had no effect. */
export interface Refusal {
  readonly at: number;
  /** An error's code; `stale`: it was acknowledged and forgotten, because something newer is known. */
  readonly code: CeBrokerErrorCode | 'stale';
  readonly message: string;
  readonly source: string;
  readonly type: string;
  readonly cluster: string;
  readonly resourceId: string;
  readonly user: string;
}

const NOTHING: EventTrace = Object.freeze({ durableAt: 0, deliveries: Object.freeze([]), delivered: 0 });

interface Handed extends Delivery {
  readonly before: Handed | undefined;
}

/**
 * What became of the latest events, by position: when they were durable, and who got them. A slot each, taken over by whatever happens
 * to another event of that slot later; so it costs a few numbers per event, and never grows.
 */
export class Trace implements DeliveryTrace {
  /** Events up to this position were kept by an earlier start of the broker: who got them is not known. */
  readonly before: number;
  readonly #slots: number;
  readonly #positions: Float64Array;
  /** The highest position whose trace each slot has lost. */
  readonly #lost: Float64Array;
  readonly #durableAt: Float64Array;
  readonly #counts: Uint32Array;
  readonly #handed: (Handed | undefined)[];
  /** A ring: the next one takes the place at `#next`. */
  readonly #refusals: Refusal[] = [];
  #next = 0;

  /** @param before the position at this start */
  constructor(before: number, slots = TRACED_EVENTS) {
    this.before = before;
    this.#slots = slots;
    this.#positions = new Float64Array(slots);
    this.#lost = new Float64Array(slots);
    this.#durableAt = new Float64Array(slots);
    this.#counts = new Uint32Array(slots);
    this.#handed = new Array<Handed | undefined>(slots).fill(undefined);
  }

  durable(position: number, now: number): void {
    this.#durableAt[this.#slotOf(position)] = now;
  }

  delivered(position: number, session: SessionDescription, now: number): void {
    const slot = this.#slotOf(position);
    const count = this.#counts[slot] ?? 0;
    this.#counts[slot] = count + 1;
    const all = this.#handed[slot];
    const before = count > 0 && count % MOST_DELIVERIES === 0 ? cut(all) : all;
    this.#handed[slot] = { session, at: now, before };
  }

  /** Somebody's Publish was refused, or had no effect. */
  refused(
    code: Refusal['code'],
    message: string,
    event: Pick<Envelope, 'source' | 'type' | 'cluster' | 'resourceId'> | undefined,
    user: string,
    now: number,
  ): void {
    const { source = '', cluster = '', resourceId = '' } = event ?? {};
    const refusal = {
      at: now,
      code,
      message: short(message),
      source: short(source),
      type: short(event?.type.name ?? ''),
      cluster: short(cluster),
      resourceId: short(resourceId),
      user: short(user),
    };
    this.#refusals[this.#next] = refusal;
    this.#next = (this.#next + 1) % KEPT_REFUSALS;
  }

  /** What became of the event at that position since this start; undefined: that was forgotten. */
  of(position: number): EventTrace | undefined {
    const slot = position % this.#slots;
    if (this.#positions[slot] !== position) return position > (this.#lost[slot] ?? 0) ? NOTHING : undefined;
    const deliveries: Delivery[] = [];
    for (let handed = this.#handed[slot]; handed !== undefined; handed = handed.before) {
      if (deliveries.length < MOST_DELIVERIES) deliveries.push({ session: handed.session, at: handed.at });
    }
    return { durableAt: this.#durableAt[slot] ?? 0, deliveries, delivered: this.#counts[slot] ?? 0 };
  }

  /** What was refused of a resource, and on which cluster; newest first. */
  *refusals(resourceId: string, cluster: string): Iterable<Refusal> {
    const count = this.#refusals.length;
    for (let back = 1; back <= count; back += 1) {
      const refusal = this.#refusals[(this.#next - back + count) % count];
      if (refusal === undefined || refusal.resourceId !== short(resourceId)) continue;
      if (refusal.cluster === '' || refusal.cluster === short(cluster)) yield refusal;
    }
  }

  #slotOf(position: number): number {
    const slot = position % this.#slots;
    const taken = this.#positions[slot] ?? 0;
    if (taken !== position) {
      if (taken > (this.#lost[slot] ?? 0)) this.#lost[slot] = taken;
      this.#positions[slot] = position;
      this.#durableAt[slot] = 0;
      this.#counts[slot] = 0;
      this.#handed[slot] = undefined;
    }
    return slot;
  }
}

/** Only the newest deliveries stay: an event that is handed out again and again does not grow. */
function cut(newest: Handed | undefined): Handed | undefined {
  let kept: Handed | undefined;
  const some: Handed[] = [];
  for (let at = newest; at !== undefined && some.length < MOST_DELIVERIES; at = at.before) some.push(at);
  for (const { session, at } of some.reverse()) kept = { session, at, before: kept };
  return kept;
}

/** A text of its own: a part of a long one would keep the whole in memory. */
function short(text: string): string {
  return text.length <= LONGEST_TEXT ? text : Buffer.from(text.slice(0, LONGEST_TEXT)).toString();
}
