import { arrivalMicros } from './clock.js';
import type { EventTemplate } from './event-template.js';
import type { RawConnection } from './raw-connection.js';
import type { RawStream, RawStreamListener } from './raw-stream.js';
import type { Tally } from './tally.js';

/** Counts what the subscriptions of a run are sent. */
export class Subscriber implements RawStreamListener {
  /** The run is being taken down: ends of streams are no errors any more. */
  closing = false;

  #template: EventTemplate;
  #tally: Tally;
  #onArrival: (() => void) | undefined;
  #waiting = new Map<number, (error: string | undefined) => void>();
  #nextTicket = 1;

  /** `onArrival` is called at each event of this run. */
  constructor(template: EventTemplate, tally: Tally, onArrival: (() => void) | undefined) {
    this.#template = template;
    this.#tally = tally;
    this.#onArrival = onArrival;
  }

  /** `settled` is called once: at the headers, or when the stream ends before them. */
  open(connection: RawConnection, request: Buffer, settled: (error: string | undefined) => void): void {
    const ticket = this.#nextTicket++;
    this.#waiting.set(ticket, settled);
    connection.open(request, this, ticket);
  }

  opened(stream: RawStream): void {
    this.#settle(stream, undefined);
  }

  message(_stream: RawStream, bytes: Buffer, start: number, end: number): void {
    const stamp = this.#template.readStamp(bytes, start, end);
    if (stamp < 0) {
      this.#tally.otherMessages += 1;
      return;
    }
    this.#tally.arrived(stamp, arrivalMicros());
    this.#onArrival?.();
  }

  closed(stream: RawStream, status: number, message: string): void {
    if (!this.closing) this.#tally.error(status, `subscription ended: ${message}`);
    this.#settle(stream, message === '' ? 'the subscription ended at once' : message);
  }

  #settle(stream: RawStream, error: string | undefined): void {
    const settled = this.#waiting.get(stream.startedAt);
    if (settled === undefined) return;
    this.#waiting.delete(stream.startedAt);
    settled(error);
  }
}
