import type { Metadata } from '@grpc/grpc-js';
import {
  decodeWatchMessage,
  encodeHeartbeat,
  type SubscriptionMemory,
  type TransportListener,
} from 'ce-broker-proto';
import { GrpcSubscription, type SubscriptionParts } from './grpc-subscription.js';

/**
 * A subscription by Watch: what was missed between two connections is sent at the beginning of the second. Where the listener is, is noted
 * in the caller's memory once it has had the events.
 */
export class GrpcWatch extends GrpcSubscription {
  readonly #listener: TransportListener;
  readonly #memory: SubscriptionMemory;
  #epoch = '';

  constructor(parts: SubscriptionParts, memory: SubscriptionMemory) {
    super(parts);
    this.#listener = parts.listener;
    this.#memory = memory;
  }

  /** It is open when the first message says so. */
  override onReceiveMetadata(_headers: Metadata): void {}

  protected override take(bytes: Buffer): void {
    const message = decodeWatchMessage(bytes);
    switch (message.kind) {
      case 'started':
        this.#epoch = message.point.epoch;
        // With what is new: from here on nothing is missed. Otherwise the broker says how far it has come.
        this.#memory.point ??= message.point;
        this.opened(message.subscriptionId);
        return;
      case 'batch':
        for (const event of message.events) {
          if (!this.isOpen) return;
          this.#listener.event(event);
        }
        this.#reached(message.position);
        return;
      case 'caught-up':
        this.#reached(message.position);
        if (this.isOpen) this.#listener.caughtUp?.();
        return;
      case 'heartbeat':
        this.#reached(message.position);
        if (this.isOpen) this.#listener.event(encodeHeartbeat(this.id));
        return;
      case 'unknown':
    }
  }

  /** Only what the listener has had. */
  #reached(position: number): void {
    if (this.isOpen && position > 0) this.#memory.point = { epoch: this.#epoch, position };
  }
}
