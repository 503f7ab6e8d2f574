import type { BidiListener, BidiStream, RpcStatus } from '../engine.js';
import { STATUS_INTERNAL } from '../status.js';
import { GrpcServerStream } from './server-stream.js';

/** A stream on grpc-js on which both sides send. `startRead` is set by whoever drives the call. */
export class GrpcBidiStream extends GrpcServerStream implements BidiStream {
  declare listener: BidiListener | undefined;
  /** Asks grpc-js for a message, which may come at once, from inside this call. */
  startRead: () => void = () => undefined;
  /** The owner has asked, and nothing has come yet. */
  private wanted = false;
  /** A message is on its way up, or is being asked for: who is asked meanwhile waits for the loop below. */
  private busy = false;

  read(): void {
    this.wanted = true;
    if (!this.busy) this.pump();
  }

  messageCame(message: Uint8Array): void {
    this.hand(() => this.listener?.message(message));
  }

  halfCloseCame(): void {
    this.hand(() => this.listener?.halfClosed());
  }

  override windDown(code: RpcStatus, message: string): boolean {
    if (this.over || this.ended) return false;
    try {
      return this.listener?.ending(code, message) ?? false;
    } catch (error) {
      this.host.fault(error);
      return false;
    }
  }

  /** A loop, and not a recursion: a chunk may hold ten thousand messages. */
  private pump(): void {
    this.busy = true;
    try {
      while (this.wanted && !this.over && !this.ended) {
        this.wanted = false;
        this.startRead();
      }
    } finally {
      this.busy = false;
    }
  }

  private hand(step: () => void): void {
    if (this.over || this.ended) return;
    const outer = this.busy;
    this.busy = true;
    try {
      step();
    } catch (error) {
      this.host.fault(error);
      this.end(STATUS_INTERNAL, 'internal error');
    } finally {
      this.busy = outer;
    }
    if (!outer && this.wanted) this.pump();
  }
}
