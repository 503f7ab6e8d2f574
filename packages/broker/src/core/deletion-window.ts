/** The time is counted in so many parts. */
const SLOTS = 60;

/** How many deletions fell into the last while: a few numbers, however many they are. */
export class DeletionWindow {
  readonly #slotMs: number;
  /** By the number of the part of time. */
  readonly #slots = new Map<number, number>();
  #total = 0;

  /** @param withinMs how long a deletion counts, within a sixtieth */
  constructor(withinMs: number) {
    this.#slotMs = Math.max(1, withinMs / SLOTS);
  }

  add(at: number): void {
    const slot = Math.floor(at / this.#slotMs);
    this.#slots.set(slot, (this.#slots.get(slot) ?? 0) + 1);
    this.#total += 1;
  }

  /** The deletion of that time, or of just before it, is none any more. */
  remove(at: number): void {
    const slot = Math.floor(at / this.#slotMs);
    for (const near of [slot, slot - 1]) {
      const count = this.#slots.get(near) ?? 0;
      if (count === 0) continue;
      this.#slots.set(near, count - 1);
      this.#total -= 1;
      return;
    }
  }

  /** How many there are at this moment. */
  count(now: number): number {
    const oldest = Math.floor(now / this.#slotMs) - SLOTS;
    for (const [slot, count] of this.#slots) {
      if (slot > oldest) continue;
      this.#slots.delete(slot);
      this.#total -= count;
    }
    return this.#total;
  }
}
