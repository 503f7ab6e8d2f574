import type { BidiListener, BidiStream, BidiStreamMethod, RpcStatus } from '../engine.js';
import { STATUS_INTERNAL, STATUS_RESOURCE_EXHAUSTED } from '../status.js';
import type { Headers, InProcessContext } from './context.js';
import {
  InProcessServerStream,
  type InProcessStream,
  type InProcessStreamListener,
  type StreamOwner,
} from './stream.js';

/** What a client hears of a stream on which it sends too. */
export interface InProcessBidiListener extends InProcessStreamListener {
  /** There is room again after `writableBytes()` was zero or less. */
  writable(): void;
}

/** The client's side of a stream on which both sides send. */
export interface InProcessBidi extends InProcessStream {
  /** How many bytes may be written now; zero or less means: wait for `writable`. */
  writableBytes(): number;
  /** Sends one message. It must not change afterwards. */
  write(message: Uint8Array): void;
  /** Nothing more is sent; the broker ends the stream when it has answered. */
  halfClose(): void;
}

const NO_REQUEST = new Uint8Array(0);

/** What the client wrote waits here until the broker asks for it, bounded as the other way is. */
export class InProcessBidiStream extends InProcessServerStream implements BidiStream {
  declare listener: BidiListener | undefined;
  /** What the client holds. */
  readonly clientSide: InProcessBidi;
  private readonly hears: InProcessBidiListener;
  private inbox: Uint8Array[] = [];
  private taken = 0;
  private inboxBytes = 0;
  private wanted = false;
  private senderStarved = false;
  private halfClose: 'no' | 'waits' | 'told' = 'no';

  constructor(
    context: InProcessContext,
    owner: StreamOwner,
    method: BidiStreamMethod,
    requestHeaders: Headers,
    client: InProcessBidiListener,
  ) {
    super(
      context,
      owner,
      { kind: 'server-stream', open: () => method.open(this) },
      NO_REQUEST,
      requestHeaders,
      client,
    );
    this.hears = client;
    this.clientSide = {
      pause: () => this.pause(),
      resume: () => this.resume(),
      cancel: () => this.cancel(),
      writableBytes: () => this.room(),
      write: (message) => this.receive(message),
      halfClose: () => this.endOfInput(),
    };
  }

  read(): void {
    this.wanted = true;
    if (this.inbox.length > this.taken || this.halfClose === 'waits') this.schedule();
  }

  override windDown(code: RpcStatus, message: string): boolean {
    if (this.status !== undefined) return false;
    let own = false;
    this.guard(() => {
      own = this.listener?.ending(code, message) ?? false;
    });
    return own;
  }

  override run(): void {
    super.run();
    this.handOver();
    if (this.status !== undefined) {
      this.inbox = [];
      this.taken = 0;
      this.inboxBytes = 0;
    } else if (this.senderStarved && this.inboxBytes < this.context.streamBufferBytes) {
      this.senderStarved = false;
      this.guard(() => this.hears.writable());
    }
  }

  private room(): number {
    if (this.status !== undefined) return 0;
    const room = this.context.streamBufferBytes - this.inboxBytes;
    if (room <= 0) this.senderStarved = true;
    return room;
  }

  private receive(message: Uint8Array): void {
    if (this.status !== undefined || this.halfClose !== 'no') return;
    const limit = this.context.maxMessageBytes;
    if (message.byteLength > limit) {
      this.end(
        STATUS_RESOURCE_EXHAUSTED,
        `Received message larger than max (${message.byteLength} vs ${limit})`,
      );
      return;
    }
    this.inbox.push(message);
    this.inboxBytes += message.byteLength;
    if (this.wanted) this.schedule();
  }

  private endOfInput(): void {
    if (this.halfClose !== 'no') return;
    this.halfClose = 'waits';
    this.schedule();
  }

  private handOver(): void {
    while (this.wanted && this.status === undefined) {
      const message = this.inbox[this.taken];
      if (message === undefined) break;
      this.wanted = false;
      this.taken += 1;
      this.inboxBytes -= message.byteLength;
      this.above(() => this.listener?.message(message));
    }
    if (this.taken > 0) {
      this.inbox = this.inbox.slice(this.taken);
      this.taken = 0;
    }
    if (this.halfClose !== 'waits' || this.inbox.length > 0 || this.status !== undefined) return;
    this.halfClose = 'told';
    this.above(() => this.listener?.halfClosed());
  }

  private above(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.context.fault(error);
      this.end(STATUS_INTERNAL, 'internal error');
    }
  }
}
