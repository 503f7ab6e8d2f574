import type { EventStore } from './event-store.js';
import type { Partition } from './partition.js';
import { PASSING, type Resource } from './resource.js';

/** How many resources stay in memory although nothing holds them there. */
export const MOST_AT_REST = 50_000;
/** Where others pass for want of room, one that nobody uses makes room after so many sweeps. */
const STALE_SWEEPS = 15;

/** Which of the resources that a store has are in memory, and for how long. */
export class Residents {
  readonly #store: EventStore;
  readonly #mostAtRest: number;
  #sweeps = 1;
  /** How many stayed at the last sweep, and how many have come since to stay. */
  #atRest = 0;
  /** Those that leave as soon as nobody holds them. */
  #passing: Resource[] = [];
  /** How many of those were held the last time. */
  #stayed = 0;
  #isCrowded = false;

  /** @param mostAtRest resources that stay although they are in the store and nobody holds them */
  constructor(store: EventStore, mostAtRest: number) {
    this.#store = store;
    this.#mostAtRest = mostAtRest;
  }

  /** How many wait to leave. */
  get passing(): number {
    return this.#passing.length;
  }

  /** How many of them nobody has looked at yet. */
  get newcomers(): number {
    return this.#passing.length - this.#stayed;
  }

  /** It was loaded into memory: it stays when there is room, and passes when there is none. */
  came(resource: Resource): void {
    if (this.#atRest < this.#mostAtRest) {
      resource.usedIn = 0;
      this.#atRest += 1;
      return;
    }
    resource.usedIn = PASSING;
    this.#passing.push(resource);
  }

  /**
   * Those leave that came where there was no room, before the garbage collector has moved them to where it seldom looks: what is used once
   * in a while costs no more than its bytes in the store. One that was asked for again stays.
   * @param isHeld whether somebody outside of the table holds it
   */
  letPass(isHeld: (resource: Resource) => boolean): void {
    if (this.#passing.length === 0) return;
    this.#isCrowded = true;
    const passing = this.#passing;
    this.#passing = [];
    for (const resource of passing) {
      if (!resource.inMemory) continue;
      // Where the store does not know the partition, memory is all there is.
      const mayLeave = resource.place.number > 0 || resource.isBlank;
      if (!mayLeave || resource.usedIn !== PASSING || hasMore(resource)) {
        resource.usedIn = 0;
        this.#atRest += 1;
      } else if (this.#store.isUncommitted(resource) || isHeld(resource)) this.#passing.push(resource);
      else (resource.place as Partition).letGo(resource);
    }
    this.#stayed = this.#passing.length;
  }

  /**
   * Those leave that nobody holds: two calls after their last use once there are too many, later where others pass for want of room.
   * @param isHeld whether somebody outside of the table holds it
   */
  sweep(partitions: Iterable<Partition>, isHeld: (resource: Resource) => boolean): void {
    this.#sweeps += 1;
    this.letPass(isHeld);
    const stored = [...partitions].filter(({ number }) => number > 0);
    this.#atRest = Math.max(
      0,
      stored.reduce((sum, { hot }) => sum + hot.size, -this.#passing.length),
    );
    const isOver = this.#atRest > this.#mostAtRest;
    if (!isOver && !this.#isCrowded) return;
    this.#isCrowded = false;
    const usedLast = this.#sweeps - (isOver ? 2 : STALE_SWEEPS);
    for (const partition of stored) {
      for (const resource of partition.hot.values()) {
        if (resource.usedIn === PASSING) continue;
        if (resource.usedIn === 0) {
          resource.usedIn = this.#sweeps;
          continue;
        }
        if (resource.usedIn > usedLast || hasMore(resource)) continue;
        if (this.#store.isUncommitted(resource) || isHeld(resource)) continue;
        partition.letGo(resource);
        this.#atRest -= 1;
      }
    }
  }
}

/** More is known of it than a store keeps, or time will end it. */
function hasMore({ deletionSentAt, farewell, grave, request, spec, status }: Resource): boolean {
  if ((deletionSentAt ?? farewell ?? grave) !== undefined) return true;
  for (const cell of [spec, status, request]) {
    if (cell !== undefined && (cell.deleting || cell.refusedBy !== undefined)) return true;
  }
  return false;
}
