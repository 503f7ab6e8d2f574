import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Metadata } from '@grpc/grpc-js';
import type { RpcPeer, RpcStatus, ServerStream, StreamListener } from '../engine.js';
import { statusText } from '../status.js';
import { type CallPort, isWritable } from './call-port.js';
import { FRAME_PREFIX_BYTES, type FrameCache } from './frames.js';
import { headerOf, metadataOf } from './metadata.js';
import type { Flushable, Outbox } from './outbox.js';

/** What a stream needs from the side that owns it. */
export interface StreamHost {
  readonly outbox: Outbox;
  /** High-water mark of one stream's unsent output, in bytes. */
  readonly streamBufferBytes: number;
  /** How long an ended stream may wait for its peer to read the rest before it is reset, in milliseconds. */
  readonly endLingerMs: number;
  /** Something above the seam threw. The engine goes on. */
  fault(error: unknown): void;
  /** Ends the connection of this stream, as far as the host can. */
  endConnection(stream: GrpcServerStream, message: string, graceMs: number): void;
}

/** A server stream on grpc-js, with its own byte budget and one write per turn. */
export class GrpcServerStream implements ServerStream, Flushable {
  readonly peer: RpcPeer;
  listener: StreamListener | undefined = undefined;
  private readonly port: CallPort;
  private readonly native: ServerHttp2Stream | undefined;
  private readonly metadata: Metadata;
  protected readonly host: StreamHost;
  private pending: Uint8Array[] = [];
  private pendingBytes = 0;
  /** Bytes given to `sendMessage` and not yet sent; unused where the HTTP/2 stream counts for itself. */
  private portBytes = 0;
  /** The owner saw a full buffer, and waits for `writable`. */
  private starved = false;
  protected ended = false;
  protected over = false;
  private linger: NodeJS.Timeout | undefined = undefined;

  constructor(
    port: CallPort,
    native: ServerHttp2Stream | undefined,
    peer: RpcPeer,
    metadata: Metadata,
    host: StreamHost,
  ) {
    this.port = port;
    this.native = native;
    this.peer = peer;
    this.metadata = metadata;
    this.host = host;
  }

  header(name: string): string | undefined {
    return headerOf(this.metadata, name);
  }

  sendHeaders(headers: Readonly<Record<string, string>>): void {
    if (!this.over && !this.ended) this.port.sendMetadata(metadataOf(headers));
  }

  /** Unsent output in bytes, gRPC prefixes included. */
  bufferedBytes(): number {
    return this.pendingBytes + (this.native === undefined ? this.portBytes : this.native.writableLength);
  }

  writableBytes(): number {
    if (this.over || this.ended) return 0;
    const room = this.host.streamBufferBytes - this.bufferedBytes();
    if (room <= 0) this.starved = true;
    return room;
  }

  write(message: Uint8Array): void {
    if (this.over || this.ended) return;
    this.pendingBytes += message.byteLength + FRAME_PREFIX_BYTES;
    if (this.pending.push(message) === 1) this.host.outbox.add(this);
  }

  flush(frames: FrameCache): void {
    if (this.pending.length === 0) return;
    const batch = this.pending;
    const bytes = this.pendingBytes;
    this.pending = [];
    this.pendingBytes = 0;
    if (this.over) return;
    if (this.native === undefined) {
      for (const message of batch) this.sendThroughPort(message);
    } else if (isWritable(this.native)) {
      this.native.write(frames.join(batch, bytes), this.afterWrite);
    }
  }

  end(code: RpcStatus, message: string): void {
    if (this.over || this.ended) return;
    this.host.outbox.flushNow(this);
    this.ended = true;
    this.port.sendStatus({ code, details: statusText(message) });
    // A peer that does not read holds the rest of its output, and the status, back: for so long and no longer.
    this.linger = setTimeout(
      () => this.native?.close(constants.NGHTTP2_INTERNAL_ERROR),
      this.host.endLingerMs,
    );
    this.linger.unref();
  }

  endConnection(code: RpcStatus, message: string, graceMs: number): void {
    this.end(code, message);
    this.host.endConnection(this, message, graceMs);
  }

  /** Its connection is about to end. True: its owner ends it soon. */
  windDown(_code: RpcStatus, _message: string): boolean {
    return false;
  }

  /** The call is over: trailers sent, reset, or connection gone. Whoever drives the call tells it. */
  callOver(endedHere: boolean): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.linger);
    this.pending = [];
    this.pendingBytes = 0;
    try {
      this.listener?.closed(!endedHere && !this.ended);
    } catch (error) {
      this.host.fault(error);
    }
  }

  private sendThroughPort(message: Uint8Array): void {
    const bytes = message.byteLength + FRAME_PREFIX_BYTES;
    this.portBytes += bytes;
    this.port.sendMessage(Buffer.from(message.buffer, message.byteOffset, message.byteLength), () => {
      this.portBytes -= bytes;
      this.afterWrite();
    });
  }

  private readonly afterWrite = (): void => {
    if (!this.starved || this.over || this.ended) return;
    if (this.host.streamBufferBytes - this.bufferedBytes() <= 0) return;
    this.starved = false;
    try {
      this.listener?.writable();
    } catch (error) {
      this.host.fault(error);
    }
  };
}
