import {
  CeBrokerError,
  CloudEventsType,
  type Event,
  type Limits,
  limited,
  readClusterName,
} from 'ce-broker-proto';
import type { ResourceObject } from '../generic/resource.js';

/** Of which resources one counts; undefined: all with the id. */
export interface Where {
  readonly clusterName: string | undefined;
  readonly dataType: string | undefined;
}

interface Waiter<T> {
  readonly where: Where;
  /** Whether it is what was waited for. */
  readonly offer: (resource: T) => boolean;
  readonly fail: (error: CeBrokerError) => void;
}

/** Those who wait until a resource is as they want it, by its id. */
export class Waiters<T extends ResourceObject> {
  readonly #waiters = new Map<string, Set<Waiter<T>>>();

  /** Rejects with what the predicate throws, and with what `look`, which finds what is there already, rejects with. */
  wait(
    uid: string,
    where: Where,
    predicate: (resource: T) => boolean,
    look: () => Promise<readonly T[]>,
    limits: Limits,
  ): Promise<T> {
    return limited<T>(limits, `resource ${uid} did not come to be as wanted`, (settle) => {
      const waiter: Waiter<T> = {
        where,
        offer: (resource) => {
          try {
            if (!predicate(resource)) return false;
            this.#remove(uid, waiter);
            settle.resolve(resource);
          } catch (thrown) {
            this.#remove(uid, waiter);
            settle.reject(CeBrokerError.from(thrown));
          }
          return true;
        },
        fail: (error) => {
          this.#remove(uid, waiter);
          settle.reject(error);
        },
      };
      const others = this.#waiters.get(uid) ?? new Set();
      this.#waiters.set(uid, others.add(waiter));
      look().then(
        (held) => held.some(waiter.offer),
        (thrown: unknown) => waiter.fail(CeBrokerError.from(thrown)),
      );
      return () => this.#remove(uid, waiter);
    });
  }

  /** What came with an event. */
  offer(resource: T, event: Event): void {
    const waiting = this.#waiters.get(resource.uid);
    if (waiting === undefined) return;
    for (const waiter of [...waiting]) if (isFrom(event, waiter.where)) waiter.offer(resource);
  }

  failAll(error: CeBrokerError): void {
    for (const waiting of this.#waiters.values()) for (const { fail } of [...waiting]) fail(error);
  }

  #remove(uid: string, waiter: Waiter<T>): void {
    const waiting = this.#waiters.get(uid);
    waiting?.delete(waiter);
    if (waiting?.size === 0) this.#waiters.delete(uid);
  }
}

function isFrom(event: Event, { clusterName, dataType }: Where): boolean {
  if (clusterName !== undefined && readClusterName(event) !== clusterName) return false;
  return dataType === undefined || String(CloudEventsType.parse(event.type).dataType) === dataType;
}
