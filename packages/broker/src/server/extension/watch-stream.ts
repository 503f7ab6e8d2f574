import { encodeCaughtUp, encodeWatchBatch, encodeWatchHeartbeat, encodeWatchStarted } from 'ce-broker-proto';
import type { Watching } from '../../core/index.js';
import type { WatchOutlet } from '../../delivery/watch-outlet.js';
import type { ServerStream } from '../../rpc/index.js';
import type { PeerState } from '../peers.js';
import { type SubscriptionHome, SubscriptionOutlet } from '../subscription.js';
import type { Tally } from '../traffic.js';

/** A batch is written once it has so many bytes: a longer one would keep the first of its events waiting. */
const BATCH_BYTES = 64 * 1024;
const EMPTY = new Uint8Array(0);

/** The last message that held one event: most Watches get the same events at the same positions, and share it. */
export class WatchFrames {
  #event: Uint8Array = EMPTY;
  #position = 0;
  #message: Uint8Array = EMPTY;

  of(events: readonly Uint8Array[], positions: readonly number[], position: number): Uint8Array {
    const [event] = events;
    if (events.length !== 1 || event === undefined) return encodeWatchBatch(events, positions, position);
    // Bytes that are the same object are the same event.
    if (event !== this.#event || position !== this.#position) {
      this.#message = encodeWatchBatch(events, positions, position);
      this.#event = event;
      this.#position = position;
    }
    return this.#message;
  }
}

/** One Watch, between the core's session and the engine's stream. */
export class WatchStream extends SubscriptionOutlet implements WatchOutlet {
  readonly #frames: WatchFrames;
  #watching: Watching | undefined = undefined;
  #events: Uint8Array[] = [];
  #positions: number[] = [];
  #bytes = 0;
  #next = 0;

  constructor(
    stream: ServerStream,
    peer: PeerState,
    home: SubscriptionHome,
    tally: Tally,
    frames: WatchFrames,
  ) {
    super(stream, peer, home, tally);
    this.#frames = frames;
  }

  /** The core knows the session: headers and the first message go out, and what waits follows them. */
  start(watching: Watching, subscriptionId: string): void {
    this.#watching = watching;
    this.begin(watching.session, subscriptionId);
  }

  protected override opened(subscriptionId: string): void {
    const watching = this.#watching;
    if (watching === undefined) return;
    super.write(encodeWatchStarted(subscriptionId, watching.restartReason, watching.point));
    watching.begin();
  }

  get hasEvents(): boolean {
    return this.#events.length > 0;
  }

  override writableBytes(): number {
    return super.writableBytes() - this.#bytes;
  }

  next(position: number): void {
    this.#next = position;
  }

  override write(event: Uint8Array): void {
    this.#events.push(event);
    this.#positions.push(this.#next);
    this.#next = 0;
    this.#bytes += event.byteLength;
    if (this.#bytes >= BATCH_BYTES) this.complete(0);
  }

  complete(position: number): void {
    if (this.#events.length === 0) return;
    const events = this.#events;
    const positions = this.#positions;
    this.#events = [];
    this.#positions = [];
    this.#bytes = 0;
    super.write(this.#frames.of(events, positions, position));
  }

  caughtUp(position: number): void {
    super.write(encodeCaughtUp(position));
  }

  beat(position: number): void {
    super.write(encodeWatchHeartbeat(position));
  }
}
