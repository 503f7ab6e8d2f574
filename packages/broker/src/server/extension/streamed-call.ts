import type { Envelope } from '../../wire/envelope.js';
import type { KnownCall } from '../methods.js';
import type { Tally } from '../traffic.js';

/** Who hears what became of a stream's events. */
export interface Settled {
  settled(call: StreamedCall, code: number, message: string): void;
}

/** One event of a stream on its way through the core: the whole of what it costs until it is answered. */
export class StreamedCall implements KnownCall {
  readonly sequence: number;
  readonly bytes: number;
  readonly began: number;
  tally: Tally;
  /** What is published, while it is being handled: its bytes are borrowed. */
  event: Envelope | undefined = undefined;
  readonly #owner: Settled & { tallyOf(event: Envelope): Tally };
  #over = false;

  constructor(
    owner: Settled & { tallyOf(event: Envelope): Tally },
    sequence: number,
    bytes: number,
    began: number,
    tally: Tally,
  ) {
    this.#owner = owner;
    this.sequence = sequence;
    this.bytes = bytes;
    this.began = began;
    this.tally = tally;
  }

  received(event: Envelope): void {
    this.event = event;
    this.tally = this.#owner.tallyOf(event);
    this.tally.published += 1;
  }

  reply(): void {
    this.#settle(0, '');
  }

  fail(code: number, message: string): void {
    this.#settle(code, message);
  }

  #settle(code: number, message: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#owner.settled(this, code, message);
  }
}
