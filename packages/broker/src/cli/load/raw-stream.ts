/** Compressed flag and length before each gRPC message. */
export const GRPC_PREFIX = 5;

/** Who waits for what comes back on a stream. The bytes of a message are borrowed: they are valid only during the call. */
export interface RawStreamListener {
  opened?(stream: RawStream): void;
  message?(stream: RawStream, bytes: Buffer, start: number, end: number): void;
  closed(stream: RawStream, status: number, message: string): void;
}

/** One call: a unary one, or a subscription. */
export class RawStream {
  #partial: Buffer | undefined;
  readonly id: number;
  readonly listener: RawStreamListener;
  /** A number for the owner: when the call began. */
  readonly startedAt: number;
  sendWindow: number;
  received = 0;
  opened = false;
  httpStatus = '';
  grpcStatus = '';
  grpcMessage = '';

  constructor(id: number, listener: RawStreamListener, startedAt: number, sendWindow: number) {
    this.id = id;
    this.listener = listener;
    this.startedAt = startedAt;
    this.sendWindow = sendWindow;
  }

  /** Cuts DATA into gRPC messages; what is incomplete is kept for the next frame. */
  cut(bytes: Buffer, start: number, end: number): void {
    if (this.#partial !== undefined) {
      bytes = Buffer.concat([this.#partial, bytes.subarray(start, end)]);
      this.#partial = undefined;
      start = 0;
      end = bytes.length;
    }
    while (end - start >= GRPC_PREFIX) {
      const length = bytes.readUInt32BE(start + 1);
      if (end - start - GRPC_PREFIX < length) break;
      this.listener.message?.(this, bytes, start + GRPC_PREFIX, start + GRPC_PREFIX + length);
      start += GRPC_PREFIX + length;
    }
    if (start < end) this.#partial = Buffer.from(bytes.subarray(start, end));
  }
}
