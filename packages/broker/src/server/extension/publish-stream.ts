import { CeBrokerError, encodePublishAnswer, type PublishRefusal, splitPublishBatch } from 'ce-broker-proto';
import type { BidiListener, BidiStream } from '../../rpc/index.js';
import type { Envelope } from '../../wire/envelope.js';
import { clipStatus } from '../clip.js';
import { type MethodParts, noteRefusal, publishOne } from '../methods.js';
import type { PeerState } from '../peers.js';
import type { Tally } from '../traffic.js';
import { type Settled, StreamedCall } from './streamed-call.js';

const OK = 0;
const UNAVAILABLE = 14;
const WINDOW_BYTES = 1024 * 1024;
/** Events that may be answered, or not, beyond the first unanswered one: what is remembered of them is bounded so. */
const MOST_AHEAD = 65_536;

/** Event bytes that a stream may have unanswered. */
export function windowBytes(maxMessageBytes: number): number {
  return Math.max(WINDOW_BYTES, maxMessageBytes);
}

/**
 * One stream of publishes. Its events enter the core in order; each is answered when the core answers it, and all answers of a turn go
 * out as one message. While its window is full, or the client takes no answers, it reads no further.
 */
export class PublishStream implements BidiListener, Settled {
  readonly #stream: BidiStream;
  readonly #peer: PeerState;
  readonly #parts: MethodParts;
  readonly #window: number;
  /** The number that the next event has to have. */
  #next = 1;
  /** Every event up to here is settled. */
  #acknowledged = 0;
  /** Settled events beyond it, and those among them that the client has not been told of. */
  readonly #early = new Set<number>();
  #untoldEarly: number[] = [];
  #refusals: PublishRefusal[] = [];
  #told = 0;
  #inFlight = 0;
  #reading = false;
  #answerDue = false;
  /** The status that it ends with once everything is answered. */
  #finish: { readonly code: number; readonly message: string } | undefined = undefined;
  #over = false;
  readonly #answerSoon = (): void => {
    this.#answerDue = false;
    this.#answer();
  };

  constructor(stream: BidiStream, peer: PeerState, parts: MethodParts) {
    this.#stream = stream;
    this.#peer = peer;
    this.#parts = parts;
    this.#window = windowBytes(parts.maxMessageBytes);
    stream.listener = this;
    peer.publishStreams += 1;
  }

  /** Says the window before anything is read: a client that hears it knows that it has found this service. */
  begin(): void {
    const { acknowledgedEarly, refusals } = NOTHING;
    this.#stream.sendHeaders({});
    this.#stream.write(
      encodePublishAnswer({ acknowledged: 0, acknowledgedEarly, refusals, windowBytes: this.#window }),
    );
    this.#read();
  }

  message(bytes: Uint8Array): void {
    this.#reading = false;
    if (this.#finish !== undefined) return;
    this.#soon();
    try {
      const { identity } = this.#parts.peers.of(this.#stream);
      const { firstSequence, requests } = splitPublishBatch(bytes);
      if (requests.length > 0 && firstSequence !== this.#next) throw outOfOrder(firstSequence, this.#next);
      const { clock, core, notes, traffic } = this.#parts;
      const now = clock.now();
      notes.peer = this.#stream.peer.address;
      for (const request of requests) {
        const call = new StreamedCall(this, this.#next, request.byteLength, now, traffic.unknown);
        this.#next += 1;
        this.#inFlight += call.bytes;
        try {
          publishOne(this.#parts, call, request, identity, now);
        } catch (thrown) {
          const error = CeBrokerError.from(thrown, 'internal');
          noteRefusal(this.#parts, error, this.#stream.peer.address);
          call.fail(error.grpcCode, error.message);
        }
        call.event = undefined;
      }
      if (core.view.draining)
        this.#end(UNAVAILABLE, 'the broker is shutting down: publish again when connected');
    } catch (thrown) {
      const error = CeBrokerError.from(thrown, 'internal');
      noteRefusal(this.#parts, error, this.#stream.peer.address);
      this.#end(error.grpcCode, clipStatus(error.message));
    } finally {
      this.#parts.notes.peer = undefined;
    }
    // Who takes no answers is read no further, or what they say would pile up here: `writable` goes on.
    if (this.#stream.writableBytes() > 0) this.#read();
  }

  halfClosed(): void {
    this.#end(OK, 'OK');
    this.#answer();
  }

  /** What was taken is answered first. */
  ending(code: number, message: string): boolean {
    if (this.#inFlight === 0 && !this.#answerDue) return false;
    this.#end(code, message);
    return true;
  }

  writable(): void {
    this.#answer();
  }

  closed(): void {
    this.#over = true;
    this.#peer.publishStreams -= 1;
  }

  tallyOf(event: Envelope): Tally {
    return this.#parts.traffic.of(event.cluster ?? '', event.type.dataType);
  }

  settled(call: StreamedCall, code: number, message: string): void {
    const { clock, traffic } = this.#parts;
    const seconds = (clock.now() - call.began) / 1000;
    call.tally.answer(code, seconds);
    traffic.publishes.add(seconds);
    if (this.#over) return;
    const { sequence } = call;
    this.#inFlight -= call.bytes;
    if (code !== OK) this.#refusals.push({ sequence, code, message: clipStatus(message) });
    if (sequence === this.#acknowledged + 1) {
      this.#acknowledged = sequence;
      while (this.#early.size > 0 && this.#early.delete(this.#acknowledged + 1)) this.#acknowledged += 1;
    } else {
      this.#early.add(sequence);
      if (code === OK) this.#untoldEarly.push(sequence);
    }
    this.#soon();
  }

  /** One answer for all that a turn settles, be it the messages of a chunk or a group of the store. */
  #soon(): void {
    if (this.#answerDue) return;
    this.#answerDue = true;
    queueMicrotask(this.#answerSoon);
  }

  #answer(): void {
    if (this.#over) return;
    const news = this.#acknowledged > this.#told || this.#untoldEarly.length > 0 || this.#refusals.length > 0;
    if (news && this.#stream.writableBytes() <= 0) return;
    if (news) {
      const acknowledged = this.#acknowledged;
      const acknowledgedEarly = this.#untoldEarly.filter((sequence) => sequence > acknowledged);
      this.#stream.write(
        encodePublishAnswer({ acknowledged, acknowledgedEarly, refusals: this.#refusals, windowBytes: 0 }),
      );
      this.#told = acknowledged;
      this.#untoldEarly = [];
      this.#refusals = [];
    }
    if (this.#finish === undefined) this.#read();
    else if (this.#inFlight === 0) this.#stream.end(this.#finish.code, this.#finish.message);
  }

  #read(): void {
    if (this.#reading || this.#finish !== undefined || this.#inFlight >= this.#window) return;
    if (this.#next - this.#acknowledged > MOST_AHEAD) return;
    this.#reading = true;
    this.#stream.read();
  }

  #end(code: number, message: string): void {
    this.#finish ??= { code, message };
  }
}

const NOTHING = Object.freeze({ acknowledgedEarly: [], refusals: [] });

function outOfOrder(first: number, next: number): CeBrokerError {
  return new CeBrokerError(
    'invalid_argument',
    `first_sequence is ${first}, the next event is ${next}: numbers begin at 1 and leave nothing out`,
    { field: 'first_sequence' },
  );
}
