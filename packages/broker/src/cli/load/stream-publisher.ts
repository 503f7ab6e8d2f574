import { type CeBrokerError, decodePublishAnswer } from 'ce-broker-proto';
import { nowMicros } from './clock.js';
import type { LoadPublisher, PublisherParts } from './publisher.js';
import type { RawConnection } from './raw-connection.js';
import { GRPC_PREFIX, type RawStream, type RawStreamListener } from './raw-stream.js';
import { STATUS_INTERNAL, STATUS_OK, STATUS_UNAVAILABLE } from './status.js';

/** Behind the events of a batch: a tag and the sequence number of the first of them. */
const MOST_BEHIND = 11;
const FIRST_SEQUENCE_TAG = 0x10;
const FIRST_BUFFER_BYTES = 64 * 1024;

/**
 * Keeps up to `inFlight` events going on one `ce_broker.v1.Broker/PublishStream`, `batch` of them in each message. When the stream
 * ends, what it had in flight has failed, and the connection ends with it.
 */
export class StreamPublisher implements RawStreamListener, LoadPublisher {
  #connection: RawConnection;
  #parts: PublisherParts;
  #batch: number;
  #stream: RawStream | undefined;
  /** When each event that is not acknowledged began, at its number modulo the length. */
  #begun: Float64Array;
  #sent = 0;
  #acknowledged = 0;
  /** Events beyond `#acknowledged` that have their outcome. */
  #ahead = new Set<number>();
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BUFFER_BYTES);
  #settled: ((error: string | undefined) => void) | undefined;

  constructor(connection: RawConnection, parts: PublisherParts, batch: number) {
    this.#connection = connection;
    this.#parts = parts;
    this.#batch = batch;
    this.#begun = new Float64Array(parts.inFlight);
    connection.onReady = () => this.pump();
  }

  /** Opens the stream; `settled` is called once: at the headers, or with the reason when the stream ends before them. */
  begin(settled: (error: string | undefined) => void): void {
    this.#settled = settled;
    this.#connection.begin(this, 0);
    this.#connection.flush();
  }

  get inFlight(): number {
    return this.#sent - this.#acknowledged - this.#ahead.size;
  }

  pump(): void {
    const { pace } = this.#parts;
    while (this.#stream !== undefined && pace.running && pace.left > 0 && this.#connection.ready) {
      const now = nowMicros();
      const room = Math.min(this.#room(), pace.left);
      let count = Math.min(this.#batch, room);
      if (pace.interval > 0) count = Math.min(count, Math.floor((now - pace.due) / pace.interval) + 1);
      else if (count < Math.min(this.#batch, pace.left)) return;
      if (count <= 0) return;
      this.#send(this.#stream, count, now);
    }
  }

  flush(): void {
    this.#connection.flush();
  }

  opened(stream: RawStream): void {
    this.#stream = stream;
    this.#settle(undefined);
  }

  message(_stream: RawStream, bytes: Buffer, start: number, end: number): void {
    const now = nowMicros();
    try {
      const answer = decodePublishAnswer(bytes.subarray(start, end));
      for (const { sequence, code, message } of answer.refusals) {
        this.#outcome(sequence, code === STATUS_OK ? STATUS_INTERNAL : code, message, now);
      }
      for (const sequence of answer.acknowledgedEarly) this.#outcome(sequence, STATUS_OK, '', now);
      const to = Math.min(answer.acknowledged, this.#sent);
      while (this.#acknowledged < to) {
        const sequence = this.#acknowledged + 1;
        this.#outcome(sequence, STATUS_OK, '', now);
        this.#ahead.delete(sequence);
        this.#acknowledged = sequence;
      }
    } catch (error) {
      this.#connection.close(`not a PublishAnswer: ${(error as CeBrokerError).message}`);
      return;
    }
    this.pump();
  }

  closed(_stream: RawStream, status: number, message: string): void {
    const { tally, pace } = this.#parts;
    const code = status === STATUS_OK ? STATUS_UNAVAILABLE : status;
    const reason = `the publish stream ended: ${message === '' ? 'the server ended it' : message}`;
    const lost = this.inFlight;
    this.#stream = undefined;
    this.#acknowledged = this.#sent;
    this.#ahead.clear();
    for (let count = 0; count < lost; count++) tally.error(code, reason);
    if (lost === 0 && pace.running) tally.error(code, reason);
    this.#settle(reason);
    this.#connection.close(reason);
  }

  /** Events that may be sent now. */
  #room(): number {
    const { pace, tally, inFlight } = this.#parts;
    const room = inFlight - (this.#sent - this.#acknowledged);
    if (!Number.isFinite(pace.undelivered)) return room;
    const undelivered = tally.sent - tally.failed - tally.delivered / pace.fan;
    return Math.min(room, Math.floor(pace.undelivered - undelivered));
  }

  #outcome(sequence: number, status: number, message: string, now: number): void {
    if (sequence <= this.#acknowledged || sequence > this.#sent || this.#ahead.has(sequence)) return;
    this.#ahead.add(sequence);
    const begun = this.#begun[sequence % this.#begun.length] ?? now;
    this.#parts.tally.answered(status, message, begun, now);
  }

  /** One message of `count` events. A PublishRequest is one field, which is encoded as an event of a batch is: so its bytes are taken. */
  #send(stream: RawStream, count: number, now: number): void {
    const { template, cursor, pace, tally } = this.#parts;
    let at = GRPC_PREFIX;
    const first = this.#sent + 1;
    for (let index = 0; index < count; index++) {
      let begun = now;
      if (pace.interval > 0) {
        begun = Math.floor(pace.due);
        pace.due += pace.interval;
      }
      const resource = cursor.next();
      const request = template.next(resource, cursor.version, begun);
      this.#reserve(at + request.length + MOST_BEHIND);
      at += request.copy(this.#bytes, at, GRPC_PREFIX);
      this.#sent += 1;
      this.#begun[this.#sent % this.#begun.length] = begun;
    }
    pace.left -= count;
    tally.sent += count;
    const bytes = this.#bytes;
    bytes[at++] = FIRST_SEQUENCE_TAG;
    let rest = first;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 0x80;
    bytes[at++] = rest;
    bytes[0] = 0;
    bytes.writeUInt32BE(at - GRPC_PREFIX, 1);
    this.#connection.send(stream, bytes.subarray(0, at));
  }

  #reserve(bytes: number): void {
    if (this.#bytes.length >= bytes) return;
    const larger = Buffer.allocUnsafeSlow(bytes * 2);
    this.#bytes.copy(larger);
    this.#bytes = larger;
  }

  #settle(error: string | undefined): void {
    const settled = this.#settled;
    this.#settled = undefined;
    settled?.(error);
  }
}
