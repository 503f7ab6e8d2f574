import {
  type Settle,
  type SubscriptionMemory,
  type TransportListener,
  type TransportSubscription,
  WatchReader,
} from 'ce-broker-proto';
import { InProcessSubscription } from './in-process-subscription.js';

/** A subscription inside the process by Watch: what was missed between two connections comes at the beginning of the second. */
export class InProcessWatch extends InProcessSubscription {
  readonly #reader: WatchReader;

  constructor(
    listener: TransportListener,
    opening: Settle<TransportSubscription>,
    gone: (subscription: InProcessSubscription) => void,
    memory: SubscriptionMemory,
    everything: boolean | undefined,
  ) {
    super(listener, opening, gone);
    this.#reader = new WatchReader(listener, memory, this, everything);
  }

  /** It is open when the first message says so. */
  override headers(): void {}

  override message(bytes: Uint8Array): void {
    this.#reader.take(bytes);
  }
}
