import type { Metadata } from '@grpc/grpc-js';
import { type SubscriptionMemory, WatchReader } from 'ce-broker-proto';
import { GrpcSubscription, type SubscriptionParts } from './grpc-subscription.js';

/** A subscription by Watch: what was missed between two connections comes at the beginning of the second. */
export class GrpcWatch extends GrpcSubscription {
  readonly #reader: WatchReader;

  constructor(parts: SubscriptionParts, memory: SubscriptionMemory, everything: boolean | undefined) {
    super(parts);
    this.#reader = new WatchReader(parts.listener, memory, this, everything);
  }

  /** It is open when the first message says so. */
  override onReceiveMetadata(_headers: Metadata): void {}

  protected override take(bytes: Buffer): void {
    this.#reader.take(bytes);
  }
}
