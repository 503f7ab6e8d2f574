import type { CeBrokerErrorCode } from 'ce-broker-proto';
import type { SessionDescription } from '../delivery/session-description.js';
import type { DeliveryTrace } from '../delivery/session-settings.js';
import type { Envelope } from '../wire/envelope.js';

/** Events of which it is remembered what became of them. */
const TRACED_EVENTS = 32_768;
/** Sessions that are told of one event. */
const MOST_DELIVERIES = 16;
/** Deliveries that are remembered over all events; a power of two. */
const TRACED_DELIVERIES = 65_536;
const NONE = -1;
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
  /** Newest first, the last 16, as far as they are among the last 65,536 of all events. */
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

/**
 * What became of the latest events, by position: when they were durable, and who got them. A slot each, taken over by whatever happens
 * to another event of that slot later, and a ring of deliveries, chained by event; so it costs a few numbers per event and delivery, makes
 * no garbage, and never grows.
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
  /** Of each slot the newest delivery: an index of the ring, which tells of each the event, when, to whom, and the one before. */
  readonly #newest: Int32Array;
  readonly #of = new Float64Array(TRACED_DELIVERIES);
  readonly #when = new Float64Array(TRACED_DELIVERIES);
  readonly #before = new Int32Array(TRACED_DELIVERIES);
  readonly #who: SessionDescription[] = [];
  #nextDelivery = 0;
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
    this.#newest = new Int32Array(slots).fill(NONE);
  }

  durable(position: number, now: number): void {
    this.#durableAt[this.#slotOf(position)] = now;
  }

  delivered(position: number, session: SessionDescription, now: number): void {
    const slot = this.#slotOf(position);
    const at = this.#nextDelivery;
    this.#nextDelivery = (at + 1) & (TRACED_DELIVERIES - 1);
    this.#of[at] = position;
    this.#when[at] = now;
    this.#who[at] = session;
    this.#before[at] = this.#newest[slot] ?? NONE;
    this.#newest[slot] = at;
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
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
    const deliveries = this.#deliveriesOf(position, slot);
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

  #deliveriesOf(position: number, slot: number): Delivery[] {
    const deliveries: Delivery[] = [];
    let at = this.#newest[slot] ?? NONE;
    let age = 0;
    while (at !== NONE && this.#of[at] === position && deliveries.length < MOST_DELIVERIES) {
      const ageHere = (this.#nextDelivery - at - 1) & (TRACED_DELIVERIES - 1);
      const session = this.#who[at];
      // A newer delivery, even of the same event, may have taken the place of an old one.
      if (session === undefined || ageHere < age) break;
      deliveries.push({ session, at: this.#when[at] ?? 0 });
      age = ageHere + 1;
      at = this.#before[at] ?? NONE;
    }
    return deliveries;
  }

  #slotOf(position: number): number {
    const slot = position % this.#slots;
    const taken = this.#positions[slot] ?? 0;
    if (taken !== position) {
      if (taken > (this.#lost[slot] ?? 0)) this.#lost[slot] = taken;
      this.#positions[slot] = position;
      this.#durableAt[slot] = 0;
      this.#counts[slot] = 0;
      this.#newest[slot] = NONE;
    }
    return slot;
  }
}

/** A text of its own: a part of a long one would keep the whole in memory. */
function short(text: string): string {
  return text.length <= LONGEST_TEXT ? text : Buffer.from(text.slice(0, LONGEST_TEXT)).toString();
}
