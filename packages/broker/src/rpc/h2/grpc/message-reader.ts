import { STATUS_INTERNAL, STATUS_RESOURCE_EXHAUSTED } from '../../status.js';
import { GrpcError } from './grpc-error.js';

const PREFIX_BYTES = 5;
/** What is reserved for the beginning of a message that came in parts. */
const FIRST_BYTES = 256;
/** Messages up to this size that have to wait are gathered, so that a few bytes do not keep a chunk and an object of their own. */
const SMALL_BYTES = 1_024;
const GATHER_BYTES = 4_096;

/**
 * Length-prefixed messages (gRPC over HTTP/2, "Length-Prefixed-Message") out of the payloads of DATA frames.
 *
 * A message that lies whole in one payload is handed out as a view of it. Of others the parts are copied, once, into a buffer that
 * doubles as they come: what a prefix announces costs nothing until it arrives. At every moment what was pushed is what was taken, is
 * `waiting`, or is `held`.
 */
export class MessageReader {
  readonly #maxMessageBytes: number;
  /** Complete messages, prefixes included: this run first, then those of `#later`. */
  #run: Uint8Array | undefined = undefined;
  #at = 0;
  #end = 0;
  #later: Run | undefined = undefined;
  #last: Run | undefined = undefined;
  /** The message that is on its way. */
  #prefixBytes = 0;
  #flag = 0;
  #length = 0;
  #body: Buffer | undefined = undefined;
  #filled = 0;
  #waiting = 0;
  #compressed = false;
  #broken: GrpcError | undefined = undefined;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Whether the message that `next` returned last is compressed. */
  get compressed(): boolean {
    return this.#compressed;
  }

  /** Nothing is in it, and nothing was wrong so far. */
  get isEmpty(): boolean {
    return this.#run === undefined && this.#prefixBytes === 0 && this.#broken === undefined;
  }

  /** Bytes of a message that has not come whole, its prefix included. */
  get held(): number {
    return this.#prefixBytes + this.#filled;
  }

  /** Bytes of complete messages that `next` has not returned, prefixes included. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Adds the payload of one DATA frame, which must stay as it is until its complete messages were taken. Copies only what does not
   * complete a message in it.
   */
  push(bytes: Buffer, start: number, end: number): void {
    if (this.#broken !== undefined) return;
    if (this.#prefixBytes > 0) start = this.#continue(bytes, start, end);
    if (start < end && this.#broken === undefined) this.#whole(bytes, start, end);
  }

  /**
   * The next complete message, or undefined. It is borrowed: whoever keeps it beyond the next `push` copies it, since it may be part of a
   * larger chunk. Throws GrpcError once the messages before it are taken: RESOURCE_EXHAUSTED for one over the limit, by its prefix alone;
   * INTERNAL for one whose flag is neither 0 nor 1. What is pushed after such a message is dropped.
   */
  next(): Uint8Array | undefined {
    if (this.#run === undefined) {
      if (this.#broken !== undefined) throw this.#broken;
      return undefined;
    }
    const bytes = this.#run;
    const from = this.#at + PREFIX_BYTES;
    const to = from + lengthAt(bytes, this.#at);
    this.#compressed = bytes[this.#at] === 1;
    this.#waiting -= to - this.#at;
    if (to < this.#end) this.#at = to;
    else this.#nextRun();
    return bytes.subarray(from, to);
  }

  /** Adds to the message on its way; returns where its part of the payload ends. */
  #continue(bytes: Buffer, start: number, end: number): number {
    while (this.#prefixBytes < PREFIX_BYTES) {
      if (start === end) return end;
      const byte = bytes[start++] ?? 0;
      if (this.#prefixBytes++ === 0) this.#flag = byte;
      else this.#length = this.#length * 256 + byte;
    }
    if (this.#body === undefined && !this.#allowed(this.#flag, this.#length)) return end;
    const part = Math.min(end - start, this.#length - this.#filled);
    const body = this.#room(part);
    bytes.copy(body, PREFIX_BYTES + this.#filled, start, start + part);
    this.#filled += part;
    if (this.#filled === this.#length) {
      const whole = PREFIX_BYTES + this.#length;
      writePrefix(body, this.#flag, this.#length);
      this.#forget();
      this.#append(body, 0, whole);
    }
    return start + part;
  }

  /** Takes the complete messages at the beginning as one run; the rest is the beginning of a message on its way. */
  #whole(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (end - at >= PREFIX_BYTES) {
      const length = lengthAt(bytes, at);
      if (!this.#allowed(bytes[at] ?? 0, length)) break;
      if (end - at - PREFIX_BYTES < length) break;
      at += PREFIX_BYTES + length;
    }
    if (at > start) this.#append(bytes, start, at);
    if (at < end && this.#broken === undefined) this.#continue(bytes, at, end);
  }

  #allowed(flag: number, length: number): boolean {
    if (flag > 1) {
      this.#broken = new GrpcError(
        STATUS_INTERNAL,
        `a message has flag ${flag}: it must be 0, or 1 if compressed`,
      );
    } else if (length > this.#maxMessageBytes) {
      const message = `a message has ${length} bytes: at most ${this.#maxMessageBytes} are taken`;
      this.#broken = new GrpcError(STATUS_RESOURCE_EXHAUSTED, message);
    } else {
      return true;
    }
    this.#forget();
    return false;
  }

  /** The buffer of the message on its way, prefix in front, with room for `part` bytes more. */
  #room(part: number): Buffer {
    const needed = PREFIX_BYTES + this.#filled + part;
    const body = this.#body;
    if (body !== undefined && body.length >= needed) return body;
    const doubled = Math.max(2 * needed, FIRST_BYTES);
    const larger = Buffer.allocUnsafe(Math.min(doubled, PREFIX_BYTES + this.#length));
    body?.copy(larger, PREFIX_BYTES, PREFIX_BYTES, PREFIX_BYTES + this.#filled);
    this.#body = larger;
    return larger;
  }

  #forget(): void {
    this.#prefixBytes = 0;
    this.#length = 0;
    this.#body = undefined;
    this.#filled = 0;
  }

  #append(bytes: Uint8Array, at: number, end: number): void {
    this.#waiting += end - at;
    if (this.#run === undefined) {
      this.#run = bytes;
      this.#at = at;
      this.#end = end;
    } else if (end - at > SMALL_BYTES) {
      this.#queue({ bytes, at, end, gathers: false, next: undefined });
    } else {
      this.#gather(bytes, at, end);
    }
  }

  #gather(bytes: Uint8Array, at: number, end: number): void {
    let run = this.#last;
    if (run === undefined || !run.gathers || run.bytes.length - run.end < end - at) {
      run = { bytes: Buffer.allocUnsafe(GATHER_BYTES), at: 0, end: 0, gathers: true, next: undefined };
      this.#queue(run);
    }
    run.bytes.set(bytes.subarray(at, end), run.end);
    run.end += end - at;
  }

  #queue(run: Run): void {
    if (this.#last === undefined) this.#later = run;
    else this.#last.next = run;
    this.#last = run;
  }

  #nextRun(): void {
    const run = this.#later;
    this.#run = run?.bytes;
    this.#at = run?.at ?? 0;
    this.#end = run?.end ?? 0;
    this.#later = run?.next;
    if (this.#later === undefined) this.#last = undefined;
  }
}

interface Run {
  readonly bytes: Uint8Array;
  readonly at: number;
  end: number;
  /** Further small messages may be added to it. */
  readonly gathers: boolean;
  next: Run | undefined;
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at + 1] ?? 0) * 0x1000000 +
    (((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0))
  );
}

function writePrefix(bytes: Buffer, flag: number, length: number): void {
  bytes[0] = flag;
  bytes.writeUInt32BE(length, 1);
}
