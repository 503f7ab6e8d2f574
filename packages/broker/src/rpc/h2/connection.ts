import type { Socket } from 'node:net';
import type { RpcPeer, RpcStatus } from '../engine.js';
import type { PeerCertificateName } from '../peer.js';
import type { ConnectionHost } from './connection-host.js';
import { Ending } from './ending.js';
import { FloodGuard, type FloodKind } from './flood-guard.js';
import {
  DEFAULT_WINDOW_BYTES,
  ENHANCE_YOUR_CALM,
  FLOW_CONTROL_ERROR,
  INTERNAL_ERROR,
  LARGEST_WINDOW_BYTES,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_CONCURRENT_STREAMS,
  SETTINGS_MAX_HEADER_LIST_SIZE,
  STREAM_CLOSED,
} from './frames/constants.js';
import { H2Error } from './frames/error.js';
import { FrameReader } from './frames/reader.js';
import { PeerSettings } from './frames/settings.js';
import {
  goAwayFrame,
  pingFrame,
  resetFrame,
  SETTINGS_ACK,
  settingsFrame,
  windowUpdateFrame,
} from './frames/writer.js';
import { checkTrailers } from './grpc/request-head.js';
import type { HeaderBlock } from './hpack/header-block.js';
import { Inbound, type InboundSink } from './inbound.js';
import { Keepalive } from './keepalive.js';
import type { H2Limits } from './limits.js';
import { floodMessage, type OffenceKind } from './offences.js';
import { openStream } from './open-stream.js';
import { Outbound } from './outbound.js';
import { NOT_HTTP2, PrefaceReader } from './preface.js';
import { PREFIX_BYTES } from './shared-frames.js';
import type { StreamOwner } from './streams/owner.js';
import { type H2Stream, STREAM_WINDOW_BYTES } from './streams/stream.js';

/** What a client may have on its way over one connection. */
const CONNECTION_WINDOW_BYTES = 1024 * 1024;
/** Streams that this side reset lately: what the peer had sent before it knew is ignored. */
const REMEMBERED_RESETS = 1_000;
/** Resets of streams older than this are no flood. */
const YOUNG_MS = 1_000;
/** How long the peer of a broken connection gets to read why. */
const LAST_WORDS_MS = 1_000;

const KEEPALIVE_PING = Buffer.from('ceBroker', 'latin1');
const ENDING_PING = Buffer.from('ceBrkEnd', 'latin1');

/** One client connection: its streams, its windows, and what it is owed (RFC 9113 §5, §6). The peer object of all its calls. */
export class H2Connection implements InboundSink, StreamOwner, RpcPeer {
  readonly address: string;
  readonly certificate: PeerCertificateName | undefined;
  context: unknown = undefined;
  readonly host: ConnectionHost;
  readonly streams = new Map<number, H2Stream>();
  now: number;
  /** Calls whose answers the end of the connection waits for. */
  inFlight = 0;
  lastStreamId = 0;
  readonly #socket: Socket;
  readonly #out: Outbound;
  readonly #reader: FrameReader;
  readonly #guard: FloodGuard;
  readonly #ending: Ending;
  readonly #keepalive: Keepalive;
  readonly #peerSettings = new PeerSettings();
  #preface = new PrefaceReader();
  #receiveWindow = CONNECTION_WINDOW_BYTES;
  #uncredited = 0;
  readonly #windingDown = new Set<H2Stream>();
  #resets: Set<number> | undefined = undefined;
  #settingsSent = false;
  #scheduled = false;
  #finishing = false;
  #closed = false;

  constructor(
    socket: Socket,
    address: string,
    certificate: PeerCertificateName | undefined,
    host: ConnectionHost,
  ) {
    this.#socket = socket;
    this.address = address;
    this.certificate = certificate;
    this.host = host;
    this.now = performance.now();
    this.#out = new Outbound(socket, host.composer, () => this.#wake());
    this.#reader = new FrameReader(new Inbound(this, host.limits));
    this.#guard = new FloodGuard(host.limits);
    this.#ending = new Ending(this);
    this.#keepalive = new Keepalive(this, this.now);
    // The close that follows is what counts.
    socket.on('error', ignore);
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.once('close', () => this.#socketClosed());
  }

  get peer(): RpcPeer {
    return this;
  }

  get limits(): H2Limits {
    return this.host.limits;
  }

  get keepaliveTimeMs(): number {
    return this.host.keepaliveTimeMs;
  }

  get keepaliveTimeoutMs(): number {
    return this.host.keepaliveTimeoutMs;
  }

  get initialSendWindow(): number {
    return this.#peerSettings.initialWindowBytes;
  }

  get ending(): boolean {
    return this.#ending.begun;
  }

  get openStreams(): number {
    return this.streams.size;
  }

  /** Unsent bytes of the socket alone. */
  get unread(): number {
    return this.#out.unread;
  }

  // ------------------------------------------------------------------ what comes in

  #received(chunk: Buffer): void {
    if (this.#closed || this.#finishing) return;
    this.now = performance.now();
    this.#keepalive.heard(this.now);
    try {
      const from = this.#preface.whole ? 0 : this.#readPreface(chunk);
      if (from >= 0) this.#reader.read(chunk, from);
    } catch (error) {
      this.fail(error instanceof H2Error ? error : this.#fault(error));
    }
  }

  #fault(error: unknown): H2Error {
    this.host.fault(error);
    return new H2Error(INTERNAL_ERROR, 'internal error');
  }

  /** Returns where the first frame begins; below zero: nowhere. */
  #readPreface(chunk: Buffer): number {
    const from = this.#preface.read(chunk);
    if (from < 0) {
      this.#out.farewell(NOT_HTTP2);
      this.#ending.finishNow(LAST_WORDS_MS);
    } else if (this.#preface.whole) {
      this.#keepalive.prefaceCame(this.now);
      this.#sendSettings();
    }
    return from;
  }

  /** What this server begins with (§3.4), whatever else it has to say. */
  #sendSettings(): void {
    if (this.#settingsSent) return;
    this.#settingsSent = true;
    const { limits } = this.host;
    this.#out.control(
      settingsFrame([
        [SETTINGS_MAX_CONCURRENT_STREAMS, limits.maxStreamsPerConnection],
        [SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES],
        [SETTINGS_MAX_HEADER_LIST_SIZE, limits.maxHeaderListBytes],
      ]),
    );
    this.#out.control(windowUpdateFrame(0, CONNECTION_WINDOW_BYTES - DEFAULT_WINDOW_BYTES));
  }

  count(kind: FloodKind): void {
    if (!this.#guard.count(kind, this.now)) return;
    this.#offended(kind, floodMessage(kind));
  }

  #offended(kind: OffenceKind, message: string): never {
    this.host.offended({ address: this.address, kind, message });
    throw new H2Error(ENHANCE_YOUR_CALM, message);
  }

  onHeaders(streamId: number, endStream: boolean, block: HeaderBlock | undefined): void {
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
    if (this.streams.size >= this.host.limits.maxStreamsPerConnection || this.#ending.refusesStreams) {
      this.streamError(streamId, REFUSED_STREAM);
      return;
    }
    this.#guard.earned(1);
    const opened = block === undefined ? undefined : openStream(this, streamId, endStream, block);
    if (opened === undefined) this.streamError(streamId, PROTOCOL_ERROR);
  }

  #trailers(stream: H2Stream, endStream: boolean, block: HeaderBlock | undefined): void {
    if (stream.remoteClosed) this.streamError(stream.id, STREAM_CLOSED);
    else if (
      !endStream ||
      block === undefined ||
      checkTrailers(block) !== undefined ||
      stream.lengthLeft > 0
    ) {
      this.streamError(stream.id, PROTOCOL_ERROR);
    } else {
      stream.remoteClosed = true;
      stream.halfClosed();
    }
  }

  onData(
    streamId: number,
    endStream: boolean,
    bytes: Buffer,
    start: number,
    end: number,
    charged: number,
  ): void {
    this.#receiveWindow -= charged;
    if (this.#receiveWindow < 0) {
      throw new H2Error(FLOW_CONTROL_ERROR, 'more DATA than the window of the connection allows (§6.9.1)');
    }
    this.#uncredited += charged;
    if (this.#uncredited >= CONNECTION_WINDOW_BYTES / 2) {
      this.#receiveWindow += this.#uncredited;
      this.#out.control(windowUpdateFrame(0, this.#uncredited));
      this.#uncredited = 0;
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      this.#onClosed(streamId, 'DATA');
      return;
    }
    if (stream.remoteClosed) {
      this.streamError(streamId, STREAM_CLOSED);
      return;
    }
    stream.receiveWindow -= charged;
    stream.heardAt = this.now;
    if (stream.receiveWindow < 0) {
      this.streamError(streamId, FLOW_CONTROL_ERROR);
      return;
    }
    if (stream.lengthLeft >= 0 && !withinLength(stream, end - start, endStream)) {
      this.streamError(streamId, PROTOCOL_ERROR);
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
    if (frame === 'DATA') this.streamError(streamId, STREAM_CLOSED);
  }

  onReset(streamId: number): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      this.#onClosed(streamId, 'RST_STREAM');
      this.#out.takeBack(streamId);
      this.count('reset');
      return;
    }
    if (this.now - stream.openedAt < YOUNG_MS) this.count('reset');
    this.over(stream, false);
    stream.leave(true);
  }

  onSettings(bytes: Buffer, start: number, end: number): void {
    const before = this.#peerSettings.initialWindowBytes;
    const tableBytes: number[] = [];
    this.#peerSettings.apply(bytes, start, end, (size) => tableBytes.push(size));
    const change = this.#peerSettings.initialWindowBytes - before;
    // Answers that went by the larger window leave before the smaller one is acknowledged.
    if (change < 0) this.flush();
    if (change !== 0) {
      for (const stream of this.streams.values()) {
        if (stream.initialWindowChanged(change)) continue;
        throw new H2Error(
          FLOW_CONTROL_ERROR,
          `SETTINGS_INITIAL_WINDOW_SIZE overflows stream ${stream.id} (§6.9.2)`,
        );
      }
    }
    // After that flush too: a larger table may be used only behind the acknowledgement.
    for (const size of tableBytes) this.#out.encoder.setPeerTableBytes(size);
    this.#out.control(SETTINGS_ACK);
  }

  onSettingsAcknowledged(): void {
    this.#keepalive.settingsAcknowledged();
  }

  onPing(bytes: Buffer, start: number): void {
    try {
      this.#keepalive.pinged(this.now);
    } catch (error) {
      this.host.offended({
        address: this.address,
        kind: 'keepalive-pings',
        message: `pings more often than every ${this.host.limits.minClientPingIntervalMs} ms (minClientPingIntervalMs)`,
      });
      throw error;
    }
    this.#out.control(pingFrame(true, bytes, start));
  }

  onPong(bytes: Buffer, start: number): void {
    if (ENDING_PING.compare(bytes, start, start + 8) === 0) this.#ending.noticed();
  }

  onWindowUpdate(streamId: number, increment: number): void {
    if (streamId === 0) {
      if (this.#out.sendWindow + increment > LARGEST_WINDOW_BYTES) {
        throw new H2Error(FLOW_CONTROL_ERROR, 'WINDOW_UPDATE over 2^31-1 on the connection (§6.9.1)');
      }
      this.#out.widen(increment);
      return;
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) this.#onClosed(streamId, 'WINDOW_UPDATE');
    else if (stream.sendWindow + increment > LARGEST_WINDOW_BYTES)
      this.streamError(streamId, FLOW_CONTROL_ERROR);
    else stream.widen(increment);
  }

  /** The peer broke a rule on one stream: RST_STREAM (§5.4.2). */
  streamError(streamId: number, code: number): void {
    this.count('provoked-reset');
    const stream = this.streams.get(streamId);
    if (stream !== undefined) {
      this.#resetByUs(stream, code, true);
      return;
    }
    if (this.#isIdle(streamId)) {
      // §6.4: an idle stream is not reset.
      throw new H2Error(code, `a frame that is wrong on stream ${streamId}, which was never opened (§5.1)`);
    }
    // It was reset already: this was on its way.
    if (this.#resets?.has(streamId) === true) return;
    this.#out.control(resetFrame(streamId, code));
    this.#rememberReset(streamId);
  }

  #isIdle(streamId: number): boolean {
    return streamId > this.lastStreamId || (streamId & 1) === 0;
  }

  reset(stream: H2Stream, code: number): void {
    this.#resetByUs(stream, code, false);
  }

  #resetByUs(stream: H2Stream, code: number, byPeer: boolean): void {
    this.#out.control(resetFrame(stream.id, code));
    this.over(stream, true);
    stream.leave(byPeer);
  }

  #rememberReset(streamId: number): void {
    this.#resets ??= new Set();
    this.#resets.add(streamId);
    if (this.#resets.size <= REMEMBERED_RESETS) return;
    for (const oldest of this.#resets) {
      this.#resets.delete(oldest);
      break;
    }
  }

  // ------------------------------------------------------------------ what streams ask for

  dirty(stream: H2Stream): void {
    this.#out.dirty(stream);
  }

  replyEmpty(stream: H2Stream): boolean {
    if (this.#out.sendWindow < PREFIX_BYTES || this.initialSendWindow < PREFIX_BYTES) return false;
    this.#out.reply(stream.id);
    this.streams.delete(stream.id);
    return true;
  }

  answered(): void {
    this.inFlight -= 1;
    if (this.#ending.begun && this.inFlight === 0) setImmediate(() => this.#ending.progressed());
  }

  over(stream: H2Stream, reset: boolean): void {
    this.streams.delete(stream.id);
    this.#out.forget(stream);
    if (reset) this.#rememberReset(stream.id);
    if (this.#windingDown.delete(stream)) this.answered();
    else if (this.#ending.begun) setImmediate(() => this.#ending.progressed());
  }

  credit(streamId: number, bytes: number): void {
    this.#out.control(windowUpdateFrame(streamId, bytes));
  }

  // ------------------------------------------------------------------ what goes out

  /** Writes all that is due. Called at the end of a turn. */
  flush(): void {
    this.#scheduled = false;
    if (this.#closed) return;
    const sent = this.#out.flush();
    if (sent > 0) {
      this.#keepalive.sent();
      this.#guard.earned(sent);
    }
    if (this.#finishing) this.#socket.end();
    const { maxUnreadBytesPerConnection: limit } = this.host.limits;
    if (this.unread > limit) {
      const text = `more than ${limit} bytes of answers that the peer does not read (maxUnreadBytesPerConnection)`;
      this.shutOut('unread-output', text);
    }
  }

  #wake(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    this.host.schedule(this);
  }

  // ------------------------------------------------------------------ how it ends

  /** For whoever watches over all connections: this one takes too much. */
  shutOut(kind: OffenceKind, message: string): void {
    if (this.#finishing || this.#closed) return;
    this.host.offended({ address: this.address, kind, message });
    this.fail(new H2Error(ENHANCE_YOUR_CALM, message));
  }

  /** The connection is over: GOAWAY with the reason, then close (§5.4.1). */
  fail(error: H2Error): void {
    if (this.#finishing || this.#closed) return;
    this.#reader.stop();
    this.#leaveStreams(true);
    this.#sendSettings();
    this.goAway(this.lastStreamId, error.code, error.message);
    this.#finishing = true;
    this.#ending.finishNow(LAST_WORDS_MS);
  }

  end(code: RpcStatus, message: string, graceMs: number): void {
    if (!this.#closed) this.#ending.begin(code, message, graceMs);
  }

  endStreams(code: RpcStatus, message: string): void {
    for (const stream of this.streams.values()) {
      if (this.#windingDown.has(stream) || stream.isCall) continue;
      if (stream.windDown(code, message)) {
        this.#windingDown.add(stream);
        this.inFlight += 1;
      } else {
        stream.end(code, message);
      }
    }
  }

  unsent(): number {
    let bytes = this.unread;
    for (const stream of this.streams.values()) bytes += stream.bufferedBytes();
    return bytes;
  }

  goAway(lastStreamId: number, code: number, message: string): void {
    this.#out.farewell(goAwayFrame(lastStreamId, code, message));
  }

  ask(): void {
    this.#out.farewell(pingFrame(false, ENDING_PING, 0));
  }

  sendPing(): void {
    this.#out.control(pingFrame(false, KEEPALIVE_PING, 0));
  }

  finish(): void {
    this.#finishing = true;
    this.#wake();
  }

  /** The engine closes, and this with it. */
  close(): void {
    this.#leaveStreams(false);
    this.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Called now and then. */
  tick(now: number): void {
    if (this.#closed) return;
    this.now = now;
    for (const stream of this.streams.values()) stream.tick(now);
    if (!this.#finishing) this.#keepalive.tick(now);
  }

  #leaveStreams(byPeer: boolean): void {
    const streams = [...this.streams.values()];
    this.streams.clear();
    for (const stream of streams) this.#out.forget(stream);
    for (const stream of streams) stream.leave(byPeer);
  }

  #socketClosed(): void {
    this.#closed = true;
    this.#reader.stop();
    this.#leaveStreams(!this.#ending.begun);
    this.#ending.closed();
    this.host.closed(this);
  }
}

function ignore(): void {}

/** False: more, or less, came than `content-length` said (§8.1.1). */
function withinLength(stream: H2Stream, bytes: number, endStream: boolean): boolean {
  stream.lengthLeft -= bytes;
  return endStream ? stream.lengthLeft === 0 : stream.lengthLeft >= 0;
}
