import type { BidiListener, BidiStream, BidiStreamMethod, RpcStatus } from '../../engine.js';
import { STATUS_INTERNAL, STATUS_UNAVAILABLE } from '../../status.js';
import { isOneMessage } from '../grpc/one-message.js';
import { PREFIX_BYTES } from '../shared-frames.js';
import type { CallHead } from './call-head.js';
import { GrpcStream } from './grpc-stream.js';
import type { StreamOwner } from './owner.js';

/** A stream on which both sides send; client streaming is one of these that is answered once. */
export class H2BidiStream extends GrpcStream implements BidiStream {
  declare listener: BidiListener | undefined;
  readonly #method: BidiStreamMethod;
  /** The owner has asked, and nothing has come yet. */
  #wanted = false;
  /** A message is on its way up: who asks meanwhile waits for the loop below. */
  #busy = false;
  #halfClosedTold = false;
  /** A message that is being inflated, or waits for that, in bytes. */
  #inflating = 0;
  /** Bytes that came, and bytes that the peer was allowed again. */
  #came = 0;
  #returned = 0;

  constructor(owner: StreamOwner, id: number, head: CallHead, method: BidiStreamMethod) {
    super(owner, id, head);
    this.#method = method;
    this.arriving = false;
  }

  open(): void {
    if (this.owner.ending) this.end(STATUS_UNAVAILABLE, 'the connection is being closed');
    else this.guard(() => this.#method.open(this));
    if (!this.over) this.shrinkHeaders();
  }

  read(): void {
    this.#wanted = true;
    if (!this.#busy) this.#pump();
  }

  data(bytes: Buffer, start: number, end: number, _endStream: boolean): void {
    if (this.ended) return;
    this.#came += end - start;
    if (this.#takesAtOnce(bytes, start, end)) {
      this.#busy = true;
      this.#hand(bytes.subarray(start + PREFIX_BYTES, end));
      this.#busy = false;
      if (this.remoteClosed) this.#pump();
      else this.#giveBack();
      return;
    }
    this.push(bytes, start, end);
    this.arriving = (this.reader?.held ?? 0) > 0;
    if (!this.#busy) this.#pump();
    if (!this.over && !this.ended) this.recount(this.#inflating);
  }

  /** A whole message for an owner who waits for it, with none before it: it need not go through the reader. */
  #takesAtOnce(bytes: Buffer, start: number, end: number): boolean {
    if (!this.#wanted || this.#busy || end - start > this.owner.host.maxMessageBytes) return false;
    return this.reader?.isEmpty !== false && isOneMessage(bytes, start, end);
  }

  halfClosed(): void {
    if (!this.#busy) this.#pump();
  }

  refuse(code: RpcStatus, message: string): void {
    this.end(code, message);
  }

  override windDown(code: RpcStatus, message: string): boolean {
    if (this.over || this.ended) return false;
    try {
      return this.listener?.ending(code, message) ?? false;
    } catch (error) {
      this.owner.host.fault(error);
      return false;
    }
  }

  /** A loop, and not a recursion: a chunk may hold ten thousand messages. */
  #pump(): void {
    this.#busy = true;
    while (this.#wanted && !this.over && !this.ended) {
      const message = this.next();
      if (this.over || this.ended) break;
      if (message === undefined) {
        if (this.remoteClosed) this.#endOfInput();
        break;
      }
      if (this.reader?.compressed === true) {
        this.#inflating = message.byteLength;
        if (!this.recount(this.#inflating)) break;
        this.inflate(message, (inflated) => {
          this.#inflating = 0;
          this.#hand(inflated);
          this.#pump();
        });
        // Until then it stays busy, so that messages keep their order.
        if (!this.ended) return;
        break;
      }
      this.#hand(message);
    }
    this.#busy = false;
    if (!this.over) this.recount(this.#inflating);
    this.#giveBack();
  }

  #hand(message: Uint8Array): void {
    this.#wanted = false;
    try {
      this.listener?.message(message);
    } catch (error) {
      this.refuseWith(error);
    }
  }

  #endOfInput(): void {
    if (this.#halfClosedTold) return;
    if ((this.reader?.held ?? 0) > 0) {
      this.refuse(STATUS_INTERNAL, 'the client ended its side in the middle of a message');
      return;
    }
    this.#halfClosedTold = true;
    this.#wanted = false;
    this.guard(() => this.listener?.halfClosed());
  }

  /** Whole messages that nobody has asked for hold the sender back; all else has been taken. */
  #giveBack(): void {
    const taken = this.#came - (this.reader?.waiting ?? 0) - this.#returned;
    if (taken <= 0) return;
    this.#returned += taken;
    this.taken(taken);
  }
}
