import { STATUS_DEADLINE_EXCEEDED, STATUS_INTERNAL, STATUS_RESOURCE_EXHAUSTED } from '../../status.js';
import { GrpcError } from '../grpc/grpc-error.js';
import { deflate, inflate } from '../grpc/inflate.js';
import { MessageReader } from '../grpc/message-reader.js';
import { GZIP_RESPONSE_HEAD, RESPONSE_HEAD } from '../grpc/response-head.js';
import type { FieldToSend } from '../hpack/encoder.js';
import type { CallHead } from './call-head.js';
import type { StreamOwner } from './owner.js';
import { H2Stream } from './stream.js';

/** A stream whose DATA is gRPC: messages with a length prefix, compressed or not. */
export abstract class GrpcStream extends H2Stream {
  readonly head: CallHead;
  protected reader: MessageReader | undefined = undefined;
  /** What of the engine's sum is this call's: its headers, and what the reader held when the sum was brought up to date. */
  #counted: number;

  constructor(owner: StreamOwner, id: number, head: CallHead) {
    super(owner, id, head.block);
    this.head = head;
    this.#counted = head.block.size;
    owner.host.arrivingBytes += this.#counted;
    if (head.contentLength !== undefined) this.lengthLeft = head.contentLength;
    // A client that compresses, and says that it takes compressed answers, gets them.
    if (head.encoding === 'gzip' && head.acceptsGzip) this.flag = 1;
  }

  /** Ends the call with a status, whatever it was about to do. */
  abstract refuse(code: number, message: string): void;

  override tick(now: number): void {
    super.tick(now);
    if (!this.arriving || this.over || this.ended) return;
    const { requestIdleMs } = this.owner.host.limits;
    if (now - this.heardAt < requestIdleMs) return;
    const text = `nothing more of the request came for ${requestIdleMs} ms (requestIdleMs)`;
    this.refuse(STATUS_DEADLINE_EXCEEDED, text);
  }

  override leave(byPeer: boolean): void {
    this.dropArriving();
    super.leave(byPeer);
  }

  /** Adds a payload to the messages under way; false: the call has been refused for it. */
  protected push(bytes: Buffer, start: number, end: number): boolean {
    const { host } = this.owner;
    this.reader ??= new MessageReader(host.maxMessageBytes);
    this.reader.push(bytes, start, end);
    const holds = this.head.block.size + this.reader.held;
    host.arrivingBytes += holds - this.#counted;
    this.#counted = holds;
    return this.reader.held === 0 || this.withinBudget();
  }

  /** False: too much is on its way in over all connections, and the call has been refused. */
  withinBudget(): boolean {
    const { host } = this.owner;
    if (host.arrivingBytes <= host.limits.maxArrivingBytes) return true;
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
    const { encoding } = this.head;
    if (encoding === 'identity') {
      this.refuse(STATUS_INTERNAL, 'a message is marked as compressed, and the call names no grpc-encoding');
      return;
    }
    const { maxInflatingMessages } = host.limits;
    if (host.inflating >= maxInflatingMessages) {
      const text = `${maxInflatingMessages} compressed messages are already on their way in: send uncompressed, or later`;
      this.refuse(STATUS_RESOURCE_EXHAUSTED, text);
      return;
    }
    host.inflating += 1;
    inflate(encoding, message, host.maxMessageBytes, (error, inflated) => {
      host.inflating -= 1;
      if (this.over || this.ended) return;
      if (inflated === undefined) this.refuseWith(error);
      else then(inflated);
    });
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

  /** The request is whole, or given up. */
  protected dropArriving(): void {
    this.owner.host.arrivingBytes -= this.#counted;
    this.#counted = 0;
    this.reader = undefined;
    this.arriving = false;
  }

  protected responseHead(): readonly FieldToSend[] {
    return this.flag === 0 ? RESPONSE_HEAD : GZIP_RESPONSE_HEAD;
  }

  protected compressed(message: Uint8Array): Uint8Array {
    return deflate(message);
  }
}
