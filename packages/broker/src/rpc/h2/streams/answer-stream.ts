import type { RpcStatus } from '../../engine.js';
import { httpHead, trailersOnly } from '../grpc/response-head.js';
import type { FieldToSend } from '../hpack/encoder.js';
import type { HeaderBlock } from '../hpack/header-block.js';
import type { StreamOwner } from './owner.js';
import { H2Stream } from './stream.js';

/** What is answered. */
export interface Refusal {
  /** 200: a gRPC error that is nothing but its trailers. */
  readonly httpStatus: number;
  readonly grpcStatus: RpcStatus;
  readonly message: string;
  readonly extra: readonly FieldToSend[];
  /** What the request says about its body. */
  readonly contentLength: number | undefined;
}

/**
 * The answer to a request that is no call of ours: a gRPC status, or an HTTP error with a line of text. One that no gRPC
 * client sends, or that says how long its body is, is answered once it is whole, and dropped unread: so it can still turn out to be malformed
 * (RFC 9113 §8.1.1).
 */
export class AnswerStream extends H2Stream {
  readonly #refusal: Refusal;

  constructor(owner: StreamOwner, id: number, block: HeaderBlock, refusal: Refusal) {
    super(owner, id, block);
    this.#refusal = refusal;
    this.lengthLeft = refusal.contentLength ?? -1;
    this.arriving = refusal.httpStatus !== 200 || this.lengthLeft > 0;
  }

  /** Answers, unless a body is still to come. */
  begin(): void {
    if (!this.arriving || this.remoteClosed) this.#answer();
  }

  override tick(now: number): void {
    super.tick(now);
    if (!this.arriving || this.over) return;
    const { requestIdleMs, requestTimeoutMs } = this.owner.host.limits;
    if (now - this.heardAt >= requestIdleMs || now - this.openedAt >= requestTimeoutMs) this.#answer();
  }

  override get isCall(): boolean {
    return true;
  }

  data(_bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.taken(end - start);
    if (endStream) this.halfClosed();
  }

  halfClosed(): void {
    this.#answer();
  }

  #answer(): void {
    if (this.ended) return;
    const { extra, grpcStatus, httpStatus, message } = this.#refusal;
    if (httpStatus === 200) {
      this.finish([...trailersOnly(grpcStatus, message), ...extra]);
      return;
    }
    const body = Buffer.from(`${message}\n`, 'utf8');
    const head = httpHead(httpStatus, body.length, extra);
    if (this.header(':method') === 'HEAD') {
      // RFC 9110 §9.3.2: the head alone.
      this.finish(head);
      return;
    }
    this.sendHead(head);
    this.sendQueue().pushRaw(body);
    this.finish([]);
  }

  protected responseHead(): readonly FieldToSend[] {
    return [];
  }

  protected compressed(message: Uint8Array): Uint8Array {
    return message;
  }
}
