import type { Socket } from 'node:net';
import type { Composer } from './composer.js';
import { DEFAULT_WINDOW_BYTES } from './frames/constants.js';
import { HpackEncoder } from './hpack/encoder.js';
import { ReplyTemplate } from './reply-template.js';
import { PREFIX_BYTES } from './shared-frames.js';
import type { ConnectionWindow } from './streams/send-queue.js';
import type { H2Stream } from './streams/stream.js';

/** One write of a connection ends soon after so many bytes; the rest follows in the next turn. */
const FLUSH_BYTES = 512 * 1024;

/** What lists are while nothing is in them: most connections are idle, and have many lists. Nobody adds to these. */
const NO_STREAMS: H2Stream[] = [];
const NO_FRAMES: Buffer[] = [];
const NO_REPLIES: number[] = [];

/** The connection, as what it is owed sees it. */
interface OutboundOwner {
  /** Asks for a `flush` at the end of the turn. */
  wake(): void;
}

/**
 * What one connection is owed: control frames, answers, streams with something to send. It leaves in one write at the end of a turn, or
 * when the socket can take more (RFC 9113 §5.2 holds the streams back by their windows and this one).
 */
export class Outbound implements ConnectionWindow {
  /** What the peer takes on the connection (§6.9.1). */
  sendWindow = DEFAULT_WINDOW_BYTES;
  readonly encoder = new HpackEncoder(4_096);
  readonly #socket: Socket;
  readonly #composer: Composer;
  readonly #owner: OutboundOwner;
  #template: ReplyTemplate | undefined = undefined;
  /** Frames that go out first, and those that go out last: GOAWAY follows the answers before it. */
  #control = NO_FRAMES;
  #farewell = NO_FRAMES;
  /** Streams whose answer is OK with an empty message. */
  #replies = NO_REPLIES;
  #dirty = NO_STREAMS;
  /** Streams that a window holds back. */
  #blocked: Set<H2Stream> | undefined = undefined;
  /** The socket has more than it can take, and will say `drain`. */
  #congested = false;
  /** Answers and control frames that were added since, in bytes. */
  #behind = 0;
  /** Streams that the present flush sends something of. */
  #progressed = 0;
  /** The window of the connection has grown: those that it held back may go on. */
  #widened = false;

  constructor(socket: Socket, composer: Composer, owner: OutboundOwner) {
    this.#socket = socket;
    this.#composer = composer;
    this.#owner = owner;
  }

  /** Bytes that the socket has not taken. */
  get unsent(): number {
    return this.#socket.writableLength;
  }

  /** Answers and control frames that went into the socket's buffer while the peer took nothing, in bytes. */
  get behind(): number {
    // A peer on a slow line reads all the time, and its socket may never be empty.
    this.#behind = Math.min(this.#behind, this.#socket.writableLength);
    return this.#behind;
  }

  get owesReplies(): boolean {
    return this.#replies.length > 0;
  }

  control(frame: Buffer): void {
    this.#control = withOne(this.#control, frame);
    this.#owner.wake();
  }

  farewell(frame: Buffer): void {
    this.#farewell = withOne(this.#farewell, frame);
    this.#owner.wake();
  }

  /** Answers a stream OK with the empty message; the caller has seen that the window has room. */
  reply(streamId: number): void {
    this.sendWindow -= PREFIX_BYTES;
    if (this.#replies === NO_REPLIES) this.#replies = [streamId];
    else this.#replies.push(streamId);
    this.#owner.wake();
  }

  /** The peer has reset the stream: an answer that has not left stays here (§6.4). */
  takeBack(streamId: number): void {
    const at = this.#replies.indexOf(streamId);
    if (at < 0) return;
    this.#replies.splice(at, 1);
    this.sendWindow += PREFIX_BYTES;
  }

  dirty(stream: H2Stream): void {
    if (stream.isDirty) return;
    stream.isDirty = true;
    this.#due(stream);
    this.#owner.wake();
  }

  /** The window of the connection has grown. */
  widen(bytes: number): void {
    this.sendWindow += bytes;
    if (this.#blocked === undefined || this.#blocked.size === 0) return;
    this.#widened = true;
    this.#owner.wake();
  }

  forget(stream: H2Stream): void {
    this.#blocked?.delete(stream);
  }

  /** Writes what is due; returns how many answers and streams had something in it. */
  flush(): number {
    try {
      return this.#flush();
    } catch (error) {
      // Nothing of it may go to the next connection.
      this.#composer.drop();
      throw error;
    }
  }

  #flush(): number {
    const out = this.#composer;
    // First: the peer must see its SETTINGS acknowledged before a header block that goes by them.
    this.#control = addAll(out, this.#control);
    const replies = this.#composeReplies();
    if (this.#congested) this.#behind = this.behind + out.bytes;
    this.#progressed = 0;
    let streams: readonly H2Stream[] = NO_STREAMS;
    if (!this.#congested) streams = this.#composeStreams();
    else for (const stream of this.#dirty) stream.settle();
    this.#farewell = addAll(out, this.#farewell);
    if (out.bytes > 0 && !out.send(this.#socket)) this.#congested = true;
    for (const stream of streams) if (stream.wantsRoom) stream.afterWrite();
    return replies + this.#progressed;
  }

  #composeReplies(): number {
    const replies = this.#replies;
    const count = replies.length;
    if (count === 0) return 0;
    const out = this.#composer;
    this.#template ??= new ReplyTemplate();
    const template = this.#template;
    for (const streamId of replies) {
      const bytes = template.bytes(this.encoder);
      const at = out.reserve(bytes.length);
      out.scratch.set(bytes, at);
      template.address(out.scratch, at, streamId);
    }
    replies.length = 0;
    return count;
  }

  /** Those that waited for the connection's window longest first, then those that have something new. Returns all that had a turn. */
  #composeStreams(): readonly H2Stream[] {
    const out = this.#composer;
    const served = this.#widened ? this.#composeBlocked() : NO_STREAMS;
    const due = this.#dirty;
    if (due.length === 0) return served;
    this.#dirty = NO_STREAMS;
    for (let index = 0; index < due.length; index++) {
      const stream = due[index];
      if (stream === undefined) continue;
      if (out.bytes > FLUSH_BYTES) {
        this.#dirty = due.splice(index).concat(this.#dirty);
        this.#owner.wake();
        break;
      }
      // Its turn is over, and the next comes after that of the others.
      if (this.#composeOne(stream)) due.push(stream);
    }
    return served.length === 0 ? due : served.concat(due);
  }

  #composeBlocked(): H2Stream[] {
    this.#widened = false;
    const served: H2Stream[] = [];
    for (const stream of this.#blocked ?? NO_STREAMS) {
      if (this.sendWindow <= 0) break;
      if (this.#composer.bytes > FLUSH_BYTES) {
        this.#widened = true;
        this.#owner.wake();
        break;
      }
      this.#blocked?.delete(stream);
      served.push(stream);
      if (this.#composeOne(stream)) this.#due(stream);
    }
    return served;
  }

  /** True: it has more to send, and the windows have room. */
  #composeOne(stream: H2Stream): boolean {
    const before = this.#composer.bytes;
    stream.compose(this.#composer, this);
    if (this.#composer.bytes > before) this.#progressed += 1;
    // What the stream's own window holds back comes back with that.
    if (!stream.isBlocked || stream.over || stream.sendWindow <= 0) return false;
    stream.isDirty = this.sendWindow > 0;
    if (!stream.isDirty) {
      this.#blocked ??= new Set();
      this.#blocked.add(stream);
    }
    return stream.isDirty;
  }

  #due(stream: H2Stream): void {
    if (this.#dirty === NO_STREAMS) this.#dirty = [stream];
    else this.#dirty.push(stream);
  }

  /** The socket can take more. */
  drained(): void {
    this.#congested = false;
    this.#behind = 0;
    this.#owner.wake();
  }
}

function withOne(frames: Buffer[], frame: Buffer): Buffer[] {
  if (frames === NO_FRAMES) return [frame];
  frames.push(frame);
  return frames;
}

/** Adds frames to what goes out, and gives back the list that the next go into. */
function addAll(out: Composer, frames: Buffer[]): Buffer[] {
  if (frames.length === 0) return frames;
  for (const frame of frames) out.add(frame);
  return NO_FRAMES;
}
