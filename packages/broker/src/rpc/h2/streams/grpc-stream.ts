import { STATUS_DEADLINE_EXCEEDED, STATUS_INTERNAL, STATUS_RESOURCE_EXHAUSTED } from '../../status.js';
import { compressedFor } from '../grpc/deflated.js';
import { GrpcError } from '../grpc/grpc-error.js';
import type { Inflated } from '../grpc/inflate.js';
import { MessageReader } from '../grpc/message-reader.js';
import type { Encoding } from '../grpc/request-head.js';
import { GZIP_RESPONSE_HEAD, RESPONSE_HEAD } from '../grpc/response-head.js';
import type { FieldToSend } from '../hpack/encoder.js';
import { HeaderBlock } from '../hpack/header-block.js';
import type { CallHead } from './call-head.js';
import type { StreamOwner } from './owner.js';
import { H2Stream } from './stream.js';

/** A connection that holds less than this part of `maxArrivingBytes` is refused only once there is twice as much. */
const FAIR_PARTS = 16;
/** Up to here the one header that stays is not worth a block of its own beside one that streams share. */
const LARGE_HEADERS_BYTES = 2_048;
const NO_HEADERS = new HeaderBlock([], [], 0, false);

/** A stream whose DATA is gRPC: messages with a length prefix, compressed or not. */
export abstract class GrpcStream extends H2Stream {
  readonly #encoding: Encoding;
  protected reader: MessageReader | undefined = undefined;
  /** What of the engine's sum are messages of this call. */
  #counted = 0;

  constructor(owner: StreamOwner, id: number, head: CallHead) {
    super(owner, id, head.block);
    this.#encoding = head.encoding;
    if (head.contentLength !== undefined) this.lengthLeft = head.contentLength;
    // A client that compresses, and says that it takes compressed answers, gets them.
    if (head.encoding === 'gzip' && head.acceptsGzip) this.flag = 1;
  }

  /** Ends the call with a status, whatever it was about to do. */
  abstract refuse(code: number, message: string): void;

  override tick(now: number): void {
    super.tick(now);
    if (!this.arriving || this.over || this.ended) return;
    if ((this.reader?.waiting ?? 0) > 0 || this.receiveWindow <= 0) {
      // It is this side that holds the peer back.
      this.heardAt = now;
      return;
    }
    const { requestIdleMs } = this.owner.host.limits;
    if (now - this.heardAt < requestIdleMs) return;
    const text = `nothing more of the request came for ${requestIdleMs} ms (requestIdleMs)`;
    this.refuse(STATUS_DEADLINE_EXCEEDED, text);
  }

  override leave(byPeer: boolean): void {
    this.dropArriving();
    super.leave(byPeer);
  }

  /** Adds a payload to the messages under way. */
  protected push(bytes: Buffer, start: number, end: number): void {
    this.reader ??= new MessageReader(this.owner.host.maxMessageBytes);
    this.reader.push(bytes, start, end);
  }

  /** Brings the engine's sum up to date. False: too much is there, and the call has been refused for it. */
  protected recount(taken = 0): boolean {
    const holds = (this.reader === undefined ? 0 : this.reader.held + this.reader.waiting) + taken;
    if (holds === this.#counted) return true;
    const more = holds > this.#counted;
    this.arrives(holds - this.#counted);
    this.#counted = holds;
    return !more || this.withinBudget();
  }

  /** False: too much is on its way in over all connections, a good part of it on this one, and the call has been refused. */
  withinBudget(): boolean {
    const { arrivingBytes, host } = this.owner;
    const { maxArrivingBytes } = host.limits;
    // Whoever holds little does not pay for those who hold much, who are shut out soon, unless there is no end to it.
    const isFair =
      arrivingBytes <= maxArrivingBytes / FAIR_PARTS && host.arrivingBytes <= 2 * maxArrivingBytes;
    if (host.arrivingBytes <= maxArrivingBytes || isFair) return true;
    const text = 'too many requests are on their way in at once (maxArrivingBytes): try again later';
    this.refuse(STATUS_RESOURCE_EXHAUSTED, text);
    return false;
  }

  /** The next whole message; undefined: none is there, or the call has been refused. */
  protected next(): Uint8Array | undefined {
    try {
      return this.reader?.next();
    } catch (error) {
      this.refuseWith(error);
      return undefined;
    }
  }

  /** Inflates off this thread and hands over what came out, unless the call is over by then. */
  protected inflate(message: Uint8Array, then: (message: Uint8Array) => void): void {
    const { host } = this.owner;
    const encoding = this.#encoding;
    if (encoding === 'identity') {
      this.refuse(STATUS_INTERNAL, 'a message is marked as compressed, and the call names no grpc-encoding');
      return;
    }
    const { maxMessageBytes: maxBytes } = host;
    const wanted = (): boolean => !this.over && !this.ended;
    const done: Inflated = (error, inflated) => {
      if (this.over || this.ended) return;
      if (inflated === undefined) this.refuseWith(error);
      else then(inflated);
    };
    host.inflater.add(this.owner.peer, { encoding, bytes: message, maxBytes, wanted, done });
  }

  /** Runs code above the seam. What it throws ends the call. */
  protected guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.refuseWith(error);
    }
  }

  protected refuseWith(error: unknown): void {
    if (error instanceof GrpcError) {
      this.refuse(error.code, error.message);
      return;
    }
    this.owner.host.fault(error);
    this.refuse(STATUS_INTERNAL, 'internal error');
  }

  /** The stream has begun, and may live long: of its headers only the one that is asked for again stays. */
  protected shrinkHeaders(): void {
    const { block } = this;
    const authorization = block.get('authorization');
    if (authorization === undefined) this.block = NO_HEADERS;
    else if (block.size <= LARGE_HEADERS_BYTES) return;
    else this.block = new HeaderBlock(['authorization'], [authorization], authorization.length + 64, false);
    this.countHeaders(this.block);
  }

  /** The request is whole, or given up. */
  protected dropArriving(): void {
    this.arrives(-this.#counted);
    this.#counted = 0;
    this.reader = undefined;
    this.arriving = false;
  }

  protected responseHead(): readonly FieldToSend[] {
    return this.flag === 0 ? RESPONSE_HEAD : GZIP_RESPONSE_HEAD;
  }

  protected compressed(message: Uint8Array): Uint8Array {
    return compressedFor(message);
  }
}
