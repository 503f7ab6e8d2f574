/** A group of so many events is as cheap per event as one of many more. */
const ENOUGH = 64;
const MOST_TURNS = 16;

/**
 * Whether a group should grow for another turn of the event loop before it is written. A commit costs the same for one event as for some
 * dozens; so while every turn brings more, a few turns are given. Nobody waits for a clock: the first turn that brings nothing ends it,
 * and where events come one by one there is no turn to wait for.
 */
export class Patience {
  #seen = 0;
  #turns = 0;
  #lastGroup = 0;

  /** @param events how many are in the group by now; called once a turn until it says no */
  isWorthIt(events: number): boolean {
    if (this.#lastGroup > 1 && events > this.#seen && events < ENOUGH && this.#turns < MOST_TURNS) {
      this.#seen = events;
      this.#turns += 1;
      return true;
    }
    if (events > 0) this.#lastGroup = events;
    this.#seen = 0;
    this.#turns = 0;
    return false;
  }
}
