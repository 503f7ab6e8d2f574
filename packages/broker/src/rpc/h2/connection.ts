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
  LARGEST_STREAM_ID,
  LARGEST_WINDOW_BYTES,
} from './frames/constants.js';
import { H2Error } from './frames/error.js';
import { FrameReader } from './frames/reader.js';
import { PeerSettings } from './frames/settings.js';
import { goAwayFrame, pingFrame, SETTINGS_ACK, windowUpdateFrame } from './frames/writer.js';
import type { HeaderBlock } from './hpack/header-block.js';
import { Inbound, type InboundSink } from './inbound.js';
import { Keepalive } from './keepalive.js';
import { floodMessage, type OffenceKind } from './offences.js';
import type { OpenStreams } from './open-streams.js';
import { Outbound } from './outbound.js';
import { CONNECTION_WINDOW_BYTES, NOT_HTTP2, PrefaceReader, serverPreface } from './preface.js';
import { PREFIX_BYTES } from './shared-frames.js';
import { StreamTable, type StreamTableOwner } from './stream-table.js';
import type { H2Stream } from './streams/stream.js';

/** How long the peer of a broken connection gets to read why. */
const LAST_WORDS_MS = 1_000;

const KEEPALIVE_PING = Buffer.from('ceBroker', 'latin1');
const ENDING_PING = Buffer.from('ceBrkEnd', 'latin1');

/** One client connection: its streams, its windows, and what it is owed (RFC 9113 §5, §6). The peer object of all its calls. */
export class H2Connection implements InboundSink, StreamTableOwner, RpcPeer {
  readonly address: string;
  readonly certificate: PeerCertificateName | undefined;
  context: unknown = undefined;
  readonly host: ConnectionHost;
  now: number;
  /** Calls whose answers the end of the connection waits for. */
  inFlight = 0;
  arrivingBytes = 0;
  readonly #socket: Socket;
  readonly #out: Outbound;
  readonly #table: StreamTable;
  readonly #inbound: Inbound;
  readonly #reader: FrameReader;
  readonly #guard: FloodGuard;
  /** Made when the end begins. */
  #ending: Ending | undefined = undefined;
  readonly #keepalive: Keepalive;
  initialSendWindow = DEFAULT_WINDOW_BYTES;
  /** Undefined: it has come whole. */
  #preface: PrefaceReader | undefined = new PrefaceReader();
  #receiveWindow = CONNECTION_WINDOW_BYTES;
  #uncredited = 0;
  /** What calls that were answered still hold, when it was looked at last. */
  #owedAnswers = 0;
  #windingDown: Set<H2Stream> | undefined = undefined;
  #settingsSent = false;
  #saidLast = LARGEST_STREAM_ID;
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
    this.#out = new Outbound(socket, host.composer, this);
    this.#inbound = new Inbound(this, host.limits);
    this.#reader = new FrameReader(this.#inbound);
    this.#table = new StreamTable(this, this.#out);
    this.#guard = new FloodGuard(host.limits);
    this.#keepalive = new Keepalive(this, host, this.now);
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('drain', () => this.#out.drained());
    socket.on('close', () => this.#socketClosed());
  }

  get peer(): RpcPeer {
    return this;
  }

  get ending(): boolean {
    return this.#ending?.begun ?? false;
  }

  get streams(): OpenStreams {
    return this.#table.streams;
  }

  get lastStreamId(): number {
    return this.#table.lastStreamId;
  }

  get refusesStreams(): boolean {
    return this.#ending?.refusesStreams ?? false;
  }

  get openStreams(): number {
    return this.streams.size;
  }

  /** What the peer leaves unread beside its streams, in bytes: answers and control frames, wherever they wait. */
  get unread(): number {
    return this.#out.behind + this.#owedAnswers;
  }

  #received(chunk: Buffer): void {
    if (this.#closed || this.#finishing) return;
    this.now = performance.now();
    this.#keepalive.heard(this.now);
    try {
      const from = this.#preface === undefined ? 0 : this.#readPreface(this.#preface, chunk);
      if (from >= 0) this.#reader.read(chunk, from);
    } catch (error) {
      this.fail(error instanceof H2Error ? error : this.#fault(error));
    }
    this.host.wasRead(chunk.length);
  }

  #fault(error: unknown): H2Error {
    this.host.fault(error);
    return new H2Error(INTERNAL_ERROR, 'internal error');
  }

  /** Returns where the first frame begins; below zero: nowhere. */
  #readPreface(preface: PrefaceReader, chunk: Buffer): number {
    const from = preface.read(chunk);
    if (from < 0) {
      this.#out.farewell(NOT_HTTP2);
      this.#theEnd().finishNow(LAST_WORDS_MS);
    } else if (preface.whole) {
      this.#preface = undefined;
      this.#keepalive.prefaceCame(this.now);
      this.#sendSettings();
    }
    return from;
  }

  /** What this server begins with (§3.4), whatever else it has to say. */
  #sendSettings(): void {
    if (this.#settingsSent) return;
    this.#settingsSent = true;
    this.#out.control(serverPreface(this.host.limits));
  }

  earned(): void {
    this.#guard.earned(1);
  }

  count(kind: FloodKind): void {
    if (this.#guard.count(kind, this.now)) this.offence(kind, floodMessage(kind));
  }

  offence(kind: OffenceKind, message: string): never {
    this.host.offended({ address: this.address, kind, message });
    throw new H2Error(ENHANCE_YOUR_CALM, message);
  }

  onHeaders(streamId: number, endStream: boolean, block: HeaderBlock | undefined): void {
    this.#table.headers(streamId, endStream, block);
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
    this.#table.data(streamId, endStream, bytes, start, end, charged);
  }

  onReset(streamId: number): void {
    this.#table.resetCame(streamId);
  }

  streamError(streamId: number, code: number): void {
    this.#table.error(streamId, code);
  }

  onSettings(bytes: Buffer, start: number, end: number): void {
    const settings = new PeerSettings(this.initialSendWindow);
    const tableBytes = settings.apply(bytes, start, end);
    const change = settings.initialWindowBytes - this.initialSendWindow;
    // Answers that went by the larger window leave before the smaller one is acknowledged.
    for (let due = change < 0; due; due = this.#out.owesReplies) this.flush();
    this.initialSendWindow = settings.initialWindowBytes;
    if (change !== 0) this.#table.initialWindowChanged(change);
    // After that flush too: a larger table may be used only behind the acknowledgement.
    for (const size of tableBytes) this.#out.encoder.setPeerTableBytes(size);
    this.#out.control(SETTINGS_ACK);
  }

  onSettingsAcknowledged(): void {
    this.#keepalive.settingsAcknowledged();
  }

  onPing(bytes: Buffer, start: number): void {
    if (this.#keepalive.isPingedTooOften(this.now)) {
      const { minClientPingIntervalMs } = this.host.limits;
      const message = `pings more often than every ${minClientPingIntervalMs} ms (minClientPingIntervalMs)`;
      this.host.offended({ address: this.address, kind: 'keepalive-pings', message });
      // The words that gRPC clients know, and ping less often for.
      throw new H2Error(ENHANCE_YOUR_CALM, 'too_many_pings');
    }
    this.#out.control(pingFrame(true, bytes, start));
  }

  onPong(bytes: Buffer, start: number): void {
    if (ENDING_PING.compare(bytes, start, start + 8) === 0) this.#ending?.noticed();
  }

  onWindowUpdate(streamId: number, increment: number): void {
    if (streamId === 0) {
      if (this.#out.sendWindow + increment > LARGEST_WINDOW_BYTES) {
        throw new H2Error(FLOW_CONTROL_ERROR, 'WINDOW_UPDATE over 2^31-1 on the connection (§6.9.1)');
      }
      this.#out.widen(increment);
      return;
    }
    this.#table.windowUpdate(streamId, increment);
  }

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
    if (this.inFlight === 0) this.#endProgressed();
  }

  over(stream: H2Stream, reset: boolean): void {
    this.#table.remove(stream, reset);
    if (this.#windingDown?.delete(stream) === true) this.answered();
    else this.#endProgressed();
  }

  #endProgressed(): void {
    if (this.ending) setImmediate(() => this.#ending?.progressed());
  }

  reset(stream: H2Stream, code: number): void {
    this.#table.reset(stream, code, false);
  }

  credit(streamId: number, bytes: number): void {
    this.#out.control(windowUpdateFrame(streamId, bytes));
  }

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
    this.#judgeUnread();
  }

  #judgeUnread(): void {
    const { maxUnreadBytesPerConnection: limit } = this.host.limits;
    if (this.unread > limit) {
      const text = `more than ${limit} bytes of answers that the peer does not read (maxUnreadBytesPerConnection)`;
      this.shutOut('unread-output', text);
    }
  }

  /** What is due goes out at the end of the turn. */
  wake(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    this.host.schedule(this);
  }

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
    this.#table.leaveAll(true);
    this.goAway(this.lastStreamId, error.code, error.message);
    this.#finishing = true;
    this.#theEnd().finishNow(LAST_WORDS_MS);
  }

  #theEnd(): Ending {
    this.#ending ??= new Ending(this);
    return this.#ending;
  }

  end(code: RpcStatus, message: string, graceMs: number): void {
    if (!this.#closed) this.#theEnd().begin(code, message, graceMs);
  }

  endStreams(code: RpcStatus, message: string): void {
    for (const stream of this.streams) {
      if (this.#windingDown?.has(stream) === true || stream.isCall) continue;
      if (stream.windDown(code, message)) {
        this.#windingDown = (this.#windingDown ?? new Set()).add(stream);
        this.inFlight += 1;
      } else {
        stream.end(code, message);
      }
    }
  }

  unsent(): number {
    return this.#out.unsent + this.#table.bufferedBytes();
  }

  goAway(lastStreamId: number, code: number, message: string): void {
    this.#sendSettings();
    // §6.8: it never grows.
    this.#saidLast = Math.min(this.#saidLast, lastStreamId);
    this.#out.farewell(goAwayFrame(this.#saidLast, code, message));
  }

  ask(): void {
    this.#out.farewell(pingFrame(false, ENDING_PING, 0));
  }

  sendPing(): void {
    this.#out.control(pingFrame(false, KEEPALIVE_PING, 0));
  }

  finish(): void {
    this.#finishing = true;
    this.wake();
  }

  /** The engine closes, and this with it. */
  close(): void {
    this.#table.leaveAll(false);
    this.destroy();
  }

  destroy(): void {
    this.#reader.stop();
    this.#socket.destroy();
  }

  /** Called now and then. */
  tick(now: number): void {
    if (this.#closed) return;
    this.now = now;
    this.#owedAnswers = this.#table.tick(now);
    this.#judgeUnread();
    this.#guard.rest(now);
    if (!this.#finishing) this.#keepalive.tick(now, this.#inbound.assemblingSince ?? now);
  }

  #socketClosed(): void {
    this.#closed = true;
    this.#reader.stop();
    this.#table.leaveAll(!this.ending);
    this.#ending?.closed();
    this.host.closed(this);
  }
}
