import {
  STATUS_DEADLINE_EXCEEDED,
  STATUS_INTERNAL,
  STATUS_RESOURCE_EXHAUSTED,
  STATUS_UNIMPLEMENTED,
} from '../../status.js';
import { isOneMessage } from '../grpc/one-message.js';
import { PREFIX_BYTES } from '../shared-frames.js';
import { GrpcStream } from './grpc-stream.js';

/** A stream that takes exactly one message: a unary call or a server stream. */
export abstract class RequestStream extends GrpcStream {
  /** The message, while the end of the client's side has not come. */
  #request: Uint8Array | undefined = undefined;

  /** The request is whole. It is borrowed. */
  protected abstract begin(request: Uint8Array): void;

  override tick(now: number): void {
    super.tick(now);
    if (!this.arriving || this.over || this.ended) return;
    const { requestTimeoutMs } = this.owner.host.limits;
    if (now - this.openedAt < requestTimeoutMs) return;
    const text = `the request was not whole within ${requestTimeoutMs} ms (requestTimeoutMs)`;
    this.refuse(STATUS_DEADLINE_EXCEEDED, text);
  }

  data(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.ended) return;
    if (endStream && this.reader === undefined && isOneMessage(bytes, start, end)) {
      const length = end - start - PREFIX_BYTES;
      if (length > this.owner.host.maxMessageBytes) {
        this.#refuseSize(length);
        return;
      }
      this.arriving = false;
      this.begin(bytes.subarray(start + PREFIX_BYTES, end));
      return;
    }
    this.push(bytes, start, end);
    this.#take();
    if (this.ended || !this.recount(this.#request?.byteLength)) return;
    this.taken(end - start);
    if (endStream) this.halfClosed();
  }

  halfClosed(): void {
    if (this.ended) return;
    const { reader } = this;
    const request = this.#request;
    if (request === undefined) {
      if (reader !== undefined && reader.held > 0) {
        this.refuse(STATUS_INTERNAL, 'the client ended its side in the middle of a message');
      } else {
        this.refuse(STATUS_UNIMPLEMENTED, 'one request message was expected, none came');
      }
      return;
    }
    this.arriving = false;
    if (reader?.compressed === true) {
      // Until it is inflated it counts.
      this.inflate(request, (message) => this.#beginWith(message));
    } else {
      this.#beginWith(request);
    }
  }

  #beginWith(request: Uint8Array): void {
    this.#request = undefined;
    this.dropArriving();
    this.begin(request);
  }

  /** What cannot become a request is refused before the rest of it comes: too large, or more than one message. */
  #take(): void {
    const { reader } = this;
    if (reader === undefined) return;
    if (this.#request === undefined) {
      const message = this.next();
      if (message === undefined) return;
      // What the reader hands out is borrowed until more comes, and may be part of a larger chunk.
      this.#request = Buffer.from(message);
    }
    if (reader.held === 0 && reader.waiting === 0) return;
    this.refuse(STATUS_UNIMPLEMENTED, 'one request message was expected, more came');
  }

  #refuseSize(bytes: number): void {
    const { maxMessageBytes } = this.owner.host;
    this.refuse(
      STATUS_RESOURCE_EXHAUSTED,
      `Received message larger than max (${bytes} vs ${maxMessageBytes})`,
    );
  }
}
