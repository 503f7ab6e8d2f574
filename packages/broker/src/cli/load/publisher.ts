import { arrivalMicros, nowMicros } from './clock.js';
import type { EventTemplate } from './event-template.js';
import type { RawConnection } from './raw-connection.js';
import type { RawStream, RawStreamListener } from './raw-stream.js';
import type { Tally } from './tally.js';

/** When the events of a run are due, shared by all its publishers. */
export interface Pace {
  /** False once the run is over. */
  running: boolean;
  /** Events that may still be begun. */
  left: number;
  /** Open loop: microseconds between events; 0 is the closed loop. */
  readonly interval: number;
  /** Open loop: when the next event is due. */
  due: number;
  /** Events that may be sent and not yet delivered; infinite when deliveries are not waited for. */
  readonly undelivered: number;
  /** Deliveries of each event. */
  readonly fan: number;
}

/** What keeps publishing on one connection. */
export interface LoadPublisher {
  /** Events without an answer. */
  readonly inFlight: number;
  /** Begins everything that may begin now. Outside of the connection's own callbacks `flush` must follow. */
  pump(): void;
  flush(): void;
}

/** What a publisher works with; `inFlight` is its own limit, in events. */
export interface PublisherParts {
  readonly template: EventTemplate;
  readonly cursor: ResourceCursor;
  readonly inFlight: number;
  readonly pace: Pace;
  readonly tally: Tally;
}

/** Which resource comes next, and at which version; a publisher owns its share, so versions grow in order. */
export class ResourceCursor {
  #first: number;
  #step: number;
  #count: number;
  #index: number;
  #version: number;
  readonly #from: number;
  readonly #stride: number;

  /** @param scatteredFrom where the scattered order begins; undefined: in their own order */
  constructor(first: number, step: number, count: number, firstVersion: number, scatteredFrom?: number) {
    this.#first = first;
    this.#step = step;
    this.#count = count;
    this.#index = first;
    this.#version = firstVersion;
    this.#from = scatteredFrom ?? 0;
    this.#stride = scatteredFrom === undefined ? 1 : strideOf(count);
  }

  get version(): number {
    return this.#version;
  }

  next(): number {
    if (this.#index >= this.#count) {
      this.#index = this.#first;
      this.#version += 1;
    }
    const resource = ((this.#index + this.#from) * this.#stride) % this.#count;
    this.#index += this.#step;
    return resource;
  }
}

/** A step of about 0.618 of the way round that comes past each of `count` once before it comes to the first again. */
function strideOf(count: number): number {
  let stride = Math.max(1, Math.round(count * 0.618034));
  while (commonDivisor(stride, count) !== 1) stride += 1;
  return stride;
}

function commonDivisor(one: number, other: number): number {
  return other === 0 ? one : commonDivisor(other, one % other);
}

/** Keeps up to `inFlight` Publish calls going on one connection. */
export class Publisher implements RawStreamListener, LoadPublisher {
  #connection: RawConnection;
  #template: EventTemplate;
  #cursor: ResourceCursor;
  #inFlight: number;
  #pace: Pace;
  #tally: Tally;

  constructor(connection: RawConnection, parts: PublisherParts) {
    this.#connection = connection;
    this.#template = parts.template;
    this.#cursor = parts.cursor;
    this.#inFlight = parts.inFlight;
    this.#pace = parts.pace;
    this.#tally = parts.tally;
    connection.onReady = () => this.pump();
  }

  get inFlight(): number {
    return this.#connection.streams;
  }

  pump(): void {
    const pace = this.#pace;
    while (
      pace.running &&
      pace.left > 0 &&
      this.#connection.streams < this.#inFlight &&
      this.#connection.ready
    ) {
      if (this.#tally.sent - this.#tally.failed - this.#tally.delivered / pace.fan >= pace.undelivered)
        return;
      const now = nowMicros();
      let begun = now;
      if (pace.interval > 0) {
        if (pace.due > now) return;
        begun = Math.floor(pace.due);
        pace.due += pace.interval;
      }
      pace.left -= 1;
      this.#send(begun);
    }
  }

  flush(): void {
    this.#connection.flush();
  }

  closed(stream: RawStream, status: number, message: string): void {
    this.#tally.answered(status, message, stream.startedAt, arrivalMicros());
    this.pump();
  }

  #send(begun: number): void {
    const resource = this.#cursor.next();
    const body = this.#template.next(resource, this.#cursor.version, begun);
    this.#tally.sent += 1;
    this.#connection.open(body, this, begun);
  }
}
