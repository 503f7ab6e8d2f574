import { httpHead, trailersOnly } from '../grpc/response-head.js';
import type { FieldToSend } from '../hpack/encoder.js';
import type { HeaderBlock } from '../hpack/header-block.js';
import type { StreamOwner } from './owner.js';
import { H2Stream } from './stream.js';

/** The answer to a request that is no call of ours: a gRPC status, or an HTTP error with a line of text. */
export class AnswerStream extends H2Stream {
  constructor(owner: StreamOwner, id: number, block: HeaderBlock) {
    super(owner, id, block);
    this.arriving = false;
  }

  override get isCall(): boolean {
    return true;
  }

  status(code: number, message: string, extra: readonly FieldToSend[] = []): void {
    this.finish([...trailersOnly(code, message), ...extra]);
  }

  http(status: number, message: string, extra: readonly FieldToSend[]): void {
    const body = Buffer.from(`${message}\n`, 'utf8');
    this.sendHead(httpHead(status, body.length, extra));
    this.sendQueue().pushRaw(body);
    this.finish([]);
  }

  data(_bytes: Buffer, _start: number, _end: number, _endStream: boolean): void {}

  halfClosed(): void {}

  protected responseHead(): readonly FieldToSend[] {
    return [];
  }

  protected compressed(message: Uint8Array): Uint8Array {
    return message;
  }
}
