import type { BrokerCore } from '../core/index.js';
import type { Outlet } from '../delivery/outlet.js';
import type { Session } from '../delivery/session.js';
import type { ServerStream, StreamListener } from '../rpc/index.js';
import type { Clock } from './clock.js';
import type { PeerState } from './peers.js';
import type { StreamPressure } from './stream-pressure.js';
import type { Tally } from './traffic.js';

const UNAVAILABLE = 14;

/** What a subscription needs of the broker around it. */
export interface SubscriptionHome {
  readonly core: BrokerCore;
  readonly clock: Clock;
  readonly open: Set<SubscriptionOutlet>;
  readonly pressure: StreamPressure;
  readonly streamBufferBytes: number;
}

/**
 * One Subscribe, between the core's session and the engine's stream. Until the headers have gone out it takes nothing, so that
 * the session can be registered before them and yet no event comes first.
 */
export class SubscriptionOutlet implements Outlet, StreamListener {
  readonly stream: ServerStream;
  readonly peer: PeerState;
  /** What the peer showed when it subscribed; a token that is no longer known ends the subscription. */
  readonly authorization: string | undefined;
  readonly #home: SubscriptionHome;
  readonly #tally: Tally;
  #session: Session | undefined = undefined;
  #headersSent = false;
  /** Unsent bytes when it was measured last, and what was written since. */
  #held = 0;
  #written = 0;
  /** What the peer took between the last two measurements. */
  #taken = 0;
  /** The status that this side ended the stream with; 0: it did not. */
  #endCode = 0;
  #over = false;

  constructor(stream: ServerStream, peer: PeerState, home: SubscriptionHome, tally: Tally) {
    this.stream = stream;
    this.peer = peer;
    this.authorization = stream.header('authorization');
    this.#home = home;
    this.#tally = tally;
    peer.subscriptions += 1;
    home.open.add(this);
  }

  /** The core knows the session: headers go out, and what waits follows them. */
  begin(session: Session, subscriptionId: string): void {
    this.#session = session;
    this.stream.sendHeaders({ 'subscription-id': subscriptionId });
    this.#headersSent = true;
    this.opened(subscriptionId);
    this.#home.core.writable(session, this.#home.clock.now());
  }

  /** The headers are out: the place for what has to come before the first event. */
  protected opened(_subscriptionId: string): void {}

  writableBytes(): number {
    if (!this.#headersSent) return 0;
    const room = this.stream.writableBytes();
    if (room <= 0 || !this.#home.pressure.isOver || room >= this.#home.streamBufferBytes) return room;
    return Math.min(room, this.#taken - this.#written);
  }

  write(message: Uint8Array): void {
    const { length } = message;
    this.#written += length;
    this.#home.pressure.wrote(length);
    this.stream.write(message);
  }

  /** What it holds unsent, in bytes; called a few times per second, it also learns how much the peer takes. */
  measure(): number {
    const held = Math.max(0, this.#home.streamBufferBytes - this.stream.writableBytes());
    this.#taken = Math.max(0, this.#held + this.#written - held);
    this.#held = held;
    this.#written = 0;
    return held;
  }

  end(code: number, message: string): void {
    this.#endCode = code;
    this.stream.end(code, message);
  }

  endConnection(code: number, message: string, graceMs: number): void {
    this.#endCode = code;
    this.stream.endConnection(code, message, graceMs);
  }

  writable(): void {
    if (this.#session !== undefined) this.#home.core.writable(this.#session, this.#home.clock.now());
  }

  closed(byPeer: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#home.open.delete(this);
    this.peer.subscriptions -= 1;
    // The engine ends what is left when it drains.
    const code = this.#endCode === 0 && !byPeer ? UNAVAILABLE : this.#endCode;
    this.#tally.end(code);
    const session = this.#session;
    if (session === undefined) return;
    this.#tally.sentToClosed += session.sentEvents;
    this.#home.core.closed(session, byPeer);
  }
}
