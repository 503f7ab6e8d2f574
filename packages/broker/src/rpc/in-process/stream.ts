import type { RpcPeer, RpcStatus, ServerStream, ServerStreamMethod, StreamListener } from '../engine.js';
import { STATUS_CANCELLED, STATUS_INTERNAL } from '../status.js';
import type { Headers, InProcessContext } from './context.js';
import type { Task } from './turn-queue.js';

/** What a client hears of its stream. Always called at the end of a turn, never from inside a call of its own. */
export interface InProcessStreamListener {
  /** The response headers, before any message. */
  headers(headers: Headers): void;
  /** One message. The bytes are shared with other streams: read them, do not change them. */
  message(message: Uint8Array): void;
  /** The stream is over, with its status. Called exactly once, and last. */
  ended(code: RpcStatus, message: string): void;
}

/** The client's side of a stream. */
export interface InProcessStream {
  /** Stops messages; the broker sees a full buffer once `streamBufferBytes` are waiting. */
  pause(): void;
  resume(): void;
  /** Ends the stream from the client's side; `ended` follows with CANCELLED, and nothing between. */
  cancel(): void;
}

/** What a stream's connection does for it. */
export interface StreamOwner {
  readonly peer: RpcPeer;
  streamOver(stream: InProcessServerStream): void;
  end(code: RpcStatus, message: string): void;
}

/**
 * One stream as both sides see it. Messages wait in a queue bounded in bytes and are handed over at the end of the turn,
 * without a promise or a closure for any of them.
 */
export class InProcessServerStream implements ServerStream, InProcessStream, Task {
  readonly peer: RpcPeer;
  listener: StreamListener | undefined = undefined;
  protected readonly context: InProcessContext;
  private readonly owner: StreamOwner;
  private readonly requestHeaders: Headers;
  private readonly client: InProcessStreamListener;
  private readonly method: ServerStreamMethod;
  private request: Uint8Array | undefined;
  private responseHeaders: Headers | undefined = undefined;
  private queue: Uint8Array[] = [];
  private queuedBytes = 0;
  private paused = false;
  private starved = false;
  private scheduled = false;
  /** Set once the end is known; it is told when the messages before it have been taken. */
  protected status: { readonly code: RpcStatus; readonly message: string } | undefined = undefined;
  private byPeer = false;
  private ownerTold = false;
  private dropped = false;
  private over = false;

  constructor(
    context: InProcessContext,
    owner: StreamOwner,
    method: ServerStreamMethod,
    request: Uint8Array,
    requestHeaders: Headers,
    client: InProcessStreamListener,
  ) {
    this.context = context;
    this.owner = owner;
    this.peer = owner.peer;
    this.method = method;
    this.request = request;
    this.requestHeaders = requestHeaders;
    this.client = client;
    this.schedule();
  }

  header(name: string): string | undefined {
    return this.requestHeaders[name];
  }

  sendHeaders(headers: Headers): void {
    if (this.status !== undefined) return;
    this.responseHeaders = headers;
    this.schedule();
  }

  bufferedBytes(): number {
    return this.queuedBytes;
  }

  writableBytes(): number {
    if (this.status !== undefined) return 0;
    const room = this.context.streamBufferBytes - this.queuedBytes;
    if (room <= 0) this.starved = true;
    return room;
  }

  write(message: Uint8Array): void {
    if (this.status !== undefined) return;
    this.queue.push(message);
    this.queuedBytes += message.byteLength;
    if (!this.paused) this.schedule();
  }

  end(code: RpcStatus, message: string): void {
    if (this.status !== undefined) return;
    this.status = { code, message };
    this.schedule();
  }

  endConnection(code: RpcStatus, message: string, _graceMs: number): void {
    this.evict(code, message);
    this.owner.end(code, message);
  }

  /** Ends the stream; what a paused client has not taken is dropped, so that nobody waits for it. */
  evict(code: RpcStatus, message: string): void {
    this.end(code, message);
    if (this.paused) this.drop();
    this.paused = false;
    this.schedule();
  }

  /** Its connection is about to end. True: its owner ends it soon. */
  windDown(_code: RpcStatus, _message: string): boolean {
    return false;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.schedule();
  }

  cancel(): void {
    if (this.status === undefined) {
      this.byPeer = true;
      this.status = { code: STATUS_CANCELLED, message: 'cancelled by the client' };
    }
    this.drop();
    this.paused = false;
    this.schedule();
  }

  /** At the end of a turn: opens the stream, hands over what waits, or tells of the end. */
  run(): void {
    this.scheduled = false;
    if (this.over) return;
    if (this.request !== undefined) this.open(this.request);
    this.tellOwner();
    try {
      this.deliver();
    } catch (error) {
      this.context.fault(error);
      this.byPeer = true;
      this.status = { code: STATUS_INTERNAL, message: 'the listener of this stream threw' };
      this.drop();
      this.tellOwner();
    }
    this.finishOrGoOn();
  }

  private open(request: Uint8Array): void {
    this.request = undefined;
    if (this.status !== undefined) {
      // It ended before the method heard of it.
      this.ownerTold = true;
      return;
    }
    try {
      this.method.open(this, request);
    } catch (error) {
      this.context.fault(error);
      this.end(STATUS_INTERNAL, 'internal error');
    }
  }

  private deliver(): void {
    const headers = this.responseHeaders;
    if (headers !== undefined) {
      this.responseHeaders = undefined;
      this.client.headers(headers);
    }
    if (this.queue.length === 0) return;
    const batch = this.queue;
    this.queue = [];
    for (const [index, message] of batch.entries()) {
      if (this.paused) {
        this.queue = batch.slice(index).concat(this.queue);
        return;
      }
      this.queuedBytes -= message.byteLength;
      this.client.message(message);
      // The end came in the middle, and the rest of the batch goes with the queue.
      if (this.dropped) return;
    }
  }

  private finishOrGoOn(): void {
    if (this.status !== undefined && this.queue.length === 0) {
      this.finish(this.status.code, this.status.message);
    } else if (this.starved && this.context.streamBufferBytes > this.queuedBytes) {
      this.starved = false;
      this.guard(() => this.listener?.writable());
    }
    if (this.queue.length > 0 && !this.paused) this.schedule();
  }

  private finish(code: RpcStatus, message: string): void {
    this.tellOwner();
    this.over = true;
    this.owner.streamOver(this);
    this.guard(() => this.client.ended(code, message));
  }

  private tellOwner(): void {
    if (this.status === undefined || this.ownerTold) return;
    this.ownerTold = true;
    this.guard(() => this.listener?.closed(this.byPeer));
  }

  private drop(): void {
    this.dropped = true;
    this.queue = [];
    this.queuedBytes = 0;
  }

  protected schedule(): void {
    if (this.scheduled || this.over) return;
    this.scheduled = true;
    this.context.turn.add(this);
  }

  protected guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.context.fault(error);
    }
  }
}
