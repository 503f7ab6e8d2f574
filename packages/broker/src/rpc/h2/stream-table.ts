import type { FloodKind } from './flood-guard.js';
import {
  FLOW_CONTROL_ERROR,
  LARGEST_WINDOW_BYTES,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  STREAM_CLOSED,
} from './frames/constants.js';
import { H2Error } from './frames/error.js';
import { resetFrame } from './frames/writer.js';
import { checkTrailers } from './grpc/request-head.js';
import type { HeaderBlock } from './hpack/header-block.js';
import { type OpeningConnection, openStream } from './open-stream.js';
import { OpenStreams } from './open-streams.js';
import type { Outbound } from './outbound.js';
import type { H2Stream } from './streams/stream.js';

/** Resets of streams older than this are no flood. */
const YOUNG_MS = 1_000;

/** The connection, as its streams see it together. */
export interface StreamTableOwner extends OpeningConnection {
  /** Streams that the peer opens now are too late. */
  readonly refusesStreams: boolean;
  /** Counts what costs the peer little; throws when it is too much. */
  count(kind: FloodKind): void;
  /** A request came: it earns the peer some of the frames that are counted. */
  earned(): void;
}

/** The streams of one connection: which are open, were reset, or never were (RFC 9113 §5.1), and what a frame is to each. */
export class StreamTable {
  readonly streams = new OpenStreams();
  lastStreamId = 0;
  readonly #owner: StreamTableOwner;
  readonly #out: Outbound;
  /** Streams that this side reset lately, as many as may be open: what the peer had sent before it knew is ignored. */
  #resets: Set<number> | undefined = undefined;

  constructor(owner: StreamTableOwner, out: Outbound) {
    this.#owner = owner;
    this.#out = out;
  }

  headers(streamId: number, endStream: boolean, block: HeaderBlock | undefined): void {
    if ((streamId & 1) === 0) throw new H2Error(PROTOCOL_ERROR, `a client opens stream ${streamId} (§5.1.1)`);
    const stream = this.streams.get(streamId);
    if (stream !== undefined) {
      this.#trailers(stream, endStream, block);
      return;
    }
    if (streamId <= this.lastStreamId) {
      if (this.#resets?.has(streamId) === true) return;
      throw new H2Error(STREAM_CLOSED, `HEADERS on stream ${streamId}, which is closed (§5.1)`);
    }
    this.lastStreamId = streamId;
    if (this.#owner.refusesStreams) {
      // It crossed with GOAWAY: nobody's fault.
      this.#out.control(resetFrame(streamId, REFUSED_STREAM));
      this.#rememberReset(streamId);
      return;
    }
    if (this.streams.size >= this.#owner.host.limits.maxStreamsPerConnection) {
      this.error(streamId, REFUSED_STREAM);
      return;
    }
    this.#owner.earned();
    const opened = block === undefined ? undefined : openStream(this.#owner, streamId, endStream, block);
    if (opened === undefined) this.error(streamId, PROTOCOL_ERROR);
  }

  #trailers(stream: H2Stream, endStream: boolean, block: HeaderBlock | undefined): void {
    if (stream.remoteClosed) this.error(stream.id, STREAM_CLOSED);
    else if (
      !endStream ||
      block === undefined ||
      checkTrailers(block) !== undefined ||
      stream.lengthLeft > 0
    ) {
      this.error(stream.id, PROTOCOL_ERROR);
    } else {
      stream.remoteClosed = true;
      stream.halfClosed();
    }
  }

  data(
    streamId: number,
    endStream: boolean,
    bytes: Buffer,
    start: number,
    end: number,
    charged: number,
  ): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      this.#onClosed(streamId, 'DATA');
      return;
    }
    if (stream.remoteClosed) {
      this.error(streamId, STREAM_CLOSED);
      return;
    }
    stream.receiveWindow -= charged;
    stream.heardAt = this.#owner.now;
    if (stream.receiveWindow < 0) {
      this.error(streamId, FLOW_CONTROL_ERROR);
      return;
    }
    if (stream.lengthLeft >= 0 && !withinLength(stream, end - start, endStream)) {
      this.error(streamId, PROTOCOL_ERROR);
      return;
    }
    stream.remoteClosed = endStream;
    if (charged > end - start) stream.taken(charged - (end - start));
    stream.data(bytes, start, end, endStream);
  }

  /** A frame for a stream that is not there (§5.1: idle, or closed). */
  #onClosed(streamId: number, frame: string): void {
    if (this.#isIdle(streamId)) {
      throw new H2Error(PROTOCOL_ERROR, `${frame} on stream ${streamId}, which was never opened (§5.1)`);
    }
    if (this.#resets?.has(streamId) === true) return;
    if (frame === 'DATA') this.error(streamId, STREAM_CLOSED);
  }

  /** The peer has reset a stream. */
  resetCame(streamId: number): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      this.#onClosed(streamId, 'RST_STREAM');
      // Whoever resets a stream has nothing on its way to it any more.
      this.#resets?.delete(streamId);
      this.#out.takeBack(streamId);
      this.#owner.count('reset');
      return;
    }
    if (this.#owner.now - stream.openedAt < YOUNG_MS) this.#owner.count('reset');
    this.#owner.over(stream, false);
    stream.leave(true);
  }

  /** The peer changed the window that streams begin with (§6.9.2). */
  initialWindowChanged(bytes: number): void {
    for (const stream of this.streams) {
      if (stream.initialWindowChanged(bytes)) continue;
      const text = `SETTINGS_INITIAL_WINDOW_SIZE overflows stream ${stream.id} (§6.9.2)`;
      throw new H2Error(FLOW_CONTROL_ERROR, text);
    }
  }

  windowUpdate(streamId: number, increment: number): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined) this.#onClosed(streamId, 'WINDOW_UPDATE');
    else if (stream.sendWindow + increment > LARGEST_WINDOW_BYTES) this.error(streamId, FLOW_CONTROL_ERROR);
    else stream.widen(increment);
  }

  /** The peer broke a rule on one stream: RST_STREAM (§5.4.2). */
  error(streamId: number, code: number): void {
    this.#owner.count('provoked-reset');
    const stream = this.streams.get(streamId);
    if (stream !== undefined) {
      this.reset(stream, code, true);
      return;
    }
    if (this.#isIdle(streamId)) {
      // §6.4: an idle stream is not reset.
      throw new H2Error(code, `a frame that is wrong on stream ${streamId}, which was never opened (§5.1)`);
    }
    // It was reset already: this was on its way.
    if (this.#resets?.has(streamId) === true) return;
    // An answer that has not left must not follow the reset.
    this.#out.takeBack(streamId);
    this.#out.control(resetFrame(streamId, code));
    this.#rememberReset(streamId);
  }

  #isIdle(streamId: number): boolean {
    return streamId > this.lastStreamId || (streamId & 1) === 0;
  }

  /** Resets a stream. `byPeer`: it is the peer's fault. */
  reset(stream: H2Stream, code: number, byPeer: boolean): void {
    this.#out.control(resetFrame(stream.id, code));
    this.#owner.over(stream, true);
    stream.leave(byPeer);
  }

  #rememberReset(streamId: number): void {
    this.#resets ??= new Set();
    this.#resets.add(streamId);
    if (this.#resets.size <= this.#owner.host.limits.maxStreamsPerConnection) return;
    for (const oldest of this.#resets) {
      this.#resets.delete(oldest);
      break;
    }
  }

  /** The stream is over. `reset`: the peer may still send on it for a while. */
  remove(stream: H2Stream, reset: boolean): void {
    this.streams.delete(stream.id);
    this.#out.forget(stream);
    if (reset) this.#rememberReset(stream.id);
  }

  /** What the streams have unsent, in bytes. */
  bufferedBytes(): number {
    let bytes = 0;
    for (const stream of this.streams) bytes += stream.bufferedBytes();
    return bytes;
  }

  /** Called now and then; returns what of the unsent bytes are answers of calls. */
  tick(now: number): number {
    let owed = 0;
    for (const stream of this.streams) {
      if (stream.isCall) owed += stream.bufferedBytes();
      stream.tick(now);
    }
    return owed;
  }

  /** All of them are over: the connection is. */
  leaveAll(byPeer: boolean): void {
    const streams = [...this.streams];
    this.streams.clear();
    for (const stream of streams) this.#out.forget(stream);
    for (const stream of streams) stream.leave(byPeer);
  }
}

/** False: more, or less, came than `content-length` said (§8.1.1). */
function withinLength(stream: H2Stream, bytes: number, endStream: boolean): boolean {
  stream.lengthLeft -= bytes;
  return endStream ? stream.lengthLeft === 0 : stream.lengthLeft >= 0;
}
