import type { RpcStatus, UnaryCall, UnaryMethod } from '../../engine.js';
import { OK_TRAILERS, trailersOnly } from '../grpc/response-head.js';
import type { CallHead } from './call-head.js';
import type { StreamOwner } from './owner.js';
import { RequestStream } from './request-stream.js';

/** A unary call. */
export class UnaryStream extends RequestStream implements UnaryCall {
  readonly #method: UnaryMethod;
  #answered = false;

  constructor(owner: StreamOwner, id: number, head: CallHead, method: UnaryMethod) {
    super(owner, id, head);
    this.#method = method;
  }

  override get isCall(): boolean {
    return true;
  }

  reply(message: Uint8Array): void {
    if (this.#answered) return;
    this.#answer();
    const plain =
      message.byteLength === 0 && this.flag === 0 && this.remoteClosed && this.queue === undefined;
    if (plain && this.owner.replyEmpty(this)) {
      this.ended = true;
      this.leave(false);
      return;
    }
    this.write(message);
    this.finish(OK_TRAILERS);
  }

  fail(code: RpcStatus, message: string): void {
    if (this.#answered) return;
    this.#answer();
    this.finish(trailersOnly(code, message));
  }

  refuse(code: RpcStatus, message: string): void {
    this.fail(code, message);
  }

  override end(code: RpcStatus, message: string): void {
    this.fail(code, message);
  }

  override leave(byPeer: boolean): void {
    if (!this.#answered) this.#answer();
    super.leave(byPeer);
  }

  protected begin(request: Uint8Array): void {
    try {
      this.#method.handle(this, request);
    } catch (error) {
      this.refuseWith(error);
    }
  }

  #answer(): void {
    this.#answered = true;
    this.owner.answered();
  }
}
