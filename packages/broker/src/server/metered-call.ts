import type { PublishCall } from '../core/index.js';
import type { UnaryCall } from '../rpc/index.js';
import type { Envelope } from '../wire/envelope.js';
import { clipStatus } from './clip.js';
import type { Clock } from './clock.js';
import type { Tally, Traffic } from './traffic.js';

/** A Publish on its way through the core, with a stopwatch. */
export class MeteredCall implements PublishCall {
  readonly #call: UnaryCall;
  readonly #clock: Clock;
  readonly #traffic: Traffic;
  readonly #began: number;
  #tally: Tally;
  /** What is published, while it is being handled: its bytes are borrowed. */
  event: Envelope | undefined = undefined;

  constructor(call: UnaryCall, clock: Clock, traffic: Traffic, began: number) {
    this.#call = call;
    this.#clock = clock;
    this.#traffic = traffic;
    this.#began = began;
    this.#tally = traffic.unknown;
  }

  received(event: Envelope): void {
    this.event = event;
    this.#tally = this.#traffic.of(event.cluster ?? '', event.type.dataType);
    this.#tally.published += 1;
  }

  reply(message: Uint8Array): void {
    this.#measure(0);
    this.#call.reply(message);
  }

  fail(code: number, message: string): void {
    this.#measure(code);
    this.#call.fail(code, clipStatus(message));
  }

  #measure(code: number): void {
    const seconds = (this.#clock.now() - this.#began) / 1000;
    this.#tally.answer(code, seconds);
    this.#traffic.publishes.add(seconds);
  }
}
