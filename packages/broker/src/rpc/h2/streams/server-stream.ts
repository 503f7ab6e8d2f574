import type { RpcStatus, ServerStream, ServerStreamMethod } from '../../engine.js';
import { STATUS_UNAVAILABLE } from '../../status.js';
import type { CallHead } from './call-head.js';
import type { StreamOwner } from './owner.js';
import { RequestStream } from './request-stream.js';

/** A server stream: one request, then messages until either side ends it. */
export class H2ServerStream extends RequestStream implements ServerStream {
  readonly #method: ServerStreamMethod;

  constructor(owner: StreamOwner, id: number, head: CallHead, method: ServerStreamMethod) {
    super(owner, id, head);
    this.#method = method;
  }

  refuse(code: RpcStatus, message: string): void {
    this.end(code, message);
  }

  protected begin(request: Uint8Array): void {
    if (this.owner.ending) {
      this.end(STATUS_UNAVAILABLE, 'the connection is being closed');
      return;
    }
    this.guard(() => this.#method.open(this, request));
    this.shrinkHeaders();
  }
}
