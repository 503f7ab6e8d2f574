import { encodeHeartbeat } from '../codec/heartbeat.js';
import type { SubscriptionMemory, TransportListener } from '../transport.js';
import { decodeWatchMessage } from './watch.js';

/** Positions that are remembered beyond the point; a subscriber that falls further behind may get some events again. */
const MOST_SEEN = 65_536;

/** The subscription that a Watch serves. */
export interface WatchedSubscription {
  /** It is open, and nobody has ended it. */
  readonly isOpen: boolean;
  readonly id: string;
  /** The broker has registered it. */
  opened(id: string): void;
}

/**
 * Turns the messages of a Watch into what a listener hears, and notes in the memory how far it has come. While the broker sends what was
 * missed, events that the listener had before are left out: the point may lie before them.
 */
export class WatchReader {
  readonly #listener: TransportListener;
  readonly #memory: SubscriptionMemory;
  readonly #subscription: WatchedSubscription;
  readonly #everything: boolean;
  #epoch = '';
  /** What the listener had on earlier connections, until it is caught up. */
  #had: ReadonlySet<number> | undefined;

  /** @param everything a memory without a point began with everything */
  constructor(
    listener: TransportListener,
    memory: SubscriptionMemory,
    subscription: WatchedSubscription,
    everything = false,
  ) {
    this.#listener = listener;
    this.#memory = memory;
    this.#subscription = subscription;
    this.#everything = everything && memory.point === undefined;
  }

  /** One message. Throws what the listener throws, and `invalid_argument` for bytes that are no message. */
  take(bytes: Uint8Array): void {
    const message = decodeWatchMessage(bytes);
    switch (message.kind) {
      case 'started':
        this.#epoch = message.point.epoch;
        if (message.restartReason !== '' || this.#everything) this.#memory.seen?.clear();
        this.#memory.seen ??= new Set();
        this.#had = this.#memory.seen.size === 0 ? undefined : new Set(this.#memory.seen);
        // With what is new: from here on nothing is missed. Otherwise the broker says how far it has come.
        if (this.#memory.point === undefined && !this.#everything) {
          this.#memory.point = message.point;
          this.#listener.reached?.(message.point);
        }
        this.#subscription.opened(message.subscriptionId);
        if (message.restartReason !== '') this.#listener.restarted?.(message.restartReason);
        return;
      case 'batch':
        this.#batch(message.events, message.positions);
        this.#reached(message.position);
        return;
      case 'caught-up':
        this.#had = undefined;
        this.#reached(message.position);
        if (this.#subscription.isOpen) this.#listener.caughtUp?.();
        return;
      case 'heartbeat':
        this.#reached(message.position);
        if (this.#subscription.isOpen) this.#listener.event(encodeHeartbeat(this.#subscription.id));
        return;
      case 'unknown':
    }
  }

  #batch(events: readonly Uint8Array[], positions: readonly number[]): void {
    const { seen } = this.#memory;
    for (const [index, event] of events.entries()) {
      if (!this.#subscription.isOpen) return;
      const position = positions[index] ?? 0;
      if (this.#had?.has(position) === true) continue;
      this.#listener.event(event);
      if (position > 0 && seen !== undefined && seen.size < MOST_SEEN) seen.add(position);
    }
  }

  /** Only what the listener has had; what lies before the point need not be remembered. */
  #reached(position: number): void {
    if (position === 0 || !this.#subscription.isOpen) return;
    this.#memory.point = { epoch: this.#epoch, position };
    this.#listener.reached?.(this.#memory.point);
    const { seen } = this.#memory;
    if (seen === undefined) return;
    for (const one of seen) if (one <= position) seen.delete(one);
  }
}
