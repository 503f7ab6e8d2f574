const SLOT_MS = 16;
const SLOTS = 1024;

/** Something with a deadline. The links belong to the wheel. */
export interface Deadlined {
  /** In milliseconds of `performance.now()`. */
  deadlineAt: number;
  deadlineSlot: number;
  deadlineNext: Deadlined | undefined;
  deadlinePrevious: Deadlined | undefined;
  /** The deadline has passed, by less than a twentieth of a second. Called once. */
  expired(): void;
}

/**
 * The deadlines of all calls (gRPC's `grpc-timeout`): a wheel of slots, each a linked list, so that a call that is answered in time
 * costs two links and no timer. It turns only while somebody waits.
 */
export class DeadlineWheel {
  readonly #slots = new Array<Deadlined | undefined>(SLOTS).fill(undefined);
  #count = 0;
  #turnedTo = 0;
  #timer: NodeJS.Timeout | undefined = undefined;
  readonly #turn = (): void => this.#advance();

  get size(): number {
    return this.#count;
  }

  add(item: Deadlined, now: number): void {
    if (this.#count++ === 0) this.#turnedTo = Math.floor(now / SLOT_MS);
    // At the earliest in the next slot: the present one has been looked at.
    const slot = Math.max(Math.ceil(item.deadlineAt / SLOT_MS), this.#turnedTo + 1) % SLOTS;
    const first = this.#slots[slot];
    item.deadlineSlot = slot;
    item.deadlineNext = first;
    item.deadlinePrevious = undefined;
    if (first !== undefined) first.deadlinePrevious = item;
    this.#slots[slot] = item;
    if (this.#timer === undefined) {
      this.#timer = setTimeout(this.#turn, SLOT_MS);
      this.#timer.unref();
    }
  }

  /** Does nothing for one that is not in the wheel. */
  remove(item: Deadlined): void {
    if (item.deadlineSlot < 0) return;
    const { deadlineNext: next, deadlinePrevious: previous } = item;
    if (previous === undefined) this.#slots[item.deadlineSlot] = next;
    else previous.deadlineNext = next;
    if (next !== undefined) next.deadlinePrevious = previous;
    item.deadlineNext = undefined;
    item.deadlinePrevious = undefined;
    item.deadlineSlot = -1;
    this.#count--;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #advance(): void {
    this.#timer = undefined;
    const now = performance.now();
    const until = Math.floor(now / SLOT_MS);
    // After a long pause of the process one round sees every slot.
    const from = Math.max(this.#turnedTo + 1, until - SLOTS + 1);
    this.#turnedTo = until;
    for (let slot = from; slot <= until; slot++) this.#expire(slot % SLOTS, now);
    if (this.#count === 0 || this.#timer !== undefined) return;
    this.#timer = setTimeout(this.#turn, SLOT_MS);
    this.#timer.unref();
  }

  #expire(slot: number, now: number): void {
    let item = this.#slots[slot];
    while (item !== undefined) {
      const next = item.deadlineNext;
      // Others stay for a later round.
      if (item.deadlineAt <= now) {
        this.remove(item);
        item.expired();
      }
      item = next;
    }
  }
}
