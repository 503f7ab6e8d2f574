import type { RpcStatus } from '../engine.js';
import { LARGEST_STREAM_ID, NO_ERROR } from './frames/constants.js';

/** A peer that is told to go and takes nothing for so long is not waited for. */
const STALLED_MS = 3_000;
/** How long the peer may take to see the first GOAWAY. */
const NOTICE_MS = 2_500;

/** The connection, as its end sees it. */
export interface EndingConnection {
  /** Ends the streams that are open; those that first answer what they have taken count as calls in flight. */
  endStreams(code: RpcStatus, message: string): void;
  /** Calls whose answers the end waits for. */
  readonly inFlight: number;
  readonly openStreams: number;
  readonly lastStreamId: number;
  /** Unsent bytes, of streams and socket. */
  unsent(): number;
  goAway(lastStreamId: number, code: number, message: string): void;
  /** A PING that comes back once the peer has seen what was sent before it. */
  ask(): void;
  /** No more output: closes once what is there has left. */
  finish(): void;
  destroy(): void;
}

/**
 * The end of a connection, in the order that wakes Go clients without harm: streams get their status, calls in flight their answers (a
 * client fails a call that is in flight when GOAWAY comes, even if the answer follows), then GOAWAY in two steps (RFC 9113 §6.8), so
 * that what crosses with the first is still answered, then close.
 */
export class Ending {
  readonly #connection: EndingConnection;
  #state: 'open' | 'answering' | 'noticing' | 'going-away' | 'finished' = 'open';
  #message = '';
  #closeAt = Number.POSITIVE_INFINITY;
  #stepTimer: NodeJS.Timeout | undefined = undefined;
  #closeTimer: NodeJS.Timeout | undefined = undefined;
  #stallTimer: NodeJS.Timeout | undefined = undefined;

  constructor(connection: EndingConnection) {
    this.#connection = connection;
  }

  /** True once this side is ending the connection: no new stream belongs on it. */
  get begun(): boolean {
    return this.#state !== 'open';
  }

  /** True once streams that the peer opens are too late. */
  get refusesStreams(): boolean {
    return this.#state === 'going-away' || this.#state === 'finished';
  }

  /** Ends the connection within `graceMs`. A second call can only bring the end forward. */
  begin(code: RpcStatus, message: string, graceMs: number): void {
    this.#connection.endStreams(code, message);
    this.#destroyWithin(graceMs);
    if (this.#state !== 'open') return;
    this.#state = 'answering';
    this.#message = message;
    // Calls that take longer than half of it are told to go away in flight: their answers may still come.
    this.#stepTimer = later(() => this.#notice(), graceMs / 2);
    this.progressed();
  }

  /** A call was answered, a stream is over. */
  progressed(): void {
    if (this.#state === 'answering' && this.#connection.inFlight === 0) this.#notice();
    else if (this.#state === 'going-away' && this.#connection.openStreams === 0) this.#finish();
  }

  /** The peer has answered the PING: it has seen the first GOAWAY. */
  noticed(): void {
    if (this.#state !== 'noticing') return;
    clearTimeout(this.#stepTimer);
    this.#state = 'going-away';
    this.#connection.goAway(this.#connection.lastStreamId, NO_ERROR, this.#message);
    this.progressed();
  }

  /** The connection is over for another reason: this side has said why. */
  finishNow(withinMs: number): void {
    this.#destroyWithin(withinMs);
    this.#finish();
  }

  /** The socket has closed. */
  closed(): void {
    this.#state = 'finished';
    clearTimeout(this.#stepTimer);
    clearTimeout(this.#closeTimer);
    clearTimeout(this.#stallTimer);
  }

  #notice(): void {
    if (this.#state !== 'answering') return;
    clearTimeout(this.#stepTimer);
    this.#state = 'noticing';
    this.#connection.goAway(LARGEST_STREAM_ID, NO_ERROR, this.#message);
    this.#connection.ask();
    this.#stepTimer = later(() => this.noticed(), NOTICE_MS);
    this.#closeWhenStalled(this.#connection.unsent());
  }

  #finish(): void {
    if (this.#state === 'finished') return;
    this.#state = 'finished';
    clearTimeout(this.#stepTimer);
    this.#connection.finish();
    this.#closeWhenStalled(this.#connection.unsent());
  }

  #destroyWithin(graceMs: number): void {
    const at = performance.now() + graceMs;
    if (at >= this.#closeAt) return;
    this.#closeAt = at;
    clearTimeout(this.#closeTimer);
    this.#closeTimer = later(() => this.#connection.destroy(), graceMs);
  }

  /** Looks now and then whether the peer still takes something: one that does gets its whole grace. */
  #closeWhenStalled(before: number): void {
    clearTimeout(this.#stallTimer);
    this.#stallTimer = later(() => {
      const now = this.#connection.unsent();
      if (this.#connection.inFlight === 0 && now >= before) this.#connection.destroy();
      else this.#closeWhenStalled(now);
    }, STALLED_MS);
  }
}

function later(step: () => void, ms: number): NodeJS.Timeout {
  const timer = setTimeout(step, ms);
  timer.unref();
  return timer;
}
