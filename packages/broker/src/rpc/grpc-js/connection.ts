import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { RpcPeer, RpcStatus } from '../engine.js';
import type { PeerCertificateName } from '../peer.js';
import { STATUS_UNAVAILABLE } from '../status.js';
import type { GrpcServerStream } from './server-stream.js';

/** What a client may have on its way over one connection. */
const CONNECTION_WINDOW_BYTES = 1024 * 1024;

/** A peer that is told to go and takes nothing for so long is not waited for. */
const STALLED_MS = 3_000;

/**
 * One client connection whose socket is ours: the peer object of all its calls, and the one who ends it.
 *
 * The order of an end is what wakes Go clients without harm: streams get their status, calls in flight their answers
 * (a client fails a call that is in flight when GOAWAY comes, even if the answer follows), then GOAWAY, then close.
 */
export class Connection implements RpcPeer {
  readonly address: string;
  readonly certificate: PeerCertificateName | undefined;
  context: unknown = undefined;
  readonly streams = new Set<GrpcServerStream>();
  private readonly socket: Socket;
  private session: Http2Session | undefined = undefined;
  /** Calls whose answers the end of the connection waits for. */
  private inFlight = 0;
  /** Streams that answer what they have taken, and end themselves. */
  private readonly windingDown = new Set<GrpcServerStream>();
  private endState: 'open' | 'answering' | 'going-away' = 'open';
  private goAwayTimer: NodeJS.Timeout | undefined = undefined;
  private closeTimer: NodeJS.Timeout | undefined = undefined;
  private stallTimer: NodeJS.Timeout | undefined = undefined;
  private closeAt = Number.POSITIVE_INFINITY;

  constructor(socket: Socket, address: string, certificate: PeerCertificateName | undefined) {
    this.socket = socket;
    this.address = address;
    this.certificate = certificate;
  }

  /** True once this side is ending the connection: no new stream belongs on it. */
  get ending(): boolean {
    return this.endState !== 'open';
  }

  /** The HTTP/2 session, known from the first call on. */
  useSession(session: Http2Session): void {
    this.session = session;
    // Within HTTP/2's default of 64 KiB a Node client that has more under way lets single requests wait for all later ones.
    if (!session.destroyed) session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
  }

  callStarted(): void {
    this.inFlight++;
  }

  callFinished(): void {
    this.inFlight--;
    if (this.endState === 'answering' && this.inFlight === 0) this.goAwaySoon();
  }

  streamOver(stream: GrpcServerStream): void {
    this.streams.delete(stream);
    if (this.windingDown.delete(stream)) this.callFinished();
  }

  /** Ends the connection within `graceMs`. A second call can only bring the end forward. */
  end(code: RpcStatus, message: string, graceMs: number): void {
    for (const stream of this.streams) this.endStream(stream, code, message);
    this.destroyWithin(graceMs);
    if (this.endState !== 'open') return;
    this.endState = 'answering';
    if (this.inFlight === 0) {
      this.goAwaySoon();
    } else {
      // Calls that take longer than this are told to go away in flight: their answers may still come.
      this.goAwayTimer = setTimeout(() => this.goAway(), graceMs / 2);
      this.goAwayTimer.unref();
    }
  }

  destroy(): void {
    if (this.endState === 'open') this.endState = 'going-away';
    this.socket.destroy();
  }

  /** The socket has closed. */
  closed(): void {
    clearTimeout(this.goAwayTimer);
    clearTimeout(this.closeTimer);
    clearTimeout(this.stallTimer);
  }

  private endStream(stream: GrpcServerStream, code: RpcStatus, message: string): void {
    if (this.windingDown.has(stream)) return;
    if (!stream.windDown(code, message)) {
      stream.end(code, message);
      return;
    }
    this.windingDown.add(stream);
    this.callStarted();
  }

  private destroyWithin(graceMs: number): void {
    const at = performance.now() + graceMs;
    if (at >= this.closeAt) return;
    this.closeAt = at;
    clearTimeout(this.closeTimer);
    this.closeTimer = setTimeout(() => this.socket.destroy(), graceMs);
    this.closeTimer.unref();
  }

  /** After the trailers of the last answer, which are handed to the socket at the end of this turn. */
  private goAwaySoon(): void {
    setImmediate(() => this.goAway());
  }

  private goAway(): void {
    if (this.endState !== 'answering' || this.socket.destroyed) return;
    this.endState = 'going-away';
    clearTimeout(this.goAwayTimer);
    for (const stream of this.streams) stream.end(STATUS_UNAVAILABLE, 'the connection is being closed');
    // close() sends GOAWAY at once, and closes the socket when the last stream has been flushed.
    if (this.session === undefined) this.socket.destroySoon();
    else if (!this.session.closed) this.session.close();
    this.closeWhenStalled(this.unsent());
  }

  /** Looks now and then whether the peer still takes something: one that does gets its whole grace. */
  private closeWhenStalled(before: number): void {
    this.stallTimer = setTimeout(() => {
      const now = this.unsent();
      if (this.inFlight === 0 && now >= before) this.socket.destroy();
      else this.closeWhenStalled(now);
    }, STALLED_MS);
    this.stallTimer.unref();
  }

  private unsent(): number {
    let bytes = 0;
    for (const stream of this.streams) bytes += stream.bufferedBytes();
    return bytes;
  }
}
