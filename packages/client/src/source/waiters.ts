import { CeBrokerError, type Limits, limited } from 'ce-broker-proto';
import type { ResourceObject } from '../generic/resource.js';

interface Waiter<T> {
  readonly offer: (resource: T) => void;
  readonly fail: (error: CeBrokerError) => void;
}

/** Those who wait until a resource is as they want it, by its id. */
export class Waiters<T extends ResourceObject> {
  readonly #waiters = new Map<string, Set<Waiter<T>>>();

  /** Rejects with what the predicate throws, and with what `look`, which finds what is there already, rejects with. */
  wait(
    uid: string,
    predicate: (resource: T) => boolean,
    look: () => Promise<T | undefined>,
    limits: Limits,
  ): Promise<T> {
    return limited<T>(limits, `resource ${uid} did not come to be as wanted`, (settle) => {
      const waiter: Waiter<T> = {
        offer: (resource) => {
          try {
            if (!predicate(resource)) return;
            this.#remove(uid, waiter);
            settle.resolve(resource);
          } catch (thrown) {
            this.#remove(uid, waiter);
            settle.reject(CeBrokerError.from(thrown));
          }
        },
        fail: (error) => {
          this.#remove(uid, waiter);
          settle.reject(error);
        },
      };
      const others = this.#waiters.get(uid) ?? new Set();
      this.#waiters.set(uid, others.add(waiter));
      look().then(
        (held) => held !== undefined && waiter.offer(held),
        (thrown: unknown) => waiter.fail(CeBrokerError.from(thrown)),
      );
      return () => this.#remove(uid, waiter);
    });
  }

  offer(resource: T): void {
    const waiting = this.#waiters.get(resource.uid);
    if (waiting !== undefined) for (const waiter of [...waiting]) waiter.offer(resource);
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
