import type { RpcPeer, RpcStatus, StreamListener } from '../../engine.js';
import { STATUS_DEADLINE_EXCEEDED, STATUS_UNAVAILABLE } from '../../status.js';
import type { Composer } from '../composer.js';
import type { Deadlined } from '../deadlines.js';
import { INTERNAL_ERROR, LARGEST_WINDOW_BYTES, NO_ERROR } from '../frames/constants.js';
import { endFrame, headersFrames, resetFrame } from '../frames/writer.js';
import { statusTrailers, trailersOnly } from '../grpc/response-head.js';
import type { FieldToSend, HpackEncoder } from '../hpack/encoder.js';
import type { HeaderBlock } from '../hpack/header-block.js';
import type { StreamOwner } from './owner.js';
import { type ConnectionWindow, SendQueue } from './send-queue.js';

/** What a stream may receive at once before it is taken. */
export const STREAM_WINDOW_BYTES = 256 * 1024;

/** What the header blocks and DATA of a connection's streams share. */
interface Encoding extends ConnectionWindow {
  readonly encoder: HpackEncoder;
}

/**
 * One stream: its state (RFC 9113 §5.1) as two flags, what the peer may still send, and what is owed to it: header block, messages,
 * trailers, in this order.
 */
export abstract class H2Stream implements Deadlined {
  readonly id: number;
  readonly owner: StreamOwner;
  /** The headers of the request, or what is still asked for of them. */
  block: HeaderBlock;
  /** The peer has ended its side (half-closed (remote)). */
  remoteClosed = false;
  /** The stream has left the connection; nothing of it counts any more. */
  over = false;
  /** What the peer may still send (§6.9.1), and what it was not given back yet. */
  receiveWindow = STREAM_WINDOW_BYTES;
  #uncredited = 0;
  /** When it was opened, and when something came for it last. */
  readonly openedAt: number;
  heardAt: number;
  /** It waits for the rest of a message. */
  arriving = true;
  /** What `content-length` said must still come; below zero: it said nothing. */
  lengthLeft = -1;
  /** What of the engine's sum are headers of this stream. */
  #headerBytes = 0;
  isDirty = false;
  isBlocked = false;

  deadlineAt = 0;
  deadlineSlot = -1;
  deadlineNext: Deadlined | undefined = undefined;
  deadlinePrevious: Deadlined | undefined = undefined;

  /** Set by the owner right after `open`; a unary call has none. */
  listener: StreamListener | undefined = undefined;
  protected queue: SendQueue | undefined = undefined;
  /** The header block that is due, the trailers that are. */
  #head: readonly FieldToSend[] | undefined = undefined;
  #trailers: readonly FieldToSend[] | undefined = undefined;
  #headSent = false;
  /** This side has ended the stream; what it is owed may still be on its way. */
  protected ended = false;
  #endedAt = 0;
  #byPeer = false;
  /** The owner saw a full buffer, and waits for `writable`. */
  #starved = false;
  /** 1: messages of this stream leave compressed. */
  protected flag = 0;

  constructor(owner: StreamOwner, id: number, block: HeaderBlock) {
    this.owner = owner;
    this.id = id;
    this.block = block;
    this.openedAt = owner.now;
    this.heardAt = owner.now;
    this.countHeaders(block);
  }

  get peer(): RpcPeer {
    return this.owner.peer;
  }

  header(name: string): string | undefined {
    return this.block.get(name);
  }

  /** A call that is answered once: who ends the connection waits for it. */
  get isCall(): boolean {
    return false;
  }

  /** The payload of a DATA frame, which the windows have been charged for. */
  abstract data(bytes: Buffer, start: number, end: number, endStream: boolean): void;

  /** The peer has ended its side without data: an empty DATA frame or trailers. */
  abstract halfClosed(): void;

  /** Unsent output in bytes, gRPC prefixes included. */
  bufferedBytes(): number {
    return this.queue?.bytes ?? 0;
  }

  /** What the peer takes on this stream (§6.9.2: a change of its settings counts from the first byte). */
  get sendWindow(): number {
    return this.queue?.window ?? this.owner.initialSendWindow;
  }

  /** The peer takes more (§6.9), or less (§6.9.2). */
  widen(bytes: number): void {
    this.sendQueue().window += bytes;
    if (this.isBlocked && this.sendWindow > 0) this.touch();
  }

  /** The peer changed the window that streams begin with (§6.9.2). False: that is too much. */
  initialWindowChanged(bytes: number): boolean {
    const { queue } = this;
    if (queue === undefined) return true;
    queue.window += bytes;
    if (queue.window > LARGEST_WINDOW_BYTES) return false;
    if (this.isBlocked && queue.window > 0) this.touch();
    return true;
  }

  sendHeaders(headers: Readonly<Record<string, string>>): void {
    if (this.over || this.ended) return;
    const fields = Object.entries(headers).map(([name, value]) => ({ name, value }));
    this.sendHead([...this.responseHead(), ...fields]);
  }

  writableBytes(): number {
    if (this.over || this.ended) return 0;
    const room = this.owner.host.streamBufferBytes - this.bufferedBytes();
    if (room <= 0) this.#starved = true;
    return room;
  }

  write(message: Uint8Array): void {
    if (this.over || this.ended) return;
    if (!this.#headSent && this.#head === undefined) this.#head = this.responseHead();
    (this.queue ?? this.sendQueue()).push(this.flag === 0 ? message : this.compressed(message));
    if (this.isBlocked) this.settle();
    else if (!this.isDirty) this.owner.dirty(this);
  }

  /** What waits here may be small parts of large chunks, which it must not keep alive. */
  settle(): void {
    this.queue?.settle();
  }

  end(code: RpcStatus, message: string): void {
    if (this.over || this.ended) return;
    const begun = this.#headSent || this.#head !== undefined;
    this.finish(begun ? statusTrailers(code, message) : trailersOnly(code, message));
  }

  endConnection(code: RpcStatus, message: string, graceMs: number): void {
    this.end(code, message);
    // The other streams did nothing wrong: their clients try again elsewhere.
    this.owner.end(STATUS_UNAVAILABLE, message, graceMs);
  }

  /** Its connection is about to end. True: its owner ends it soon. */
  windDown(_code: RpcStatus, _message: string): boolean {
    return false;
  }

  expired(): void {
    if (this.over || this.ended) return;
    this.#byPeer = true;
    this.end(STATUS_DEADLINE_EXCEEDED, 'the deadline of the call has passed');
  }

  /** Called now and then. */
  tick(now: number): void {
    const { endLingerMs } = this.owner.host;
    if (this.ended && !this.over && now - this.#endedAt >= endLingerMs) {
      // The peer does not read: what it is owed, status included, is held back no longer.
      this.owner.reset(this, INTERNAL_ERROR);
    }
  }

  /** Puts what is due into the connection's write; what the windows hold back waits. */
  compose(out: Composer, connection: Encoding): void {
    this.isDirty = false;
    if (this.over) return;
    const { owner, queue } = this;
    if (this.#head !== undefined) {
      out.add(headersFrames(this.id, connection.encoder.encode(this.#head), false));
      this.#head = undefined;
      this.#headSent = true;
    }
    this.isBlocked = queue !== undefined && !queue.compose(out, owner.host.shared, connection, this.id);
    const trailers = this.#trailers;
    if (this.isBlocked || trailers === undefined) return;
    if (trailers.length === 0) out.add(endFrame(this.id));
    else out.add(headersFrames(this.id, connection.encoder.encode(trailers), true));
    // The peer need not send the rest (§8.1).
    if (!this.remoteClosed) out.add(resetFrame(this.id, NO_ERROR));
    owner.over(this, !this.remoteClosed);
    this.leave(this.#byPeer);
  }

  /** After a write: whoever waits for room hears of it. */
  afterWrite(): void {
    if (!this.#starved || this.over || this.ended) return;
    if (this.owner.host.streamBufferBytes - this.bufferedBytes() <= 0) return;
    this.#starved = false;
    try {
      this.listener?.writable();
    } catch (error) {
      this.owner.host.fault(error);
    }
  }

  get wantsRoom(): boolean {
    return this.#starved;
  }

  /** The stream is over: sent to its end, reset by either side, or gone with its connection. */
  leave(byPeer: boolean): void {
    if (this.over) return;
    this.over = true;
    this.queue?.clear();
    this.owner.host.deadlines.remove(this);
    this.arrives(-this.#headerBytes);
    try {
      this.listener?.closed(byPeer && (this.#byPeer || !this.ended));
    } catch (error) {
      this.owner.host.fault(error);
    }
  }

  /** The peer may send again what has been taken: told in halves of the window, not with each frame. */
  taken(bytes: number): void {
    this.#uncredited += bytes;
    if (this.#uncredited < STREAM_WINDOW_BYTES / 2 || this.remoteClosed || this.over) return;
    this.owner.credit(this.id, this.#uncredited);
    this.receiveWindow += this.#uncredited;
    this.#uncredited = 0;
  }

  /** What a block holds counts, and not what a bomb would have been: fields over the limit were dropped. */
  protected countHeaders(block: HeaderBlock): void {
    const bytes = Math.min(block.size, this.owner.host.limits.maxHeaderListBytes);
    this.arrives(bytes - this.#headerBytes);
    this.#headerBytes = bytes;
  }

  /** Adds to what has come and was not handed over, of this connection and of all. */
  protected arrives(bytes: number): void {
    this.owner.arrivingBytes += bytes;
    this.owner.host.arrivingBytes += bytes;
  }

  protected touch(): void {
    if (!this.isDirty && !this.over) this.owner.dirty(this);
  }

  protected sendHead(fields: readonly FieldToSend[]): void {
    if (this.#headSent) return;
    this.#head = fields;
    this.touch();
  }

  /** Trailers, or a block that is the whole answer, after what is queued; none: the last DATA frame ends the stream. */
  protected finish(trailers: readonly FieldToSend[]): void {
    this.ended = true;
    this.#endedAt = this.owner.now;
    this.arriving = false;
    this.#trailers = trailers;
    this.touch();
  }

  protected sendQueue(): SendQueue {
    this.queue ??= new SendQueue(this.owner.initialSendWindow, this.flag);
    return this.queue;
  }

  protected abstract responseHead(): readonly FieldToSend[];
  protected abstract compressed(message: Uint8Array): Uint8Array;
}
