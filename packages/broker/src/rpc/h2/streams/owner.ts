import type { RpcPeer, RpcStatus } from '../../engine.js';
import type { DeadlineWheel } from '../deadlines.js';
import type { Inflater } from '../grpc/inflater.js';
import type { H2Limits } from '../limits.js';
import type { SharedFrames } from '../shared-frames.js';

/** What all streams of an engine share. */
export interface StreamHost {
  /** High-water mark of one stream's unsent output, in bytes. */
  readonly streamBufferBytes: number;
  readonly maxMessageBytes: number;
  /** How long an ended stream may wait for its peer to read the rest, in milliseconds. */
  readonly endLingerMs: number;
  readonly limits: H2Limits;
  readonly deadlines: DeadlineWheel;
  readonly shared: SharedFrames;
  readonly inflater: Inflater;
  /** Headers of open calls, and messages that have come and were not handed over, over all connections, in bytes. */
  arrivingBytes: number;
  /** Something above the seam threw. The engine goes on. */
  fault(error: unknown): void;
}

/** A stream, as far as this file says what a connection does with it. */
interface OwnedStream {
  readonly id: number;
}

/** The connection, as its streams see it. */
export interface StreamOwner {
  readonly peer: RpcPeer;
  readonly host: StreamHost;
  /** Milliseconds of `performance.now()`, read once per chunk, flush or tick. */
  readonly now: number;
  /** The window that the peer gives a new stream. */
  readonly initialSendWindow: number;
  /** The stream has something to send: it is composed at the end of the turn. */
  dirty(stream: OwnedStream): void;
  /** Answers a unary call OK with the empty message, after which the stream is over. False: the windows have no room for it. */
  replyEmpty(stream: OwnedStream): boolean;
  /** The call has been answered, or is given up: who ends the connection no longer waits for it. */
  answered(): void;
  /** The stream is over. `reset`: this side resets it, so that the peer may still send on it for a while. */
  over(stream: OwnedStream, reset: boolean): void;
  /** Resets a stream with an error code of RFC 9113 §7. */
  reset(stream: OwnedStream, code: number): void;
  /** What the connection's calls have in the sum `arrivingBytes`. */
  arrivingBytes: number;
  /** Lets the peer send so many bytes more on the stream. */
  credit(streamId: number, bytes: number): void;
  end(code: RpcStatus, message: string, graceMs: number): void;
  /** The connection is being ended: no new stream belongs on it. */
  readonly ending: boolean;
}
